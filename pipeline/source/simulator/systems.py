"""Backend systems: how long an attempt takes, when it fails, and how staff and customers try again.

Owns latencies and failures; must not know who waits for them.
"""

import math
import random
from typing import Final, NamedTuple

from msgspec import Struct

from pipeline.core.events import OperationStatus
from pipeline.source.simulator.business_day import SECOND, BusinessDay
from pipeline.source.simulator.journal import Diary
from pipeline.source.simulator.scenario import SlowSystem

ATTEMPTS: Final = 3
SLOW_SECONDS: Final = (6.0, 12.0)
SLOW_FAILURES: Final = 0.25
MOST_FAILURES: Final = 0.8
TIME_OUT_SECONDS: Final = 10.0
PAUSE_SECONDS: Final = (2.0, 4.0)  # until somebody has seen the failure and pressed again


class Habit(Struct, frozen=True):
    """How a healthy system answers: lognormal seconds, and the share of attempts that fail."""

    median: float
    sigma: float
    failures: float

    @property
    def mean(self) -> float:
        """Mean seconds of an attempt."""
        return self.median * math.exp(self.sigma**2 / 2)


HABITS: Final = {
    "identity": Habit(0.22, 0.45, 0.003),
    "core_banking": Habit(0.50, 0.50, 0.004),
    "documents": Habit(1.20, 0.50, 0.008),
    "telephony": Habit(0.15, 0.30, 0.002),
}


class Work(NamedTuple):
    """How work went: when it was over, whether it was done, and when it first failed, if it did."""

    time: int
    done: bool
    failed_at: int | None = None


class Systems:
    """All systems on one day. Latencies depend on the moment alone, so each place can draw its own."""

    def __init__(self, slow: SlowSystem | None, day: BusinessDay) -> None:
        """`slow`: the system that is slow for a while, if any."""
        self._slow = slow
        self._span = (day.at(slow.start), day.at(slow.end)) if slow else (0, 0)

    def call(self, diary: Diary, system: str, operation: str, time: int, chance: random.Random) -> Work:
        """Have work done from `time` on, trying again after a failure."""
        failed_at: int | None = None
        for attempt in range(1, ATTEMPTS + 1):
            milliseconds, status = self._attempt(system, time, chance)
            diary.note_operation(system, operation, time, milliseconds, status, attempt)
            time += milliseconds
            if status is OperationStatus.OK:
                return Work(time, done=True, failed_at=failed_at)
            failed_at = failed_at or time
            time += int(chance.uniform(*PAUSE_SECONDS) * SECOND)
        return Work(time, done=False, failed_at=failed_at)

    def _attempt(self, system: str, time: int, chance: random.Random) -> tuple[int, OperationStatus]:
        habit = HABITS[system]
        slow = self._slow
        if slow is not None and slow.system == system and self._span[0] <= time < self._span[1]:
            seconds = chance.uniform(*SLOW_SECONDS) * slow.severity
            failures = min(SLOW_FAILURES * slow.severity, MOST_FAILURES)
        else:
            seconds, failures = chance.lognormvariate(math.log(habit.median), habit.sigma), habit.failures
        if chance.random() >= failures:
            status = OperationStatus.OK
        else:
            status = OperationStatus.TIMED_OUT if seconds > TIME_OUT_SECONDS else OperationStatus.FAILED
        return max(int(seconds * SECOND), 1), status
