"""The day that is simulated: its wall clock in epoch milliseconds, and its span.

Owns the hours between which anything happens; must not know what happens.
"""

import datetime as dt
from typing import Final

from msgspec import Struct

from pipeline.source.zone import DAY_MS, UNIX_DAY, Zone

TIME_ZONE: Final = "Europe/Berlin"
SECOND: Final = 1000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
FIRST_HOUR: Final = 6
LAST_HOUR: Final = 22


class BusinessDay(Struct, frozen=True):
    """One date. `origin` is noon minus twelve hours: so every clock time after three is right, whatever the season."""

    date: dt.date
    origin: int

    def at(self, of_day: int) -> int:
        """Epoch milliseconds of a clock time, given in milliseconds of the day."""
        return self.origin + of_day

    @property
    def start(self) -> int:
        """When the first condition is known and the form opens."""
        return self.at(FIRST_HOUR * HOUR)

    @property
    def end(self) -> int:
        """When nobody comes any more."""
        return self.at(LAST_HOUR * HOUR)

    @property
    def last(self) -> int:
        """The last moment of the date: nothing is dated later."""
        return self.at(24 * HOUR) - 1


def business_day(date: dt.date) -> BusinessDay:
    """The day of that date in the time zone of the simulated places."""
    noon = (date.toordinal() - UNIX_DAY) * DAY_MS + 12 * HOUR
    return BusinessDay(date, Zone(TIME_ZONE).epoch_ms(noon, None)[0] - 12 * HOUR)
