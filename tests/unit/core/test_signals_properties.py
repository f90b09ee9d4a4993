"""What signals promise for any facts at all, in any order, however odd."""

import math
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.events import TYPES, Event, Operation, OperationStatus, Step, Uploaded, WrappedUp
from pipeline.core.passage import Passage
from pipeline.core.signal_names import SIGNALS, find_signal
from pipeline.core.signals import derive
from tests.unit.core.story import START, in_order, plain

STAYS = ("wait_seconds", "self_service_seconds", "hold_seconds", "parked_seconds", "form_seconds")

times = st.integers(START, START + 60)
durations = st.floats(0, 0.1)
plain_events = st.builds(plain, st.sampled_from(sorted(TYPES)), times)
operations = st.builds(
    Operation,
    interaction=st.just("i"),
    system=st.sampled_from(["identity", "archive"]),
    operation=st.just("check"),
    time=times,
    seconds=durations,
    status=st.sampled_from(OperationStatus),
)
steps = st.builds(
    Step,
    interaction=st.just("i"),
    touch_point=st.just("t"),
    time=times,
    name=st.just("identify"),
    seconds=durations,
    ok=st.booleans(),
)
uploads = st.builds(
    Uploaded, interaction=st.just("i"), touch_point=st.just("t"), time=times, bytes=st.just(1), seconds=durations
)
some_events = st.lists(plain_events | plain_events | operations | steps | uploads, min_size=1, max_size=14)
some_emits = st.frozensets(st.sampled_from(sorted(TYPES)))
beginnings = st.sampled_from(["queued", "arrived", ""])
ends = st.integers(START, START + 80)


def passage_of(
    events: Sequence[Event], end: int, waits_from: str, emits: frozenset[str] = frozenset(), as_of: int | None = None
) -> Passage:
    return derive(in_order(events), emits, waits_from, end, None, as_of)


@given(some_events, ends, beginnings, some_emits)
def test_no_signal_is_negative_or_without_a_name(
    events: list[Event], end: int, waits_from: str, emits: frozenset[str]
) -> None:
    passage = passage_of(events, end, waits_from, emits)

    values = [*passage.signals.values(), *passage.system_seconds.values()]
    assert all(type(value) is float and math.isfinite(value) and value >= 0 for value in values)
    assert all(find_signal(name) for name in passage.signals)


@given(some_events, ends, beginnings)
def test_stays_never_exceed_customer_time(events: list[Event], end: int, waits_from: str) -> None:
    passage = passage_of(events, end, waits_from)

    assert passage.started_at <= (passage.served_at or end) <= end
    assert sum(round(passage.signals.get(name, 0) * 1000) for name in STAYS) <= end - passage.started_at


@given(some_events, ends, beginnings, some_emits)
def test_the_source_s_promises_only_turn_missing_signals_into_zero(
    events: list[Event], end: int, waits_from: str, emits: frozenset[str]
) -> None:
    observed = passage_of(events, end, waits_from).signals
    promised = passage_of(events, end, waits_from, emits).signals

    assert observed.items() <= promised.items()
    assert {promised[name] for name in promised.keys() - observed.keys()} <= {0.0}
    assert all(SIGNALS[name].zero_without in emits for name in promised.keys() - observed.keys())


@given(st.data(), some_events, ends, beginnings, some_emits)
def test_any_order_of_arrival_reads_the_same(
    data: st.DataObject, events: list[Event], end: int, waits_from: str, emits: frozenset[str]
) -> None:
    shuffled = data.draw(st.permutations(events))

    first = passage_of(events, end, waits_from, emits)
    second = passage_of(shuffled, end, waits_from, emits)
    assert first == second
    assert list(first.signals.items()) == list(second.signals.items())
    assert list(first.system_seconds.items()) == list(second.system_seconds.items())


@given(st.lists(st.builds(plain, st.sampled_from(["queued", "served", "self_service_entered"]), times)), ends)
def test_waiting_is_every_moment_whose_latest_move_was_into_the_queue(moves: list[Event], end: int) -> None:
    facts = in_order(moves)

    latest = [[event.kind for time, _, _, event in facts if time <= moment][-1:] for moment in range(START, end)]
    assert round(passage_of(moves, end, "queued").signals.get("wait_seconds", 0) * 1000) == latest.count(["queued"])


@given(some_events, ends, beginnings, some_emits)
def test_backend_work_and_paperwork_change_no_signal_of_the_customer(
    events: list[Event], end: int, waits_from: str, emits: frozenset[str]
) -> None:
    customers = [event for event in events if not isinstance(event, Operation | WrappedUp)]

    everything = passage_of(events, end, waits_from, emits).signals
    own = derive(in_order(customers), emits, waits_from, end, None).signals
    assert {name: value for name, value in everything.items() if not name.startswith("operation_")} == own


@given(some_events, ends, beginnings, some_emits)
def test_an_open_interaction_is_read_without_what_comes_later(
    events: list[Event], end: int, waits_from: str, emits: frozenset[str]
) -> None:
    known = [fact for fact in in_order(events) if fact[0] <= end]

    assert passage_of(events, end, waits_from, emits, end) == derive(known, emits, waits_from, end, None, end)


@given(some_events, ends, beginnings)
def test_service_time_of_systems_is_part_of_their_work_and_of_the_service(
    events: list[Event], end: int, waits_from: str
) -> None:
    passage = passage_of(events, end, waits_from)

    work = {f"operation_seconds.{system}": seconds for system, seconds in passage.system_seconds.items()}
    assert all(seconds <= passage.signals[name] for name, seconds in work.items())
    assert passage.system_seconds.keys() <= passage.operations
    assert passage.served or not passage.system_seconds
