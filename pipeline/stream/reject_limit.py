"""When so many records are rejected that the worker must stop: a broken producer or a wrong setting, not bad luck."""

from collections import deque

from pipeline.core.events import RejectReason
from pipeline.errors import RejectShareError
from pipeline.settings import Settings


class RejectLimit:
    """Counts undecodable records among the last ones, and in a row. Late ones, orphans and duplicates do not count."""

    def __init__(self, settings: Settings) -> None:
        self._share = settings.reject_share_limit
        self._window = settings.reject_share_window
        self._longest_run = settings.reject_run_limit
        self._run = 0
        self._seen = 0
        self._recent: deque[int] = deque()  # how many records had been seen at each reject of the window

    def rejected(self, reason: RejectReason, offset: int) -> None:
        """Count one. Raises `RejectShareError` beyond a limit."""
        self._run += 1
        self._recent.append(self._seen)
        where = f"the last one at offset {offset} for `{reason}`"
        if self._run >= self._longest_run:
            raise RejectShareError(self._advice(f"{self._run} records in a row were rejected, {where}"))
        while self._recent[0] < self._seen - self._window:
            self._recent.popleft()
        if len(self._recent) > self._share * self._window:
            count = len(self._recent)
            raise RejectShareError(self._advice(f"{count} of the last {self._window} records were rejected, {where}"))

    @property
    def run(self) -> int:
        """How many in a row were rejected up to now."""
        return self._run

    def run_ended(self) -> None:
        """A good record came."""
        self._run = 0

    def consumed(self, records: int) -> None:
        """So many more records have been read, good and bad."""
        self._seen += records

    @staticmethod
    def _advice(what: str) -> str:
        return (
            f"{what}. Nothing after the last commit is lost. The view `rejects` says what is wrong: mend the producer,"
            " or raise TOUCHPOINT_REJECT_SHARE_LIMIT or TOUCHPOINT_REJECT_RUN_LIMIT"
        )
