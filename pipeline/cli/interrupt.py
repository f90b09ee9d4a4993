"""How a command that sends for long is asked to stop: once politely, twice at once."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def interruptible(stop: threading.Event) -> Iterator[None]:
    """The first Ctrl-C or SIGTERM asks to stop, a second one ends the command where it is."""

    def ask(_signal: int, _frame: object) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    former = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
