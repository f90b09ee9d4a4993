"""States that touch many interactions for a while, and their values as of the moment they mattered.

Owns the kinds that are joined, how long a value holds, and what a row says of them; must not know Kafka. Times in
epoch milliseconds.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable
from typing import Final

from msgspec import Struct

from pipeline.core.catalog import TouchPoint

MINUTE: Final = 60_000
HOUR: Final = 60 * MINUTE
LATEST: Final = 1 << 62
MAX_SAMPLES: Final = 50_000
MAX_PLACES: Final = 10_000

Misses = tuple[tuple[str, str], ...]  # (kind, cause) of what nobody reported: `never`, or `stale`
Sample = tuple[int, int, float, int]  # time, offset, value, the last time at which it holds


class Kind(Struct, frozen=True):
    """One kind of condition. A value older than `tolerance` is stale; `active` says when it is worth naming."""

    tolerance: int
    meaning: str
    active: Callable[[float], bool] | None = None


KINDS: Final[dict[str, Kind]] = {
    "line_length": Kind(15 * MINUTE, "customers in line"),
    "counters_open": Kind(12 * HOUR, "counters or agents at work", lambda value: value <= 1),
    "comfort": Kind(2 * HOUR, "comfort of the waiting area, 0 to 1", lambda value: value < 0.5),  # noqa: PLR2004
    "refreshments": Kind(12 * HOUR, "coffee and the like, 0 out to 1 there", lambda value: value < 1),
    "degraded": Kind(12 * HOUR, "a backend system is degraded, 0 or 1", lambda value: value > 0),
    "latency_seconds": Kind(5 * MINUTE, "how long a backend system takes at the moment"),
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


class Circumstances(Struct, frozen=True, gc=False):
    """What the conditions say of one passage: signals, what was active while it lasted, and the number of records."""

    signals: dict[str, float]
    active: tuple[str, ...]
    records: int
    misses: Misses


NONE_REPORTED: Final = Circumstances({}, (), 0, ())


class Samples:
    """The values of one subject and kind in order of time."""

    def __init__(self) -> None:
        self._samples: list[Sample] = []

    def add(self, record: ConditionRecord) -> None:
        """Take a value; the newest ones are kept, far more than any open window needs."""
        insort(self._samples, (record.time, record.offset, record.value, record.valid_until))
        if len(self._samples) > MAX_SAMPLES:
            del self._samples[: MAX_SAMPLES // 2]

    def forget(self, before: int) -> None:
        """Drop what is older, but for the value that held then."""
        position = bisect_left(self._samples, (before,)) - 1
        if position > 0:
            del self._samples[:position]

    def count(self, start: int, end: int) -> int:
        """Records with start <= time <= end."""
        return bisect_right(self._samples, (end, LATEST)) - bisect_left(self._samples, (start,))

    def as_of(self, time: int, tolerance: int) -> tuple[float | None, str]:
        """The value that held at a time, or None and the cause."""
        position = bisect_right(self._samples, (time, LATEST)) - 1
        if position < 0:
            return None, "never"
        since, _, value, until = self._samples[position]
        return (value, "") if time <= min(since + tolerance, until) else (None, "stale")

    def held(self, start: int, end: int, tolerance: int) -> list[tuple[float, int]]:
        """(value, milliseconds) of each value that held between start and end."""
        samples = self._samples
        position = max(bisect_right(samples, (start, LATEST)) - 1, 0)
        pieces = []
        while position < len(samples) and samples[position][0] <= end:
            since, _, value, until = samples[position]
            position += 1
            following = samples[position][0] if position < len(samples) else LATEST
            last = min(end, following, until, since + tolerance)
            if last >= max(start, since):
                pieces.append((value, last - max(start, since)))
        return pieces


class Conditions:
    """All values applied so far, as one shard knows them."""

    def __init__(self) -> None:
        self._samples: dict[tuple[str, str], Samples] = {}
        self._by_subject: dict[str, list[str]] = {}
        self._places: dict[str, frozenset[str]] = {}

    def apply(self, record: ConditionRecord) -> None:
        """Take a record; kinds that are not joined are left alone."""
        if record.kind not in KINDS:
            return
        key = (record.subject, record.kind)
        samples = self._samples.get(key)
        if samples is None:
            samples = self._samples[key] = Samples()
            self._by_subject.setdefault(record.subject, []).append(record.kind)
        samples.add(record)

    def forget(self, before: int) -> None:
        """Drop values that were followed by others before that time."""
        for samples in self._samples.values():
            samples.forget(before)

    def subjects_of(self, touch_point: TouchPoint) -> frozenset[str]:
        """Whose conditions touch this touch-point: itself, the places above it, and the systems it depends on."""
        subjects = self._places.get(touch_point.name)
        if subjects is None:
            parts = touch_point.name.split("/")
            places = {"/".join(parts[:depth]) for depth in range(2, len(parts) + 1)}
            systems = {f"system/{system}" for system in touch_point.systems}
            here = {f"{system}@{touch_point.name}" for system in systems}
            if len(self._places) >= MAX_PLACES:
                self._places.clear()
            subjects = self._places[touch_point.name] = frozenset(places | systems | here)
        return subjects

    def read(
        self, touch_point: TouchPoint, opened_at: int, started_at: int, served_at: int | None, end: int
    ) -> Circumstances:
        """What the conditions say of a passage."""
        if self._by_subject.keys().isdisjoint(self.subjects_of(touch_point)):
            return NONE_REPORTED
        present = sorted(subject for subject in self.subjects_of(touch_point) if subject in self._by_subject)
        active: list[str] = []
        records = 0
        for subject in present:
            for name in sorted(self._by_subject[subject]):
                kind, samples = KINDS[name], self._samples[subject, name]
                records += samples.count(min(opened_at, started_at) - kind.tolerance, end)
                if kind.active is not None:
                    held = samples.held(started_at, end, kind.tolerance)
                    if any(kind.active(value) for value, _ in held):
                        active.append(f"{subject} {name}")
        signals: dict[str, float] = {}
        misses: list[tuple[str, str]] = []
        place = [subject for subject in present if not subject.startswith("system/")]
        wait_end = end if served_at is None else served_at
        self._read_place(place, started_at, wait_end, signals, misses)
        if served_at is not None:
            self._read_systems(present, touch_point, served_at, end, signals)
        return Circumstances(signals, tuple(active), records, tuple(misses))

    def _read_place(
        self, place: list[str], started_at: int, wait_end: int, signals: dict[str, float], misses: list[tuple[str, str]]
    ) -> None:
        """Line and counters at arrival, comfort and refreshments while waiting; the nearest subject that has them."""
        for subject in reversed(place):
            for name in self._by_subject[subject]:
                kind, samples = KINDS[name], self._samples[subject, name]
                if name in AT_ARRIVAL:
                    value, cause = samples.as_of(started_at, kind.tolerance)
                elif name in WHILE_WAITING:
                    value = mean(samples.held(started_at, wait_end, kind.tolerance))
                    cause = samples.as_of(wait_end, kind.tolerance)[1]
                else:
                    continue
                if value is not None:
                    signals.setdefault(SIGNAL_OF[name], value)
                elif SIGNAL_OF[name] not in signals:
                    misses.append((name, cause or "stale"))

    def _read_systems(
        self, present: list[str], touch_point: TouchPoint, served_at: int, end: int, signals: dict[str, float]
    ) -> None:
        """How long each system took while it served, as reported here or else everywhere."""
        kind = KINDS["latency_seconds"]
        for system in touch_point.systems:
            for subject in (f"system/{system}@{touch_point.name}", f"system/{system}"):
                samples = self._samples.get((subject, "latency_seconds")) if subject in present else None
                value = None if samples is None else mean(samples.held(served_at, end, kind.tolerance))
                if value is not None:
                    signals[f"system_latency_seconds.{system}"] = value
                    break


AT_ARRIVAL: Final = frozenset({"line_length", "counters_open"})
WHILE_WAITING: Final = frozenset({"comfort", "refreshments"})
SIGNAL_OF: Final = {
    "line_length": "line_length_at_arrival",
    "counters_open": "counters_open_at_arrival",
    "comfort": "comfort_while_waiting",
    "refreshments": "refreshments_while_waiting",
}


def mean(pieces: list[tuple[float, int]]) -> float | None:
    """The mean over time; the plain last value where no time passed; None of nothing."""
    if not pieces:
        return None
    total = sum(milliseconds for _, milliseconds in pieces)
    if not total:
        return pieces[-1][0]
    return round(sum(value * milliseconds for value, milliseconds in pieces) / total, 6)
