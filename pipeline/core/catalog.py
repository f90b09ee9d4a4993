"""Which touch-points exist, by which channel windows they live and which model scores them, at any clock.

Owns names, patterns and validity; must not know files (`catalog_files.py`) or how a model scores.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable
from typing import Final

from msgspec import Struct
from msgspec.structs import astuple

from pipeline.core.models import Model, fingerprint_of

ANY: Final = "*"
NO_PROVISIONAL_ROWS: Final = 1 << 50  # milliseconds
CACHED_NAMES: Final = 100_000
HORIZON_CORRECTIONS: Final = 3
_TOUCH_POINT_NAME: Final = re.compile(r"[\w.:-]+(/[\w.:-]+)+")


class Windows(Struct, frozen=True, kw_only=True):
    """Event-time windows of a channel, in milliseconds."""

    idle_timeout: int
    max_open: int
    correction_window: int
    provisional_after: int


class Channel(Struct, frozen=True, kw_only=True):
    """A kind of touch-point: its event types, which of them open an interaction, and its windows.

    `waits_from` is the kind that begins the wait for a person, empty where nobody waits for one.
    """

    name: str
    opening: frozenset[str]
    types: frozenset[str]
    waits_from: str
    windows: Windows


class TouchPoint(Struct, frozen=True, kw_only=True):
    """One place where customers meet the organisation, as valid at some clock.

    `emits`: event kinds its source really sends; only for these may absence mean zero.
    """

    name: str
    channel: Channel
    emits: frozenset[str]
    systems: tuple[str, ...]
    owner: str
    team: str | None
    time_zone: str
    model: Model


class ChannelEntry(Struct, frozen=True, kw_only=True):
    """A channel and the windows it has from a time on (None: since ever)."""

    channel: Channel
    valid_from: int | None


class TouchPointEntry(Struct, frozen=True, kw_only=True):
    """What the catalog says of one name, or of all names of a pattern, from a time on."""

    pattern: str
    channel: str
    emits: frozenset[str]
    systems: tuple[str, ...]
    owner: str
    team: str | None
    time_zone: str
    valid_from: int | None


class Catalog:
    """All channels, touch-points and models, in every version. Equal clocks give equal answers."""

    def __init__(
        self, channels: Iterable[ChannelEntry], entries: Iterable[TouchPointEntry], models: Iterable[Model]
    ) -> None:
        # The latest version first: the first valid one is the one that holds.
        self.channels = tuple(sorted(channels, key=lambda entry: (entry.channel.name, _newest(entry.valid_from))))
        self.entries = tuple(sorted(entries, key=lambda entry: (_rank(entry.pattern), _newest(entry.valid_from))))
        self.models = tuple(sorted(models, key=lambda model: (model.name, _newest(model.valid_from), -model.version)))
        dates: list[int | None] = [entry.valid_from for entry in self.channels]
        dates += [entry.valid_from for entry in self.entries]
        dates += [model.valid_from for model in self.models]
        self.changes = tuple(sorted({date for date in dates if date is not None}))
        self._resolved: list[dict[str, TouchPoint]] = [{} for _ in range(len(self.changes) + 1)]
        self._fingerprints = [self._make_fingerprint(clock) for clock in (-1, *self.changes)]
        self._longest = [self._make_longest(clock) for clock in (-1, *self.changes)]
        # Beside `_longest`, because it is asked for with each operation (tests/bench).
        self._longest_tails = [each.idle_timeout + each.correction_window for each in self._longest]

    def resolve(self, name: str, clock: int) -> TouchPoint | None:
        """The touch-point of that name as valid at the clock; None if the catalog does not know it then.

        The most literal entry wins, read from the left: `branch/042/teller`, `branch/042/*`, `branch/*/teller`.
        """
        resolved = self._resolved[bisect_right(self.changes, clock) if self.changes else 0]
        found = resolved.get(name)
        if found is None and _TOUCH_POINT_NAME.fullmatch(name):
            found = self._find(name, clock)
            if found is not None:
                # A pattern fits endless names: forget all rather than grow.
                if len(resolved) >= CACHED_NAMES:
                    resolved.clear()
                resolved[name] = found
        return found

    def channel(self, name: str, clock: int) -> Channel | None:
        """The channel of that name with the windows valid at the clock."""
        for entry in self.channels:
            if entry.channel.name == name and _is_valid(entry.valid_from, clock):
                return entry.channel
        return None

    def model_for(self, name: str, clock: int) -> Model | None:
        """The model that scores a touch-point (or all of a pattern) at the clock: the most literal, then the newest."""
        valid = [
            (_rank(pattern), position, model)
            for position, model in enumerate(self.models)
            if _is_valid(model.valid_from, clock)
            for pattern in model.applies_to
            if covers(pattern, name)
        ]
        return min(valid, key=lambda found: found[:2])[2] if valid else None

    def longest_windows(self, clock: int | None = None) -> tuple[int, int, int]:
        """The longest idle timeout, correction window and max open of any channel, in milliseconds.

        Over all versions, or those that were ever valid up to a clock.
        """
        windows = [
            entry.channel.windows for entry in self.channels if clock is None or _is_valid(entry.valid_from, clock)
        ]
        return (
            max(each.idle_timeout for each in windows),
            max(each.correction_window for each in windows),
            max(each.max_open for each in windows),
        )

    def longest(self, clock: int) -> Windows:
        """The longest windows ever valid up to a clock: those of an interaction whose channel is not known yet."""
        return self._longest[bisect_right(self.changes, clock) if self.changes else 0]

    def longest_tail(self, clock: int) -> int:
        """For how long a tail of an interaction whose channel is not known may be held, in milliseconds."""
        return self._longest_tails[bisect_right(self.changes, clock) if self.changes else 0]

    def horizon(self, clock: int | None = None) -> int:
        """How far back in event time a rebuild may reach, in milliseconds: max open + idle + 3 corrections.

        What decides over a record takes the windows ever valid up to its clock, as the fingerprint does; what keeps
        enough of the past takes those of all versions, the larger value.
        """
        longest = self._longest[-1] if clock is None else self.longest(clock)
        return longest.max_open + longest.idle_timeout + HORIZON_CORRECTIONS * longest.correction_window

    def fingerprint(self, clock: int) -> str:
        """A hash of all content that decides rows and is valid from some time up to the clock."""
        return self._fingerprints[bisect_right(self.changes, clock)]

    def _make_longest(self, clock: int) -> Windows:
        idle, correction, max_open = self.longest_windows(clock)
        return Windows(
            idle_timeout=idle, max_open=max_open, correction_window=correction, provisional_after=NO_PROVISIONAL_ROWS
        )

    def _find(self, name: str, clock: int) -> TouchPoint | None:
        for entry in self.entries:
            if covers(entry.pattern, name) and _is_valid(entry.valid_from, clock):
                channel, model = self.channel(entry.channel, clock), self.model_for(name, clock)
                if channel is None or model is None:
                    return None
                return TouchPoint(
                    name=name,
                    channel=channel,
                    emits=entry.emits,
                    systems=entry.systems,
                    owner=entry.owner,
                    team=entry.team,
                    time_zone=entry.time_zone,
                    model=model,
                )
        return None

    def _make_fingerprint(self, clock: int) -> str:
        # The owner of a touch-point stands on no row, so changing it needs no new epoch.
        channels = [
            (entry.valid_from, _content(entry.channel), astuple(entry.channel.windows))
            for entry in self.channels
            if _is_valid(entry.valid_from, clock)
        ]
        entries = [
            (
                entry.valid_from,
                entry.pattern,
                entry.channel,
                sorted(entry.emits),
                sorted(entry.systems),
                entry.team,
                entry.time_zone,
            )
            for entry in self.entries
            if _is_valid(entry.valid_from, clock)
        ]
        models = [
            (model.valid_from, model.fingerprint, sorted(model.applies_to))
            for model in self.models
            if _is_valid(model.valid_from, clock)
        ]
        return fingerprint_of({"channels": channels, "touch_points": entries, "models": models})


def covers(pattern: str, name: str) -> bool:
    """Whether a pattern fits a name, segment by segment; `*` stands for exactly one."""
    wanted, given = pattern.split("/"), name.split("/")
    return len(wanted) == len(given) and all(left in (ANY, right) for left, right in zip(wanted, given, strict=True))


def _rank(pattern: str) -> tuple[tuple[bool, str], ...]:
    return tuple((segment == ANY, segment) for segment in pattern.split("/"))


def _newest(valid_from: int | None) -> int:
    return 0 if valid_from is None else -valid_from - 1


def _is_valid(valid_from: int | None, clock: int) -> bool:
    return valid_from is None or valid_from <= clock


def _content(channel: Channel) -> tuple[object, ...]:
    return channel.name, sorted(channel.opening), sorted(channel.types), channel.waits_from
