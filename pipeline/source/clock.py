"""Reads one time of a row: which text it is, in which format, or that there is none.

Owns formats, missing markers and `only_when`; on which day a clock falls and how times are repaired is decided with
the whole row in view, by `row_times.py`.
"""

import datetime as dt
import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

from pipeline.source.mapping import DateColumn, Mapping, RecordedTime
from pipeline.source.template import BadRowError, Row, compile_condition
from pipeline.source.zone import DAY_MS, UNIX_DAY

_CLOCK: Final = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])(?::([0-5][0-9])(?:\.([0-9]{1,3}))?)?")
_NUMBER: Final = re.compile(r"[0-9]{1,13}(\.[0-9]+)?")
_UNIX_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MILLISECOND: Final = dt.timedelta(milliseconds=1)
_DAYS_CACHED: Final = 10_000

# Milliseconds, and whether they stand on the zone's wall clock (else they are epoch milliseconds).
Parsed = tuple[int, bool]
# Column -> the day of a row, as days since 1970-01-01.
DayReader = Callable[[Row], int]


class TimeReader:
    """One time of the mapping, bound to its column. Counts `NAME.only_when` and `NAME.missing_with` in `repaired`."""

    def __init__(
        self, name: str, mapping: Mapping, columns: Sequence[str], day: DayReader | None, repaired: Counter[str]
    ) -> None:
        """`columns` hold all that the mapping names; `day` is needed by clocks only."""
        time = mapping.times[name]
        self.is_clock = time.format == "clock"
        self.applies = compile_condition(time.only_when, columns)
        self._name, self._column, self._index = name, time.column, columns.index(time.column)
        self._missing = frozenset(time.missing)
        self._partner = self._bind_partner(mapping, time, columns)
        self._parse = _parser(time.format)
        self._day = day
        self._repaired = repaired

    @staticmethod
    def _bind_partner(
        mapping: Mapping, time: RecordedTime, columns: Sequence[str]
    ) -> tuple[int, frozenset[str]] | None:
        if time.missing_with is None:
            return None
        partner = mapping.times[time.missing_with]
        return columns.index(partner.column), frozenset(partner.missing)

    def read(self, row: Row) -> Parsed | None:
        """The time as it stands, a clock on the row's own day; None if there is none. Raises BadRowError."""
        text = row[self._index]
        missing = text in self._missing
        if self.applies is not None and not self.applies(row):
            if not missing:
                self._repaired[f"{self._name}.only_when"] += 1
            return None
        if missing and not self._partner_is_there(row, text):
            return None
        parsed = self._parse(text)
        if parsed is None:
            message = f"column {self._column}: not a time as times.{self._name}.format says"
            raise BadRowError(message)
        if self.is_clock and self._day is not None:
            return parsed[0] + self._day(row) * DAY_MS, True
        return parsed

    def _partner_is_there(self, row: Row, text: str) -> bool:
        """Whether a marker such as `0:00:00` is a time after all, because the other end of the stay is one."""
        if self._partner is None or row[self._partner[0]] in self._partner[1] or self._parse(text) is None:
            return False
        self._repaired[f"{self._name}.missing_with"] += 1
        return True


def day_reader(date: DateColumn, columns: Sequence[str]) -> DayReader:
    """A function that reads the day of a row. It raises BadRowError for a text that is no day."""
    index = columns.index(date.column)
    days: dict[str, int] = {}

    def read(row: Row) -> int:
        text = row[index]
        day = days.get(text)
        if day is None:
            try:
                day = dt.datetime.strptime(text, date.format).toordinal() - UNIX_DAY  # noqa: DTZ007 - a calendar day
            except ValueError:
                message = f"column {date.column}: not a day as date.format says"
                raise BadRowError(message) from None
            if len(days) >= _DAYS_CACHED:
                days.clear()
            days[text] = day
        return day

    return read


def _parser(time_format: str) -> Callable[[str], Parsed | None]:
    """A function from text to time, None if the text is not of the format."""
    if time_format == "clock":
        return _clock
    if time_format == "iso":
        return lambda text: _moment(dt.datetime.fromisoformat, text)
    if time_format == "epoch_seconds":
        return lambda text: (round(float(text) * 1000), False) if _NUMBER.fullmatch(text) else None
    if time_format == "epoch_milliseconds":
        return lambda text: (int(text), False) if text.isdecimal() and text.isascii() else None
    return lambda text: _moment(lambda found: dt.datetime.strptime(found, time_format), text)  # noqa: DTZ007 - may have none


def _clock(text: str) -> Parsed | None:
    found = _CLOCK.fullmatch(text)
    if found is None:
        return None
    hours, minutes, seconds, fraction = found.groups()
    milliseconds = int((fraction or "").ljust(3, "0"))
    return (int(hours) * 3600 + int(minutes) * 60 + int(seconds or 0)) * 1000 + milliseconds, True


def _moment(read: Callable[[str], dt.datetime], text: str) -> Parsed | None:
    try:
        moment = read(text)
    except ValueError:
        return None
    is_local = moment.tzinfo is None
    return ((moment.replace(tzinfo=dt.UTC) if is_local else moment) - _UNIX_EPOCH) // _MILLISECOND, is_local
