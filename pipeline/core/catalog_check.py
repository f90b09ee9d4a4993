"""Reads the catalog of channels and touch-points from a plain document, or says everything that is wrong with it.

Owns the rules the catalog must keep and the built-in channels; must not know files.
"""

from collections.abc import Collection, Mapping, Sequence
from itertools import combinations
from typing import Final

from pipeline.core.catalog import Catalog, Channel, ChannelEntry, TouchPointEntry, Windows
from pipeline.core.document import Mistake, Path, Section
from pipeline.core.events import CHANNEL_TYPES, TYPES, Arrived, Operation, Queued
from pipeline.core.model_check import check_patterns
from pipeline.core.models import Model

CATALOG_FIELDS: Final = ("channels", "touch_points")
CHANNEL_FIELDS: Final = ("opening", "types", "waits_from", "windows")
WINDOW_FIELDS: Final = ("idle_timeout", "max_open", "correction_window", "provisional_after", "valid_from")
TOUCH_POINT_FIELDS: Final = ("name", "channel", "emits", "systems", "owner", "team", "time_zone", "valid_from")
NOBODY_WAITS: Final = "none"
WAITS_FROM: Final = (Queued.kind, Arrived.kind, NOBODY_WAITS)

_MINUTE: Final = 60_000
_HOUR: Final = 60 * _MINUTE


def _windows(idle_timeout: int) -> Windows:
    return Windows(
        idle_timeout=idle_timeout, max_open=12 * _HOUR, correction_window=15 * _MINUTE, provisional_after=2 * _MINUTE
    )


def _built_in(name: str, waits_from: str, idle_timeout: int) -> Channel:
    types = CHANNEL_TYPES[name]
    windows = _windows(idle_timeout)
    return Channel(name=name, opening=frozenset({Arrived.kind}), types=types, waits_from=waits_from, windows=windows)


BUILT_IN: Final[dict[str, Channel]] = {
    channel.name: channel
    for channel in (
        _built_in("call_center", Queued.kind, 15 * _MINUTE),
        _built_in("branch", Arrived.kind, 2 * _HOUR),
        _built_in("online_form", "", 30 * _MINUTE),
    )
}
NEW_CHANNEL_WINDOWS: Final = _windows(30 * _MINUTE)


def read_catalog(
    document: object, models: Sequence[Model], time_zones: Collection[str] = ()
) -> tuple[Catalog | None, list[Mistake]]:
    """The catalog of a document and its models, or None and all mistakes. Time zones are checked if they are given."""
    mistakes: list[Mistake] = []
    section = Section(document, (), mistakes, CATALOG_FIELDS)
    channels = _read_channels(section)
    by_name = {entry.channel.name: entry.channel for entry in channels}
    listed = section.content.get("touch_points")
    if not isinstance(listed, list) or not listed:
        section.missing("touch_points", ("- {name, channel, emits, systems, owner, team, time_zone, valid_from}",))
        listed = []
    entries = [_read_touch_point(index, entry, mistakes, by_name, time_zones) for index, entry in enumerate(listed)]
    _check_distinct(entries, mistakes)
    if mistakes:
        return None, mistakes
    catalog = Catalog(channels, entries, models)
    _check_models(entries, catalog, mistakes)
    return (None if mistakes else catalog), mistakes


def clashes(models: Sequence[Model]) -> list[tuple[Model, Model, str]]:
    """Pairs of models that cannot stand side by side, and why."""
    return [(left, right, why) for left, right in combinations(models, 2) if (why := _clash(left, right)) is not None]


def content_differs(left: Model, right: Model) -> bool:
    """Same name and version, other fingerprint: rows could no longer say what scored them."""
    return (left.name, left.version) == (right.name, right.version) and left.fingerprint != right.fingerprint


def _clash(left: Model, right: Model) -> str | None:
    if content_differs(left, right):
        return f"{left.name} version {left.version} exists with another content; raise the version"
    if left.fingerprint == right.fingerprint:
        return f"{left.name} version {left.version} stands in two files"
    shared = sorted(set(left.applies_to) & set(right.applies_to))
    if shared and left.valid_from == right.valid_from:
        return (
            f"{left.name} version {left.version} and {right.name} version {right.version} both apply to {shared[0]}"
            " from the same time on; give the newer one a later valid_from"
        )
    return None


def _read_channels(section: Section) -> list[ChannelEntry]:
    content = section.content.get("channels", {})
    if not isinstance(content, Mapping):
        section.wrong(("channels",), "must hold channels", ("NAME: {opening, types, waits_from, windows}",))
        content = {}
    written = [
        entry for name, channel in content.items() for entry in _read_channel(str(name), channel, section.mistakes)
    ]
    undated = {entry.channel.name for entry in written if entry.valid_from is None}
    # A built-in channel always exists, also before its first windows in the file are valid.
    return written + [
        ChannelEntry(channel=channel, valid_from=None) for name, channel in BUILT_IN.items() if name not in undated
    ]


def _read_channel(name: str, content: object, mistakes: list[Mistake]) -> list[ChannelEntry]:
    section = Section(content, ("channels", name), mistakes, CHANNEL_FIELDS)
    known = BUILT_IN.get(name)
    types = section.names("types", tuple(TYPES), tuple(sorted(known.types)) if known else None)
    opening = section.names("opening", types, tuple(known.opening) if known else (Arrived.kind,))
    waits_from = section.text("waits_from", (known.waits_from or NOBODY_WAITS) if known else NOBODY_WAITS)
    if waits_from not in WAITS_FROM:
        section.wrong(("waits_from",), f"unknown {waits_from!r}", WAITS_FROM)
    if not opening:
        section.wrong(("opening",), "must name at least one type", types)
    defaults = known.windows if known else NEW_CHANNEL_WINDOWS
    windows = _read_windows(section, defaults)
    if known is None and all(valid_from is not None for _, valid_from in windows):
        section.wrong(("windows",), "the first windows of a new channel take no valid_from")
    return [
        ChannelEntry(
            channel=Channel(
                name=name,
                opening=frozenset(opening),
                types=frozenset(types),
                waits_from="" if waits_from == NOBODY_WAITS else waits_from,
                windows=each,
            ),
            valid_from=valid_from,
        )
        for each, valid_from in windows
    ]


def _read_windows(section: Section, defaults: Windows) -> list[tuple[Windows, int | None]]:
    """One set of windows, or a list of sets that differ in `valid_from`."""
    content = section.content.get("windows", {})
    path: Path = (*section.path, "windows")
    if not isinstance(content, list):
        return [_read_window(Section(content, path, section.mistakes, WINDOW_FIELDS), defaults)]
    sections = [Section(entry, (*path, index), section.mistakes, WINDOW_FIELDS) for index, entry in enumerate(content)]
    windows = [_read_window(each, defaults) for each in sections]
    times = [valid_from for _, valid_from in windows]
    for index, valid_from in enumerate(times):
        if valid_from in times[:index]:
            section.wrong(("windows", index), "another entry has the same valid_from")
    if not windows:
        section.wrong(("windows",), "must not be empty", WINDOW_FIELDS)
    return windows


def _read_window(section: Section, defaults: Windows) -> tuple[Windows, int | None]:
    windows = Windows(
        idle_timeout=section.duration("idle_timeout", defaults.idle_timeout),
        max_open=section.duration("max_open", defaults.max_open),
        correction_window=section.duration("correction_window", defaults.correction_window),
        provisional_after=section.duration("provisional_after", defaults.provisional_after),
    )
    return windows, section.time("valid_from")


def _read_touch_point(
    index: int, content: object, mistakes: list[Mistake], channels: Mapping[str, Channel], time_zones: Collection[str]
) -> TouchPointEntry:
    section = Section(content, ("touch_points", index), mistakes, TOUCH_POINT_FIELDS)
    name = section.text("name")
    if name:
        check_patterns(section, "name", (name,))
    channel = section.text("channel")
    if channel and channel not in channels:
        section.wrong(("channel",), f"unknown channel {channel!r}", sorted(channels))
    types = channels[channel].types if channel in channels else frozenset(TYPES)
    emits = section.names("emits", (*sorted(types), Operation.kind))
    if channel in channels and emits and not channels[channel].opening & set(emits):
        section.wrong(("emits",), "names no opening type, so nothing could begin", sorted(channels[channel].opening))
    time_zone = section.text("time_zone")
    if time_zone and time_zones and time_zone not in time_zones:
        section.wrong(("time_zone",), f"unknown time zone {time_zone!r}", ("an IANA name such as Europe/Berlin",))
    return TouchPointEntry(
        pattern=name,
        channel=channel,
        emits=frozenset(emits),
        systems=section.names("systems", default=()),
        owner=section.text("owner"),
        team=section.text("team", "") or None,
        time_zone=time_zone,
        valid_from=section.time("valid_from"),
    )


def _check_distinct(entries: Sequence[TouchPointEntry], mistakes: list[Mistake]) -> None:
    seen: dict[tuple[str, int | None], int] = {}
    for index, entry in enumerate(entries):
        if (entry.pattern, entry.valid_from) in seen:
            message = f"{entry.pattern!r} stands here twice; another version of it needs its own valid_from"
            mistakes.append(Mistake(("touch_points", index, "name"), message))
        seen[entry.pattern, entry.valid_from] = index


def _check_models(entries: Sequence[TouchPointEntry], catalog: Catalog, mistakes: list[Mistake]) -> None:
    """From the time an entry is valid, some model must score it."""
    for index, entry in enumerate(entries):
        first = -1 if entry.valid_from is None else entry.valid_from
        if catalog.model_for(entry.pattern, first) is None:
            valid = sorted({pattern for model in catalog.models for pattern in model.applies_to})
            message = f"no model applies to {entry.pattern!r} from the time the entry is valid"
            mistakes.append(Mistake(("touch_points", index, "name"), message, tuple(valid)))
