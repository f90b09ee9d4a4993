"""What stands around the customers: lines, counters, comfort, refreshments, and the health of backend systems.

Owns when a state is reported: sensors look every fifteen seconds and speak when something changed, or after a while
all the same, so that nobody takes an old value for a new one. Must not know how conditions are joined.
"""

import math
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Final

from pipeline.core.events import Operation
from pipeline.core.side_events import Condition
from pipeline.source.simulator.business_day import HOUR, MINUTE, SECOND, BusinessDay
from pipeline.source.simulator.journal import BEFORE_EVENTS, Outgoing
from pipeline.source.simulator.place import PlaceDay, World
from pipeline.source.simulator.scenario import ShortBranch
from pipeline.source.simulator.staffing import Post
from pipeline.source.simulator.systems import HABITS

TICK: Final = 15 * SECOND
LINE_REPEATED: Final = 5 * MINUTE
STATE_REPEATED: Final = HOUR
COMFORT_REPEATED: Final = 30 * MINUTE
THERMOMETER: Final = 5 * MINUTE
HEATED_DEGREES: Final = 21.3
OUTSIDE_DEGREES: Final = 6.0
COOLING: Final = 75 * MINUTE  # time constants of the room
WARMING: Final = 25 * MINUTE
DRAUGHT: Final = 0.15
COMFORT: Final = ((15.0, 0.0), (20.0, 1.0), (23.0, 1.0), (28.0, 0.0))  # degrees Celsius to comfort
SLOW_TIMES: Final = 4.0  # so many times its usual mean makes a system degraded
FEWEST_OPERATIONS: Final = 5


class Gauge:
    """One subject and kind: reports a value when it changes, and again after `repeated` milliseconds."""

    def __init__(self, run: str, subject: str, kind: str, repeated: int) -> None:
        """Nothing reported yet."""
        self.reports: list[Outgoing] = []
        self._run, self._subject, self._kind, self._repeated = run, subject, kind, repeated
        self._last: tuple[int, float] | None = None

    def show(self, time: int, value: float) -> None:
        """The value at a time; times ascend."""
        if self._last and self._last[1] == value and time - self._last[0] < self._repeated:
            return
        self._last = (time, value)
        condition = Condition(subject=self._subject, kind=self._kind, value=value, time=time)
        number = len(self.reports) + 1
        event_id = f"{self._run}/{condition.key}/{number}"
        self.reports.append(
            Outgoing(time, BEFORE_EVENTS, condition.key, number, event_id, "simulator/sensors", None, condition)
        )


def conditions(world: World, places: Iterable[PlaceDay]) -> list[Outgoing]:
    """All conditions of the day, in no order."""
    found: list[Outgoing] = []
    places = list(places)
    for place in places:
        subject = place.touch_point.rpartition("/")[0]
        if place.posts:
            found += _line(world, subject, place)
        if subject.startswith("branch/"):
            short = world.scenario.short
            found += _room(world, subject, short if short and subject == f"branch/{short.branch}" else None)
    return found + _systems(world, places)


def _line(world: World, subject: str, place: PlaceDay) -> list[Outgoing]:
    """Length of the line and posts at work."""
    length = Gauge(world.run, subject, "line_length", LINE_REPEATED)
    at_work = Gauge(world.run, subject, "counters_open", STATE_REPEATED)
    times = [time for time, _ in place.lengths]
    closing = max(shift.end for post in place.posts for shift in post.shifts)
    for tick in range(world.day.start, world.day.end, TICK):
        manned = sum(_is_at_work(post, tick, closing) for post in place.posts)
        before = bisect_left(times, tick)
        waiting = place.lengths[before - 1][1] if before else 0
        if manned or waiting or not length.reports or length.reports[-1].event.value:  # type: ignore[union-attr] # always conditions
            length.show(tick, float(waiting))
        at_work.show(tick, float(manned))
    return length.reports + at_work.reports


def _is_at_work(post: Post, time: int, closing: int) -> bool:
    return post.is_manned(time) or (time >= closing and bool(post.busy) and time < post.busy[-1][1])


def _room(world: World, subject: str, short: ShortBranch | None) -> list[Outgoing]:
    """Comfort by temperature, and coffee and cookies."""
    comfort = Gauge(world.run, subject, "comfort", COMFORT_REPEATED)
    refreshments = Gauge(world.run, subject, "refreshments", STATE_REPEATED)
    for time, degrees in _temperatures(world, subject, short):
        comfort.show(time, round(comfort_of(degrees), 2))
    for tick in range(world.day.start, world.day.end, TICK):
        refreshments.show(tick, 0.0 if _is_out(short, world.day, tick) else 1.0)
    return comfort.reports + refreshments.reports


def _is_out(short: ShortBranch | None, day: BusinessDay, time: int) -> bool:
    return short is not None and day.at(short.start) <= time < day.at(short.end)


def _temperatures(world: World, subject: str, short: ShortBranch | None) -> Iterator[tuple[int, float]]:
    """The room follows its heating, or the weather, with a time constant."""
    chance = world.chance(subject, "draught")
    degrees = HEATED_DEGREES
    for time in range(world.day.start, world.day.end, THERMOMETER):
        yield time, degrees
        off = _is_out(short, world.day, time)
        goal, constant = (OUTSIDE_DEGREES, COOLING) if off else (HEATED_DEGREES, WARMING)
        degrees = goal + (degrees - goal) * math.exp(-THERMOMETER / constant) + chance.uniform(-DRAUGHT, DRAUGHT)


def comfort_of(degrees: float) -> float:
    """How comfortable a room of that temperature is, 0 to 1."""
    if degrees <= COMFORT[0][0] or degrees >= COMFORT[-1][0]:
        return 0.0
    for (left, low), (right, high) in pairwise(COMFORT):
        if degrees <= right:
            return low + (high - low) * (degrees - left) / (right - left)
    return 0.0


def _systems(world: World, places: Iterable[PlaceDay]) -> list[Outgoing]:
    """Each minute the mean latency of the work that was done in it, and whether that is too slow."""
    seconds: dict[tuple[str, int], list[float]] = defaultdict(list)
    for place in places:
        for outgoing in place.written:
            event = outgoing.event
            if isinstance(event, Operation):
                done = outgoing.time + round(event.seconds * SECOND)
                seconds[event.system, (done // MINUTE + 1) * MINUTE].append(event.seconds)
    found: list[Outgoing] = []
    for system, habit in HABITS.items():
        degraded = Gauge(world.run, f"system/{system}", "degraded", STATE_REPEATED)
        latency = Gauge(world.run, f"system/{system}", "latency_seconds", MINUTE)
        slow = 0.0
        for minute in range(world.day.start, world.day.end, MINUTE):
            recent = seconds.get((system, minute), [])
            mean = math.fsum(recent) / len(recent) if recent else 0.0
            if recent:
                latency.show(minute, round(mean, 3))
            if len(recent) >= FEWEST_OPERATIONS:
                slow = float(mean > SLOW_TIMES * habit.mean)
            degraded.show(minute, slow)
        found += degraded.reports + latency.reports
    return found
