"""The mapping file as types: how the rows of one kind of recorded table become events.

Owns the names a user may write and what they mean (docs/import.md explains them); must not know how the file is read
(`mapping_file.py`) nor how rows are (`table.py`, `clock.py`, `rows.py`). Every scalar of the file arrives as text.
Each `description` names the valid values: mistakes quote it.
"""

from typing import Annotated, Final, Literal

from msgspec import Meta, Struct, field

Words = Annotated[str, Meta(min_length=1, max_length=200, description="a text of 1 to 200 characters")]
Template = Annotated[
    str, Meta(min_length=1, max_length=1000, description="a text in which {NAME} stands for a column or named value")
]
Delimiter = Annotated[
    str,
    Meta(
        pattern=r'^([^"\r\nA-Za-z0-9]|tab|comma|semicolon|pipe)$', description="tab, comma, semicolon, pipe or a sign"
    ),
]
ClockFormat = Annotated[
    str,
    Meta(
        pattern=r"^(clock|iso|epoch_seconds|epoch_milliseconds|.*%.*)$",
        description="clock, iso, epoch_seconds, epoch_milliseconds, or a pattern such as %d.%m.%Y %H:%M:%S",
    ),
]
DateFormat = Annotated[str, Meta(pattern="%", description="a pattern such as %Y-%m-%d")]
Allowance = Annotated[
    str, Meta(pattern=r"^([0-9]+|[0-9]+(\.[0-9]+)?%)$", description="a number of rows, or a share such as 0.5%")
]
ChannelName = Annotated[
    str, Meta(pattern=r"^[a-z][a-z0-9_]*$", description="a channel of the catalog, such as call_center")
]
Texts = Annotated[str | tuple[str, ...], Meta(description="a text or a list of texts")]


class Not(Struct, frozen=True, forbid_unknown_fields=True):
    """Any text but these."""

    no: Texts = field(name="not")


# Column -> one text, one of several texts, or none of them. All columns must agree.
Condition = Annotated[
    dict[str, str | tuple[str, ...] | Not],
    Meta(description="COLUMN: text, COLUMN: [text, text] or COLUMN: {not: text}"),
]


class Table(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How the text is cut into rows. A file that begins as gzip is unpacked, whatever its name."""

    delimiter: Delimiter = "comma"
    encoding: str = "utf-8"
    header: bool = True
    columns: tuple[Words, ...] | None = None
    quoting: Literal["double", "none"] = "double"


class DateColumn(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The column with the day beside which the clocks stand, and its `strptime` pattern."""

    column: Words
    format: DateFormat


class RecordedTime(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One time of a row: where it stands, what means that there is none, how it is repaired.

    The rules run in this order: `only_when`, `missing`, `filled_by`, `not_before`, `not_after`.
    """

    column: Words
    format: ClockFormat = "clock"
    missing: tuple[str, ...] = ()
    missing_with: str | None = None
    only_when: Condition = {}
    filled_by: tuple[str, ...] = ()
    not_before: tuple[str, ...] = ()
    not_after: tuple[str, ...] = ()


class Value(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A named value: a column's text, translated by a table; `missing` texts and a table's `null` are no value."""

    column: Words
    missing: tuple[str, ...] = ("",)
    table: dict[str, str | None] | None = None
    otherwise: Literal["error", "keep", "missing"] = "error"


class EventRule(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One event that a row may give: its type (else the rule's name), when, at which time, with which fields.

    The event is sent if `when` holds and one of the times of `at` is there: the first that is.
    """

    at: Texts
    type: str | None = None
    when: Condition = {}
    fields: dict[str, Template] = {}


class Mapping(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A whole mapping file. `id` names the events of `each_row: event`; otherwise it is made from the row's line."""

    mapping: Literal["1"]
    source: Words
    channel: ChannelName
    each_row: Literal["interaction", "event"]
    interaction: Template
    touch_point: Template
    time_zone: str
    times: dict[str, RecordedTime]
    events: dict[str, EventRule]
    table: Table = Table()
    date: DateColumn | None = None
    values: dict[str, Value] = {}
    skip: dict[str, Condition] = {}
    id: Template | None = None
    bad_rows_allowed: Allowance = "0"


DELIMITERS: Final = {"tab": "\t", "comma": ",", "semicolon": ";", "pipe": "|"}


def texts(given: str | tuple[str, ...]) -> tuple[str, ...]:
    """One text or several, as several."""
    return (given,) if isinstance(given, str) else given
