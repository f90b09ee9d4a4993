"""Simulated days for the tests, each lived through once; and one interaction at a time out of them."""

from collections import defaultdict
from functools import cache

from pipeline.core.events import Event, InteractionEvent, Operation
from pipeline.core.side_events import Condition
from pipeline.source.simulator.day import SimulatedDay, simulate
from pipeline.source.simulator.scenario import Changes, choose

SEED = 1
LIGHT = 0.3  # of the customers: enough to see every kind of event


@cache
def day(scenario: str, seed: int = SEED, changes: Changes | None = None) -> SimulatedDay:
    return simulate(choose(scenario, changes or Changes()), seed)


def light_day(scenario: str = "busy_day", seed: int = SEED) -> SimulatedDay:
    return day(scenario, seed, Changes(load=LIGHT))


def events(found: SimulatedDay) -> dict[str, list[Event]]:
    """Interaction -> its events in order of time."""
    by_interaction: dict[str, list[Event]] = defaultdict(list)
    for each in found.records:
        if isinstance(each.event, InteractionEvent | Operation):
            by_interaction[each.event.interaction].append(each.event)
    return by_interaction


def values(found: SimulatedDay, subject: str, kind: str) -> list[tuple[int, float]]:
    """(time, value) of one condition."""
    return [
        (each.time, each.event.value)
        for each in found.records
        if isinstance(each.event, Condition) and (each.event.subject, each.event.kind) == (subject, kind)
    ]


def at(clock: str, date_origin: int = 1_773_097_200_000) -> int:
    """Epoch milliseconds of a clock time in Berlin on the default day, 2026-03-10."""
    hours, minutes = clock.split(":")
    return date_origin + (int(hours) * 60 + int(minutes)) * 60_000
