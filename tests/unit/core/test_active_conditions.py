"""A condition was active while an interaction lasted if a value worth naming held at some moment of it."""

from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.core.conditions import KINDS, ConditionRecord, Samples

LAST = 8

times = st.integers(0, LAST)
reported = st.lists(st.tuples(times, st.sampled_from([0.0, 1.0, 3.0])), max_size=8)


@given(reported, times, times, times)
@example([(4, 1.0), (4, 3.0)], 0, 0, LAST)
@example([(4, 3.0), (2, 3.0), (4, 1.0)], 3, 0, LAST)
def test_active_is_what_a_look_at_every_moment_finds(
    values: list[tuple[int, float]], forgotten: int, one: int, other: int
) -> None:
    samples = Samples(KINDS["counters_open"])
    for offset, (time, value) in enumerate(values):
        samples.add(ConditionRecord(offset, 0, "branch/1", "counters_open", time, value))
    start, end = sorted((one, other))

    held = [samples.as_of(moment)[0] for moment in range(start, end + 1)]
    expected = any(value is not None and value <= 1 for value in held)

    assert samples.was_active(start, end) is expected
    samples.forget(min(forgotten, start))
    assert samples.was_active(start, end) is expected
