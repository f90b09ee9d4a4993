"""A simulated day: repeatable, complete, possible, and readable by the real decoder."""

from collections import defaultdict
from dataclasses import dataclass
from hashlib import sha256
from itertools import pairwise
from pathlib import Path

import pytest

from pipeline.catalog_files import load_catalog
from pipeline.core.events import (
    CHANNEL_TYPES,
    Arrived,
    Called,
    Ended,
    Event,
    InteractionEvent,
    NoShow,
    Operation,
    Saved,
    Served,
    WrappedUp,
)
from pipeline.core.record import Decoded
from pipeline.source.encode import Headers
from pipeline.source.simulator.day import SimulatedDay, simulate, topic_of
from pipeline.source.simulator.deliver import encoded
from pipeline.source.simulator.scenario import Changes, choose
from pipeline.stream.decode import Decoder
from tests.unit.source.simulator.days import LIGHT, SEED, day, events, light_day

SCHEMAS = Path(__file__).parents[4] / "schemas"
STAMP = 1_800_000_000_000
ENDS = (Ended, NoShow, Saved)


@dataclass(frozen=True)
class Sent:
    key: bytes
    value: bytes
    headers: Headers
    offset: int = 0
    timestamp: int = STAMP


def fingerprint(found: SimulatedDay) -> str:
    digest = sha256()
    for each in found.records:
        digest.update(repr((topic_of(each), *encoded(each))).encode())
    return digest.hexdigest()


def times(found: SimulatedDay, touch_point: str) -> list[tuple[int, str]]:
    place = next(place for place in found.places if place.touch_point == touch_point)
    return [(each.time, type(each.event).__name__) for each in place.written]


def time_of(event: Event) -> int:
    assert isinstance(event.time, int)
    return event.time


def milliseconds_until_end(operation: Operation) -> int:
    return time_of(operation) + round(operation.seconds * 1000)


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others() -> None:
    again = simulate(choose("busy_day", Changes(load=LIGHT)), SEED)
    assert fingerprint(again) == fingerprint(light_day())
    assert fingerprint(light_day(seed=2)) != fingerprint(light_day())
    assert all(
        times(light_day(seed=2), place.touch_point) != times(light_day(), place.touch_point)
        for place in light_day().places
    )


def test_what_goes_wrong_in_one_branch_reshuffles_nothing_elsewhere() -> None:
    quiet, short = light_day("quiet_day"), light_day("no_coffee_one_counter")
    changed = {
        place.touch_point
        for place in quiet.places
        if times(quiet, place.touch_point) != times(short, place.touch_point)
    }
    assert changed == {"branch/002/teller"}


def test_the_same_customers_come_whatever_else_happens() -> None:
    def arrivals(found: SimulatedDay) -> list[tuple[int, str | None, str | None]]:
        return [
            (each.time, each.event.customer, each.event.task)
            for each in found.records
            if isinstance(each.event, Arrived) and each.event.continues is None
        ]

    assert arrivals(light_day("quiet_day")) == arrivals(light_day("identity_slow"))


def test_two_simulations_share_no_id() -> None:
    ids = [{each.event_id for each in light_day(*which).records} for which in (("busy_day", 1), ("busy_day", 2))]
    assert ids[0] & ids[1] == set()


def test_event_ids_are_unique() -> None:
    records = light_day().records
    assert len({(each.source, each.event_id) for each in records}) == len(records)


def test_records_come_in_order_of_time() -> None:
    assert all(before.time <= after.time for before, after in pairwise(light_day().records))


def test_every_interaction_begins_with_arriving_and_ends_exactly_once() -> None:
    for own in events(light_day()).values():
        assert isinstance(own[0], Arrived)
        assert sum(isinstance(event, ENDS) for event in own) == 1
        after = own[1 + next(index for index, event in enumerate(own) if isinstance(event, ENDS)) :]
        assert all(isinstance(event, WrappedUp) for event in after)


def test_the_truth_counts_every_interaction() -> None:
    found = light_day()
    assert sum(place.arrived for place in found.truth.touch_points.values()) == len(events(found))
    assert sum(found.truth.records.values()) == len(found.records)


def test_operations_lie_within_their_interaction() -> None:
    for own in events(light_day()).values():
        end = next(time_of(event) for event in own if isinstance(event, ENDS))
        inside = [event for event in own if isinstance(event, Operation)]
        assert all(time_of(own[0]) <= time_of(event) and milliseconds_until_end(event) <= end for event in inside)


def test_nobody_is_served_before_arriving() -> None:
    for own in events(light_day()).values():
        assert all(time_of(event) > time_of(own[0]) for event in own if isinstance(event, Served))


def test_a_counter_serves_one_customer_at_a_time() -> None:
    spans: dict[tuple[str, str | None], list[tuple[int, int]]] = defaultdict(list)
    for own in events(day("busy_day")).values():
        end = next(time_of(event) for event in own if isinstance(event, ENDS))
        spans_of = [(event.touch_point, event.counter, time_of(event)) for event in own if isinstance(event, Called)]
        for touch_point, counter, called in spans_of:
            spans[touch_point, counter].append((called, end))
    assert len(spans) == 12
    for served in spans.values():
        assert all(before[1] <= after[0] for before, after in pairwise(sorted(served)))


def test_an_agent_takes_one_call_at_a_time() -> None:
    for place in day("busy_day").places:
        for post in place.posts:
            assert all(before[1] <= after[0] for before, after in pairwise(post.busy))


def test_every_event_passes_the_real_decoder_and_the_shipped_catalog() -> None:
    decoder = Decoder(load_catalog(SCHEMAS), lambda _key: 0, 1_048_576, 300_000)
    for each in light_day().records:
        if topic_of(each) == "events":
            result = decoder.decode(Sent(*encoded(each)), 0, 0, ())
            assert isinstance(result, Decoded), result
            assert (result.event, result.unknown_fields) == (each.event, False)


def test_a_touch_point_sends_what_the_catalog_says_it_sends_and_asks_the_systems_it_names() -> None:
    catalog = load_catalog(SCHEMAS)
    for own in events(light_day()).values():
        assert isinstance(own[0], InteractionEvent)
        touch_point = catalog.resolve(own[0].touch_point, 0)
        assert touch_point is not None
        assert {event.kind for event in own} <= touch_point.emits
        assert {event.system for event in own if isinstance(event, Operation)} <= set(touch_point.systems)


@pytest.mark.parametrize("channel", CHANNEL_TYPES)
def test_a_day_knows_most_types_of_a_channel(channel: str) -> None:
    seen = {
        event.kind
        for own in events(day("busy_day")).values()
        if isinstance(own[0], InteractionEvent) and own[0].touch_point.startswith(channel)
        for event in own
    }
    assert CHANNEL_TYPES[channel] - seen <= {
        "parked",
        "resumed",
        "reopened",
        "wrapped_up",
        "callback_requested",
        "step",
    }
