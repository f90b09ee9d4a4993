"""A row becomes events: skip rules, ids, times and fields as the mapping says.

Owns the meaning of a row; must not know where rows come from or where events go. A row that cannot be read is a
value (`BadRow`), and its message names columns and fields, never what stands in them.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from pipeline.core.events import RANKS, Event, Operation
from pipeline.source.column_check import column_mistakes
from pipeline.source.mapping import EventRule, Mapping, texts
from pipeline.source.mapping_check import event_types
from pipeline.source.mapping_file import MappingFile
from pipeline.source.row_times import RowTimes, Times
from pipeline.source.template import (
    BadRowError,
    Getter,
    Predicate,
    Row,
    compile_column,
    compile_condition,
    compile_template,
    compile_value,
)

# How `table.py` hands on bytes that are not text.
_BROKEN_TEXT: Final = re.compile("[\udc80-\udcff]")


class PlannedEvent(NamedTuple):
    """An event with its id, before it is sorted into the order of time."""

    event_id: str
    event: Event


class ReadRow(NamedTuple):
    """What a row gives. `identity` must belong to one content only: an interaction's id, or an event's own id."""

    identity: str | None
    interaction: str
    events: list[PlannedEvent]


class BadRow(NamedTuple):
    """A row that cannot be read, and why."""

    reason: str


class SkippedRow(NamedTuple):
    """A row that a rule of the mapping leaves out."""

    rule: str


class _BoundRule(NamedTuple):
    """An event rule, bound to the columns of a table."""

    name: str
    event_type: type[Event]
    when: Predicate | None
    at: tuple[int, ...]
    fields: list[tuple[str, Getter]]


class RowReader:
    """Reads rows of one table by one mapping; `repaired` counts the repairs by rule."""

    def __init__(self, file: MappingFile, columns: Sequence[str]) -> None:
        """Bind the mapping to a table's columns. Raises ImportFileError if it names others."""
        file.refuse(column_mistakes(file.mapping, columns))
        mapping = file.mapping
        self._columns = len(columns)
        self._times = RowTimes(mapping, columns)
        self._names: dict[str, Getter] = {name: compile_column(index) for index, name in enumerate(columns)}
        self._names |= {name: compile_value(name, value, columns) for name, value in mapping.values.items()}
        self._interaction = compile_template(mapping.interaction, self._names)
        self._touch_point = compile_template(mapping.touch_point, self._names)
        self._id = None if mapping.id is None else compile_template(mapping.id, self._names)
        self._one_event = mapping.each_row == "event"
        self._skip = [(name, compile_condition(condition, columns)) for name, condition in mapping.skip.items()]
        self._rules = [self._bind(mapping, name, rule, columns) for name, rule in mapping.events.items()]

    @property
    def repaired(self) -> Counter[str]:
        """How often each rule changed a time."""
        return self._times.repaired

    @property
    def skip_rules(self) -> list[str]:
        """The names of the rules that leave rows out."""
        return [name for name, _ in self._skip]

    def _bind(self, mapping: Mapping, name: str, rule: EventRule, columns: Sequence[str]) -> _BoundRule:
        return _BoundRule(
            name,
            event_types(mapping.channel)[rule.type or name],
            compile_condition(rule.when, columns),
            tuple(self._times.names.index(time) for time in texts(rule.at)),
            [(field, compile_template(template, self._names)) for field, template in rule.fields.items()],
        )

    def read(self, line: int, row: Row) -> ReadRow | SkippedRow | BadRow:
        """What the row at this line gives; the line names the event of a row that has no id of its own."""
        if len(row) != self._columns:
            return BadRow(f"{len(row)} cells instead of {self._columns}")
        for name, applies in self._skip:
            if applies is None or applies(row):
                return SkippedRow(name)
        if not all(map(str.isprintable, row)) and any(_BROKEN_TEXT.search(cell) for cell in row):
            return BadRow("bytes that are not text in the table's encoding")
        try:
            return self._read(line, row)
        except BadRowError as error:
            return BadRow(str(error))

    def _read(self, line: int, row: Row) -> ReadRow:
        interaction = _needed("interaction", self._interaction(row))
        touch_point = _needed("touch_point", self._touch_point(row))
        times = self._times.read(row)
        found = list(self._found(row, interaction, touch_point, times))
        if not self._one_event:
            return ReadRow(
                interaction, interaction, [PlannedEvent(f"{interaction}/{name}", event) for name, event in found]
            )
        if len(found) != 1:
            message = f"{len(found) or 'none'} of the events of the mapping fit, exactly one must"
            raise BadRowError(message)
        identity = None if self._id is None else _needed("id", self._id(row))
        name, event = found[0]
        return ReadRow(identity, interaction, [PlannedEvent(identity or f"line-{line}/{name}", event)])

    def _found(self, row: Row, interaction: str, touch_point: str, times: Times) -> Iterator[tuple[str, Event]]:
        for rule in self._rules:
            if rule.when is not None and not rule.when(row):
                continue
            time = next((times[index] for index in rule.at if times[index] is not None), None)
            if time is None:
                continue
            content: dict[str, Any] = {"interaction": interaction, "time": time}
            if rule.event_type is not Operation:
                content["touch_point"] = touch_point
            for field, getter in rule.fields:
                text = getter(row)
                if text is not None:
                    content[field] = text
            yield rule.name, _event(rule, content)


def rank(event: Event) -> int:
    """The place of an event among others of the same time."""
    return RANKS[type(event)]


def _event(rule: _BoundRule, content: dict[str, Any]) -> Event:
    try:
        return msgspec.convert(content, rule.event_type, strict=False)
    except msgspec.ValidationError as error:
        # The library's message may quote the value: only the place and the type are passed on.
        place = str(error).rpartition("`$.")[2].rstrip("`") if "`$." in str(error) else _absent(rule, content)
        message = f"events.{rule.name}: field {place} is missing or not as the event needs it"
        raise BadRowError(message) from None


def _absent(rule: _BoundRule, content: dict[str, Any]) -> str:
    required = [field.encode_name for field in msgspec.structs.fields(rule.event_type) if field.required]
    return " and ".join(field for field in required if field not in content)


def _needed(field: str, text: str | None) -> str:
    if text is None:
        message = f"{field}: a column or value it is made of is missing"
        raise BadRowError(message)
    return text
