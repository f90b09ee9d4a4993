"""The last line of defence: a thread that ends a process which is alive but stuck."""

import faulthandler
import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Final

from pipeline.errors import ExitCode

CHECK_SECONDS: Final = 1.0


class Watchdog:
    """Ends the process with exit code 70 when there is work and nothing moves, or when a shutdown hangs.

    Progress is a record folded or rebuilt, a block inserted, a retryable error answered.
    """

    def __init__(self, stall_seconds: float, shutdown_seconds: float) -> None:
        self._stall_seconds = stall_seconds
        self._shutdown_seconds = shutdown_seconds
        self._moved = time.monotonic()
        self._stopping: float | None = None

    def start(self, has_work: Callable[[], bool]) -> None:
        """Watch from now on."""
        self._moved = time.monotonic()
        threading.Thread(target=self._watch, args=(has_work,), name="watchdog", daemon=True).start()

    def progress(self) -> None:
        """Something moved."""
        self._moved = time.monotonic()

    def still_seconds(self) -> float:
        """How long there has been work and nothing has moved."""
        return time.monotonic() - self._moved

    def stopping(self) -> None:
        """A shutdown begins: it has its own, shorter time."""
        self._stopping = self._stopping or time.monotonic()

    def _watch(self, has_work: Callable[[], bool]) -> None:
        while True:
            time.sleep(CHECK_SECONDS)
            now = time.monotonic()
            if not has_work():
                self._moved = now
            if self._stopping is not None and now - self._stopping > self._shutdown_seconds:
                self._end(f"the shutdown took more than {self._shutdown_seconds:g} s")
            if now - self._moved > self._stall_seconds:
                self._end(f"there is work, and nothing has moved for {self._stall_seconds:g} s")

    @staticmethod
    def _end(why: str) -> None:
        sys.stderr.write(f"watchdog: {why}; the process ends, what is not committed will be read again\n")
        faulthandler.dump_traceback(all_threads=True)
        os._exit(ExitCode.WATCHDOG)
