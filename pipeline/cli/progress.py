"""Shows on stderr how far a long step is, once it has taken three seconds: a bar for people, lines for a log.

Must not know what is being done.
"""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

FIRST_SHOWN_SECONDS: Final = 3.0
SECONDS_BETWEEN_LINES: Final = 5.0


class Progress:
    """One step. `watch(done, of)` may be called as often as one likes."""

    def __init__(self, step: str) -> None:
        """`step`: what is being done, such as `reading`."""
        self._step = step
        self._due = time.monotonic() + FIRST_SHOWN_SECONDS
        self._bar: Any = None
        self._task: Any = None

    def watch(self, done: int, of: int) -> None:
        """Show `done` of `of`, if it is time to."""
        if self._bar is not None:
            self._bar.update(self._task, completed=done, total=of)
            return
        if time.monotonic() < self._due:
            return
        if sys.stderr.isatty():
            self._start_bar(done, of)
            return
        self._due = time.monotonic() + SECONDS_BETWEEN_LINES
        print(f"{self._step}: {100 * done // max(of, 1)} %", file=sys.stderr, flush=True)  # noqa: T201 - our output

    def close(self) -> None:
        """Leave the terminal as it was."""
        if self._bar is not None:
            self._bar.stop()

    def _start_bar(self, done: int, of: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"))
        self._bar = Bar(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True)
        self._task = self._bar.add_task(self._step, total=of, completed=done)
        self._bar.start()


@contextmanager
def progress(step: str) -> Iterator[Progress]:
    """Show the progress of a step; the bar is gone afterwards, however the step ends."""
    shown = Progress(step)
    try:
        yield shown
    finally:
        shown.close()
