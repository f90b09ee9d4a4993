"""Local time of one zone to epoch milliseconds, through skipped and repeated hours, by a stated rule.

A time that the clocks skipped counts as if they had not been put forward yet. One that happened twice is its first
occurrence, unless that lies before `not_before`: then the second.
"""

import datetime as dt
from typing import Final
from zoneinfo import ZoneInfo

DAY_MS: Final = 86_400_000
UNIX_DAY: Final = dt.date(1970, 1, 1).toordinal()
_MILLISECOND: Final = dt.timedelta(milliseconds=1)
_DAYS_CACHED: Final = 10_000


class Zone:
    """A time zone. `local` is milliseconds on the wall clock since 1970-01-01 00:00 of that clock."""

    def __init__(self, name: str) -> None:
        """`name`: an IANA name that exists."""
        self._zone = ZoneInfo(name)
        self._offsets: dict[int, int | None] = {}

    def epoch_ms(self, local: int, not_before: int | None) -> tuple[int, str | None]:
        """Epoch milliseconds, and `skipped_hour` or `repeated_hour` if the clock alone does not say it."""
        day = local // DAY_MS
        if day not in self._offsets:
            if len(self._offsets) >= _DAYS_CACHED:
                self._offsets.clear()
            self._offsets[day] = self._day_offset(day)
        offset = self._offsets[day]
        if offset is not None:
            return local - offset, None
        first, second = (self._offset(local, fold) for fold in (0, 1))
        if first == second:
            return local - first, None
        if first < second:
            return local - first, "skipped_hour"
        early = local - first
        return (early if not_before is None or early >= not_before else local - second), "repeated_hour"

    def _day_offset(self, day: int) -> int | None:
        """The offset of a whole day, None if it changes during the day."""
        found = {self._offset(at, fold) for at in (day * DAY_MS, (day + 1) * DAY_MS) for fold in (0, 1)}
        return found.pop() if len(found) == 1 else None

    def _offset(self, local: int, fold: int) -> int:
        day, rest = divmod(local, DAY_MS)
        wall = dt.datetime.fromordinal(day + UNIX_DAY).replace(tzinfo=self._zone, fold=fold)
        offset = (wall + rest * _MILLISECOND).replace(fold=fold).utcoffset()
        return (offset or dt.timedelta()) // _MILLISECOND
