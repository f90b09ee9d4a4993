"""Small expressions of a mapping file, made into functions of a row: templates, named values, conditions.

Must not know events or times. A cell's text never enters a message: it may name a customer or a member of staff.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from pipeline.source.mapping import Not, Value, texts

Row = Sequence[str]
Getter = Callable[[Row], str | None]
Predicate = Callable[[Row], bool]
_PARTS: Final = re.compile(r"\{\{|\}\}|\{([^{}]+)\}|[{}]|[^{}]+")


class BadRowError(Exception):
    """A row that cannot become events; the message names the place, never a value. Caught where rows are read."""


def template_names(template: str) -> list[str]:
    """The columns and named values that a template uses. Raises ValueError for a brace without its partner."""
    return [text for text, is_name in _split(template) if is_name]


def constant_text(template: str) -> str | None:
    """The text of a template without names, else None."""
    parts = _split(template)
    return None if any(is_name for _, is_name in parts) else "".join(text for text, _ in parts)


def compile_template(template: str, names: Mapping[str, Getter]) -> Getter:
    """A function that fills in a template: None as soon as one of its names has no value."""
    constant = constant_text(template)
    if constant is not None:
        return lambda _row: constant
    parts = [names[text] if is_name else text for text, is_name in _split(template)]
    if len(parts) == 1 and callable(parts[0]):
        return parts[0]

    def fill(row: Row) -> str | None:
        filled = []
        for part in parts:
            text = part if isinstance(part, str) else part(row)
            if text is None:
                return None
            filled.append(text)
        return "".join(filled)

    return fill


def compile_column(index: int) -> Getter:
    """A cell as it stands; an empty one is no value."""
    return lambda row: row[index] or None


def compile_value(name: str, value: Value, columns: Sequence[str]) -> Getter:
    """A function that gives a named value. It raises BadRowError for a text that the value's table must list."""
    index, missing, table = columns.index(value.column), frozenset(value.missing), value.table

    def translate(row: Row) -> str | None:
        text = row[index]
        if text in missing:
            return None
        if table is None:
            return text
        if text in table:
            return table[text]
        if value.otherwise == "error":
            message = f"column {value.column}: a text that values.{name}.table does not list"
            raise BadRowError(message)
        return text if value.otherwise == "keep" else None

    return translate


def compile_condition(condition: Mapping[str, str | tuple[str, ...] | Not], columns: Sequence[str]) -> Predicate | None:
    """A function that says whether a row fulfils a condition; None when every row does."""
    checks = []
    for column, wanted in condition.items():
        accepted = frozenset(texts(wanted.no if isinstance(wanted, Not) else wanted))
        checks.append((columns.index(column), accepted, not isinstance(wanted, Not)))
    if not checks:
        return None
    return lambda row: all((row[index] in accepted) is expected for index, accepted, expected in checks)


def _split(template: str) -> list[tuple[str, bool]]:
    """Pieces of text (False) and names (True)."""
    parts: list[tuple[str, bool]] = []
    for found in _PARTS.finditer(template):
        text = found.group()
        if found.group(1):
            parts.append((found.group(1), True))
        elif text in ("{", "}"):
            message = f"a brace without its partner in {template!r}; write {{{{ or }}}} for a brace itself"
            raise ValueError(message)
        else:
            parts.append((text[0] if text in ("{{", "}}") else text, False))
    return parts
