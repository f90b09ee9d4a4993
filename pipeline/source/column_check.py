"""Checks a mapping against the columns of a table: does everything it names exist?

Yields (field, message) and never raises; `mapping_file.py` adds file and line.
"""

from collections.abc import Iterator, Sequence

from pipeline.source.mapping import Mapping
from pipeline.source.template import template_names

FieldPath = tuple[str, ...]


def column_mistakes(mapping: Mapping, columns: Sequence[str]) -> Iterator[tuple[FieldPath, str]]:
    """Every place of the mapping that names a column, or a named value, that is not there."""
    for where, column in _used_columns(mapping):
        if column not in columns:
            yield where, f"the table has no column `{column}`; valid: {', '.join(columns)}"
    for where, template in _templates(mapping):
        for name in template_names(template):
            if name not in columns and name not in mapping.values:
                valid = ", ".join([*mapping.values, *columns])
                yield where, f"`{{{name}}}` is neither a named value nor a column; valid: {valid}"


def _used_columns(mapping: Mapping) -> Iterator[tuple[FieldPath, str]]:
    if mapping.date is not None:
        yield ("date", "column"), mapping.date.column
    for name, time in mapping.times.items():
        yield ("times", name, "column"), time.column
        yield from ((("times", name, "only_when", column), column) for column in time.only_when)
    for name, value in mapping.values.items():
        yield ("values", name, "column"), value.column
    for name, condition in mapping.skip.items():
        yield from ((("skip", name, column), column) for column in condition)
    for name, rule in mapping.events.items():
        yield from ((("events", name, "when", column), column) for column in rule.when)


def _templates(mapping: Mapping) -> Iterator[tuple[FieldPath, str]]:
    yield ("interaction",), mapping.interaction
    yield ("touch_point",), mapping.touch_point
    if mapping.id is not None:
        yield ("id",), mapping.id
    for name, rule in mapping.events.items():
        yield from ((("events", name, "fields", field), template) for field, template in rule.fields.items())
