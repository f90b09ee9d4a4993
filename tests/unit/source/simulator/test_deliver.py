import pytest

from pipeline.core.side_events import Condition
from pipeline.source.simulator.deliver import in_turn, span_ms
from tests.unit.source.simulator.days import light_day

SPAN = 60_000


def test_no_event_is_sent_before_a_condition_that_is_earlier() -> None:
    latest_event = 0
    for _, each in in_turn(light_day().records, SPAN):
        if isinstance(each.event, Condition):
            assert each.time >= latest_event
        else:
            latest_event = max(latest_event, each.time)


def test_events_keep_their_order_and_conditions_are_early_by_less_than_a_span() -> None:
    records = light_day().records
    turns = in_turn(records, SPAN)
    assert [each for _, each in turns if not isinstance(each.event, Condition)] == [
        each for each in records if not isinstance(each.event, Condition)
    ]
    assert all(0 <= each.time - due < SPAN for due, each in turns)
    assert [due for due, _ in turns] == sorted(due for due, _ in turns)


@pytest.mark.parametrize(("speed", "span"), [(None, 60_000), (1.0, 100), (100.0, 10_000), (5000.0, 60_000), (0.001, 1)])
def test_conditions_are_early_by_a_minute_at_most_and_by_a_tenth_of_a_second_of_ours(
    speed: float | None, span: int
) -> None:
    assert span_ms(speed) == span
