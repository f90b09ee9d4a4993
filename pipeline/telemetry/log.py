"""Logging of a process: one line per fact on standard error."""

import logging
import sys
from typing import Final

NOISY: Final = ("aiokafka", "kafka", "faust", "mode", "asyncio", "pipeline.stream.faust_app")


def configure() -> None:
    """WARNING means nothing is lost; ERROR means data is lost or somebody must act. Libraries speak from WARNING on."""
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", force=True
    )
    for name in NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)
