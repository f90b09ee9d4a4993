"""What really happened on a simulated day, known because it was made: for tests and people to compare with.

Owns the report that `touchpoint simulate --json` prints; must not know scores.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from pipeline.core.events import Outcome
from pipeline.source.simulator.business_day import MINUTE, SECOND, TIME_ZONE
from pipeline.source.simulator.journal import Outgoing
from pipeline.source.simulator.place import Ending, PlaceDay, World
from pipeline.source.simulator.scenario import write_clock
from pipeline.source.simulator.staffing import Post

WINDOW: Final = 15 * MINUTE
LEFT: Final = frozenset({Outcome.ABANDONED, Outcome.NO_SHOW})


class Incident(msgspec.Struct, kw_only=True):
    """What went wrong: `subject` as conditions name it, `start` and `end` in epoch ms, `clock` as people say it."""

    subject: str
    start: int
    end: int
    clock: str
    touch_points: list[str]


class Window(msgspec.Struct, kw_only=True):
    """Interactions that ended in the quarter of an hour from `start` (epoch ms); waits of those who waited."""

    start: int
    finished: int
    left: int
    mean_wait_seconds: float | None


class PlaceTruth(msgspec.Struct, kw_only=True):
    """One touch-point's day. `left`: without being served; `utilisation`: share of the manned time that was work."""

    arrived: int
    left: int
    mean_wait_seconds: float | None
    longest_wait_seconds: float | None
    utilisation: float | None
    windows: list[Window]


class Truth(msgspec.Struct, kw_only=True):
    """The whole day. `records` and `sent` count by topic."""

    scenario: str
    seed: int
    day: str
    time_zone: str
    load: float
    incidents: list[Incident]
    touch_points: dict[str, PlaceTruth]
    records: dict[str, int]
    sent: dict[str, int] = {}
    interrupted: bool = False
    simulate_seconds: float = 0.0
    send_seconds: float = 0.0

    def as_json(self) -> dict[str, Any]:
        """The report as one object."""
        found: dict[str, Any] = msgspec.to_builtins(self)
        return found


def tell(world: World, places: list[PlaceDay], records: Iterable[tuple[str, Outgoing]]) -> Truth:
    """The truth about a day. `records` are (topic, record)."""
    return Truth(
        scenario=world.scenario.name,
        seed=world.seed,
        day=world.day.date.isoformat(),
        time_zone=TIME_ZONE,
        load=world.scenario.load,
        incidents=_incidents(world, places),
        touch_points={place.touch_point: _place(place) for place in places},
        records=dict(sorted(Counter(topic for topic, _ in records).items())),
    )


def _incidents(world: World, places: list[PlaceDay]) -> list[Incident]:
    found = []
    slow, short = world.scenario.slow, world.scenario.short
    everywhere = [place.touch_point for place in places]
    if slow is not None:
        found.append(_incident(world, f"system/{slow.system}", (slow.start, slow.end), everywhere))
    if short is not None:
        branch = f"branch/{short.branch}"
        found.append(_incident(world, branch, (short.start, short.end), [f"{branch}/teller"]))
    return found


def _incident(world: World, subject: str, span: tuple[int, int], touch_points: list[str]) -> Incident:
    start, end = span
    clock = f"{write_clock(start)}-{write_clock(end)}"
    return Incident(
        subject=subject, start=world.day.at(start), end=world.day.at(end), clock=clock, touch_points=touch_points
    )


def _place(place: PlaceDay) -> PlaceTruth:
    by_window: dict[int, list[Ending]] = defaultdict(list)
    for ending in place.endings:
        by_window[ending.ended // WINDOW * WINDOW].append(ending)
    waits = [ending.waited for ending in place.endings if ending.waited is not None]
    return PlaceTruth(
        arrived=len(place.endings),
        left=_left(place.endings),
        mean_wait_seconds=_mean_wait(place.endings),
        longest_wait_seconds=max(waits) / SECOND if waits else None,
        utilisation=utilisation(place.posts),
        windows=[
            Window(start=start, finished=len(ended), left=_left(ended), mean_wait_seconds=_mean_wait(ended))
            for start, ended in sorted(by_window.items())
        ],
    )


def _left(endings: Iterable[Ending]) -> int:
    return sum(ending.outcome in LEFT for ending in endings)


def _mean_wait(endings: Iterable[Ending]) -> float | None:
    waits = [ending.waited for ending in endings if ending.waited is not None]
    return round(sum(waits) / len(waits) / SECOND, 3) if waits else None


def utilisation(posts: Iterable[Post], start: int = 0, end: int = 1 << 62) -> float | None:
    """Share of the manned time between `start` and `end` that was work; None if nobody was there."""
    manned = busy = 0
    for post in posts:
        for shift in post.shifts:
            first, last = max(shift.start, start), min(shift.end, end)
            manned += max(last - first, 0)
            busy += sum(max(min(stop, last) - max(begin, first), 0) for begin, stop in post.busy)
    return round(busy / manned, 4) if manned else None
