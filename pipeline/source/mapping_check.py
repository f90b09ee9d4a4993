"""Checks what a mapping means, before any row is read: names, zones, event types, fields, templates.

Yields (field, message) and never raises; `mapping_file.py` adds file and line. Columns are checked later, against the
table itself.
"""

import codecs
import datetime as dt
import zoneinfo
from collections.abc import Iterable, Iterator
from typing import Any, Final, get_type_hints

import msgspec

from pipeline.core.events import CHANNEL_TYPES, TYPES, Event, Operation
from pipeline.source.mapping import EventRule, Mapping, RecordedTime, texts
from pipeline.source.template import constant_text, template_names

Mistakes = Iterator[tuple[tuple[str, ...], str]]
# Filled from the mapping's own fields of these names.
GIVEN_FIELDS: Final = frozenset({"interaction", "touch_point", "time"})
_SAMPLE_DAY: Final = dt.datetime(1999, 2, 3)  # noqa: DTZ001 - a day of the calendar, in no zone
_SAMPLE_TIME: Final = dt.datetime(1999, 2, 3, 4, 5)  # noqa: DTZ001


def event_types(channel: str) -> dict[str, type[Event]]:
    """The event types that a mapping may use, by kind; all of them for a channel that only the catalog knows."""
    kinds = CHANNEL_TYPES.get(channel, frozenset(TYPES))
    allowed: dict[str, type[Event]] = {kind: TYPES[kind] for kind in TYPES if kind in kinds}
    allowed[Operation.kind] = Operation
    return allowed


def meaning_mistakes(mapping: Mapping) -> Mistakes:
    """Everything that is wrong with a mapping whose form is right."""
    yield from _table_mistakes(mapping)
    yield from _clock_mistakes(mapping)
    for name, time in mapping.times.items():
        yield from _time_mistakes(mapping, name, time)
    if not mapping.events:
        yield ("events",), f"no event; valid: {', '.join(event_types(mapping.channel))}"
    for name, rule in mapping.events.items():
        yield from _event_mistakes(mapping, name, rule)
    for field in ("interaction", "touch_point", "id"):
        yield from _template_mistakes((field,), getattr(mapping, field))
    if mapping.id is not None and mapping.each_row == "interaction":
        yield ("id",), "only for `each_row: event`: other events are named INTERACTION/RULE"


def _table_mistakes(mapping: Mapping) -> Mistakes:
    table = mapping.table
    try:
        codecs.lookup(table.encoding)
    except LookupError:
        yield ("table", "encoding"), f"unknown encoding `{table.encoding}`; valid: utf-8, cp1252, utf-16, ..."
    if not table.header and not table.columns:
        yield ("table", "columns"), "a table without header needs the names of its columns"
    if table.header and table.columns:
        yield ("table", "columns"), "the header already names the columns; set `header: false` if there is none"
    columns = table.columns or ()
    for column in sorted({column for column in columns if columns.count(column) > 1}):
        yield ("table", "columns"), f"two columns named {column}"


def _clock_mistakes(mapping: Mapping) -> Mistakes:
    try:
        zoneinfo.ZoneInfo(mapping.time_zone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        yield ("time_zone",), f"unknown zone `{mapping.time_zone}`; valid: IANA names such as Europe/Berlin, or UTC"
    if mapping.date is not None and not _reads(mapping.date.format, _SAMPLE_DAY):
        yield ("date", "format"), f"`{mapping.date.format}` does not name a whole day; valid: such as %Y-%m-%d"


def _reads(pattern: str, sample: dt.datetime) -> bool:
    """Whether a pattern keeps what the sample says."""
    try:
        return dt.datetime.strptime(sample.strftime(pattern), pattern).replace(tzinfo=None) == sample  # noqa: DTZ007 - a zone is not asked for
    except ValueError:
        return False


def _time_mistakes(mapping: Mapping, name: str, time: RecordedTime) -> Mistakes:
    where = ("times", name)
    if time.format == "clock" and mapping.date is None:
        yield (*where, "format"), "a clock needs the field `date` that names the column with the day"
    if "%" in time.format and not _reads(time.format, _SAMPLE_TIME):
        yield (*where, "format"), f"`{time.format}` does not name a day and a time; valid: such as %Y-%m-%d %H:%M:%S"
    others = [other for other in mapping.times if other != name]
    partner = [] if time.missing_with is None else [time.missing_with]
    for rule in ("filled_by", "not_before", "not_after"):
        yield from _unknown((*where, rule), getattr(time, rule), others)
    yield from _unknown((*where, "missing_with"), partner, others)
    if partner and (not time.missing or time.format != "clock"):
        yield (*where, "missing_with"), "only beside `missing`, for a clock"


def _event_mistakes(mapping: Mapping, name: str, rule: EventRule) -> Mistakes:
    where = ("events", name)
    yield from _unknown((*where, "at"), texts(rule.at), list(mapping.times))
    if not texts(rule.at):
        yield (*where, "at"), f"no time; valid: {', '.join(mapping.times)}"
    allowed = event_types(mapping.channel)
    kind = rule.type or name
    if kind not in allowed:
        yield (*where, "type"), f"channel {mapping.channel} has no event `{kind}`; valid: {', '.join(allowed)}"
        return
    fields = {field.encode_name: field for field in msgspec.structs.fields(allowed[kind])}
    own = [field for field in fields if field not in GIVEN_FIELDS]
    hints = get_type_hints(allowed[kind], include_extras=True)
    yield from _unknown((*where, "fields"), rule.fields, own)
    for field, template in rule.fields.items():
        yield from _template_mistakes((*where, "fields", field), template)
        if field in own:
            yield from _constant_mistakes((*where, "fields", field), template, hints[fields[field].name])
    for field in own:
        if fields[field].required and field not in rule.fields:
            yield (*where, "fields", field), f"{kind} needs this field"


def _constant_mistakes(where: tuple[str, ...], template: str, wanted: Any) -> Mistakes:  # noqa: ANN401 - any type hint
    try:
        constant = constant_text(template)
        if constant is not None:
            msgspec.convert(constant, wanted, strict=False)
    except msgspec.ValidationError as error:
        yield where, f"`{template}` cannot stand here: {error}"
    except ValueError:
        return


def _template_mistakes(where: tuple[str, ...], template: str | None) -> Mistakes:
    try:
        template_names(template or "")
    except ValueError as error:
        yield where, str(error)


def _unknown(where: tuple[str, ...], names: Iterable[str], valid: list[str]) -> Mistakes:
    for name in names:
        if name not in valid:
            yield where, f"`{name}` is unknown; valid: {', '.join(valid) or 'none'}"
