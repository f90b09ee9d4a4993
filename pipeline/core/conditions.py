"""States that touch many interactions for a while, and their values as of the moment they mattered.

Owns the kinds that are joined and how long a value holds; what they say of a passage is `circumstances.py`'s. Must not
know Kafka. Times in epoch milliseconds.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import Final

from msgspec import Struct

from pipeline.core.catalog import TouchPoint
from pipeline.core.circumstances import (
    LATENCY,
    NEVER,
    NONE_REPORTED,
    SIGNAL_OF,
    STALE,
    Circumstances,
    Watched,
    latency_signal,
    read_from_conditions,
    read_place,
    read_systems,
)

MINUTE: Final = 60_000
HOUR: Final = 60 * MINUTE
LATEST: Final = 1 << 62
MAX_PLACES: Final = 10_000
DECIMALS: Final = 6
SYSTEM: Final = "system/"

Sample = tuple[int, int, float, int]  # time, offset, value, the last time at which it holds


class Kind(Struct, frozen=True):
    """One kind of condition. A value older than `tolerance` is stale, whatever its `valid_for`.

    `active` says when it is worth naming, `active_when` the same in words.
    """

    tolerance: int
    meaning: str
    active_when: str = "never"
    active: Callable[[float], bool] | None = None

    def is_active(self, value: float) -> bool:
        """Whether a value is worth naming."""
        return self.active is not None and self.active(value)


KINDS: Final[dict[str, Kind]] = {
    "line_length": Kind(15 * MINUTE, "customers in line"),
    "counters_open": Kind(12 * HOUR, "counters or agents at work", "1 or less", lambda value: value <= 1),
    "comfort": Kind(2 * HOUR, "comfort of the waiting area, 0 to 1", "below 0.5", lambda value: value < 0.5),  # noqa: PLR2004
    "refreshments": Kind(12 * HOUR, "coffee and the like, 0 out to 1 there", "below 1", lambda value: value < 1),
    "degraded": Kind(12 * HOUR, "a backend system is degraded, 0 or 1", "above 0", lambda value: value > 0),
    LATENCY: Kind(5 * MINUTE, "how long a backend system takes at the moment"),
}
LONGEST_TOLERANCE: Final = max(kind.tolerance for kind in KINDS.values())


class ConditionRecord(Struct, frozen=True, gc=False):
    """A condition in its place. `stamp` is its Kafka time stamp, `valid_until` the last time at which it holds."""

    offset: int
    stamp: int
    subject: str
    kind: str
    time: int
    value: float
    valid_until: int = LATEST


class Samples:
    """The values of one subject and kind in order of time. `actives`: when those began that are worth naming."""

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self.tolerance = kind.tolerance
        self._is_active = kind.active
        self.actives: list[int] = []
        self._samples: list[Sample] = []
        self.times: list[int] = []  # of the same: whole numbers are found sooner

    def add(self, record: ConditionRecord) -> None:
        """Take a value."""
        samples, sample = self._samples, (record.time, record.offset, record.value, record.valid_until)
        position = len(samples)
        if samples and sample < samples[-1]:
            position = bisect_right(samples, sample)
        samples.insert(position, sample)
        self.times.insert(position, record.time)
        if self._is_active is not None:
            self._note_active(position, self._is_active)

    def _note_active(self, position: int, is_active: Callable[[float], bool]) -> None:
        """Of several values of one moment the last one holds; the others are never active."""
        times, samples = self.times, self._samples
        time = times[position]
        if position + 1 < len(times) and times[position + 1] == time:
            return
        if position and times[position - 1] == time and is_active(samples[position - 1][2]):
            self.actives.remove(time)
        if is_active(samples[position][2]):
            insort(self.actives, time)

    def forget(self, before: int) -> None:
        """Drop what is older, but for the value that held then."""
        position = bisect_left(self.times, before) - 1
        if position > 0:
            del self._samples[:position], self.times[:position]
            del self.actives[: bisect_left(self.actives, self.times[0])]

    def as_of(self, time: int) -> tuple[float | None, str]:
        """The value that held at a time, or None and the cause."""
        position = bisect_right(self.times, time) - 1
        if position < 0:
            return None, NEVER
        since, _, value, until = self._samples[position]
        return (value, "") if time <= min(since + self.tolerance, until) else (None, STALE)

    def mean(self, start: int, end: int) -> float | None:
        """The mean over the time between; the plain last value where no time passed; None if none held."""
        times, samples, tolerance = self.times, self._samples, self.tolerance
        position = bisect_right(times, start)
        if position and (position == len(times) or times[position] > end):  # one value all the time, as mostly
            since, _, value, until = samples[position - 1]
            return value if start <= since + tolerance and start <= until else None
        position -= position > 0
        beyond = bisect_right(times, end, position)
        pieces = total = 0
        weighted, last_value = 0.0, None
        while position < beyond:  # of each value the time from `since` to `last` counts
            since, _, value, until = samples[position]
            position += 1
            last = since + tolerance
            if until < last:
                last = until
            if end < last:
                last = end
            if position < beyond and times[position] < last:
                last = times[position]
            if since < start:
                since = start
            if last >= since:
                pieces += 1
                total += last - since
                weighted += value * (last - since)
                last_value = value
        return last_value if not total or pieces == 1 else round(weighted / total, DECIMALS)

    def was_active(self, start: int, end: int) -> bool:
        """Whether a value worth naming held between start and end."""
        if bisect_right(self.actives, end) > bisect_right(self.actives, start):
            return True  # one began meanwhile
        value, _ = self.as_of(start)
        return value is not None and self.kind.is_active(value)


class Conditions:
    """All values applied so far, as one shard knows them."""

    def __init__(self) -> None:
        self._samples: dict[tuple[str, str], Samples] = {}
        self._by_subject: dict[str, list[str]] = {}
        self._watched: dict[tuple[str, tuple[str, ...], str], Watched | None] = {}

    def apply(self, record: ConditionRecord) -> None:
        """Take a record; kinds that are not joined are left alone."""
        samples = self._samples.get((record.subject, record.kind))
        if samples is None:
            if record.kind not in KINDS:
                return
            samples = self._samples[record.subject, record.kind] = Samples(KINDS[record.kind])
            self._by_subject.setdefault(record.subject, []).append(record.kind)
            self._watched.clear()
        samples.add(record)

    def apply_all(self, records: Iterable[ConditionRecord]) -> dict[str, int]:
        """Take records; of each subject that a row may show, the earliest time of a new value."""
        since: dict[str, int] = {}
        for record in records:
            self.apply(record)
            if record.kind in KINDS:
                since[record.subject] = min(record.time, since.get(record.subject, record.time))
        return since

    def forget(self, before: int) -> None:
        """Drop values that were followed by others before that time."""
        for samples in self._samples.values():
            samples.forget(before)

    def read(
        self, touch_point: TouchPoint, opened_at: int, started_at: int, served_at: int | None, end: int
    ) -> Circumstances:
        """What the conditions say of a passage."""
        key = (touch_point.name, touch_point.systems, touch_point.model.fingerprint)
        watched = self._watched[key] if key in self._watched else self._watch(touch_point)
        if watched is None:
            return NONE_REPORTED
        if not watched.all and (served_at is None or not watched.systems):
            return Circumstances({}, (), 0, watched.unreported)
        since = opened_at if opened_at < started_at else started_at
        active: list[str] = []
        records = 0
        for label, samples in watched.all:
            records += bisect_right(samples.times, end) - bisect_left(samples.times, since - samples.tolerance)
            if samples.actives and samples.was_active(started_at, end):
                active.append(label)
        signals: dict[str, float] = {}
        missing = read_place(watched, started_at, end if served_at is None else served_at, signals)
        if served_at is not None and watched.systems:
            missing |= read_systems(watched, served_at, end, signals)
        return Circumstances(signals, tuple(active), records, missing)

    def _watch(self, touch_point: TouchPoint) -> Watched | None:
        """What concerns a touch-point, or None; remembered until another subject or kind is reported."""
        subjects = subjects_of(touch_point.name, touch_point.systems)
        present = sorted(subject for subject in subjects if subject in self._by_subject)
        place = tuple(
            (name, self._samples[subject, name])
            for subject in reversed(present)
            if not subject.startswith(SYSTEM)
            for name in self._by_subject[subject]
            if name in SIGNAL_OF
        )
        reads = read_from_conditions(touch_point)
        reported = {name for name, _ in place}
        watched = Watched(
            all=tuple(
                (f"{subject} {name}", self._samples[subject, name])
                for subject in present
                for name in sorted(self._by_subject[subject])
            ),
            place=place,
            systems=tuple(self._latencies(touch_point, reads)),
            reads=reads,
            unreported=frozenset(
                (signal, name, NEVER) for name, signal in SIGNAL_OF.items() if signal in reads and name not in reported
            ),
        )
        if len(self._watched) >= MAX_PLACES:
            self._watched.clear()
        found = watched if watched.all or reads else None
        self._watched[touch_point.name, touch_point.systems, touch_point.model.fingerprint] = found
        return found

    def _latencies(self, touch_point: TouchPoint, reads: frozenset[str]) -> Iterator[tuple[str, tuple[Samples, ...]]]:
        """The signal and samples of each system whose latency was reported or is read."""
        for system in touch_point.systems:
            pair = _subjects_of_system(system, touch_point.name)
            reported = tuple(self._samples[one, LATENCY] for one in pair if (one, LATENCY) in self._samples)
            signal = latency_signal(system)
            if reported or signal in reads:
                yield signal, reported


@lru_cache(maxsize=MAX_PLACES)
def subjects_of(touch_point: str, systems: tuple[str, ...]) -> frozenset[str]:
    """Whose conditions touch a touch-point: itself, the places above it, and the systems it depends on."""
    parts = touch_point.split("/")
    places = ["/".join(parts[:depth]) for depth in range(2, len(parts) + 1)]
    return frozenset(places).union(*(_subjects_of_system(system, touch_point) for system in systems))


def _subjects_of_system(system: str, touch_point: str) -> tuple[str, str]:
    """A system as it serves this touch-point, and everywhere."""
    return f"{SYSTEM}{system}@{touch_point}", f"{SYSTEM}{system}"
