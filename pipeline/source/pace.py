"""How fast recorded events are sent again: as fast as possible, or N times as fast as they happened."""

import re
import time
from collections.abc import Callable
from typing import Final, Protocol

from pipeline.errors import ConfigError

_TIMES: Final = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)x")
_LONGEST_NAP_SECONDS: Final = 1.0


class Stop(Protocol):
    """What `threading.Event` offers to those who wait for it."""

    def is_set(self) -> bool:
        """Whether to stop."""

    def wait(self, timeout: float) -> bool:
        """Wait at most `timeout` seconds; whether to stop."""


def parse_speed(text: str) -> float | None:
    """Times real time, None for `max`. Raises ConfigError for anything else."""
    if text == "max":
        return None
    found = _TIMES.fullmatch(text)
    if found is None or float(found.group(1)) == 0:
        message = f"--speed {text}: valid: max, or times real time such as 1x, 60x, 0.5x"
        raise ConfigError(message)
    return float(found.group(1))


class Pace:
    """Waits until an event is due, or until it is time to stop. The first event is due at once.

    A gap in the recording is waited for like any other time.
    """

    def __init__(
        self,
        speed: float | None,
        stop: Stop,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`speed`: times real time, None for no waiting. Once `stop` is set, nothing is waited for."""
        self.stop = stop
        self.speed, self._clock = speed, clock
        self._first_ms: int | None = None
        self._began = 0.0

    def wait_for(self, time_ms: int) -> None:
        """Return when the event of this time is due."""
        if self.speed is None:
            return
        if self._first_ms is None:
            self._first_ms, self._began = time_ms, self._clock()
        due = self._began + (time_ms - self._first_ms) / 1000 / self.speed
        while (rest := due - self._clock()) > 0 and not self.stop.wait(min(rest, _LONGEST_NAP_SECONDS)):
            pass
