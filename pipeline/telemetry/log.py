"""Logging of a process: one line per fact on standard error."""

import logging
import sys
import time
from typing import Final

LIBRARIES: Final = ("aiokafka", "kafka", "faust", "mode", "asyncio")
OURS_BUT_FAUST: Final = "pipeline.stream.faust_app"  # mode speaks of every service it starts under this name
REPEAT_SECONDS: Final = 10.0


class LibraryFilter(logging.Filter):
    """Lets a library say the same thing once in a while, and never as an error.

    With the broker away the Kafka client writes dozens of errors a second, and some at every start; whether data is
    lost or somebody must act is for us to say.
    """

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[tuple[str, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the line is written."""
        if record.levelno > logging.WARNING:
            record.levelno, record.levelname = logging.WARNING, logging.getLevelName(logging.WARNING)
        now = time.monotonic()
        key = (record.name, str(record.msg))
        if now - self._said.get(key, -REPEAT_SECONDS) < REPEAT_SECONDS:
            return False
        self._said[key] = now
        return True


def configure() -> None:
    """WARNING means nothing is lost; ERROR means data is lost or somebody must act. Libraries speak from WARNING on."""
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", force=True
    )
    logging.getLogger(OURS_BUT_FAUST).setLevel(logging.WARNING)
    quiet = LibraryFilter()
    for handler in logging.getLogger().handlers:
        handler.addFilter(lambda record: record.name.split(".")[0] not in LIBRARIES or quiet.filter(record))
    for name in LIBRARIES:
        logging.getLogger(name).setLevel(logging.WARNING)
