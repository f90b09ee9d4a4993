"""Looks at a worker's pages over HTTP: is it ready, how much has it read, how far is it behind."""

import re
import time
import urllib.error
import urllib.request
from typing import Final

from pipeline.demo.snapshot import Flow

TIMEOUT_SECONDS: Final = 2.0
CONSUMED: Final = re.compile(r"^touchpoint_records_consumed_total(?:\{[^}]*\})? (\S+)$", re.MULTILINE)
LAG: Final = re.compile(r"^touchpoint_lag_seconds(?:\{[^}]*\})? (\S+)$", re.MULTILINE)
# A rate over less would jump with every batch.
RATE_SECONDS: Final = 3.0


class WorkerPage:
    """The pages of the worker at one port; a page that does not answer is no error here."""

    def __init__(self, port: int) -> None:
        self.metrics_url = f"http://127.0.0.1:{port}/metrics"
        self._ready_url = f"http://127.0.0.1:{port}/ready"
        self._seen: list[tuple[float, float]] = []
        self._flow = Flow()

    def is_ready(self) -> bool:
        """Whether the worker says that it takes part."""
        return _get(self._ready_url) is not None

    def flow(self) -> Flow:
        """Records per second over the last seconds, and the lag of the slowest partition; as last answered."""
        page = _get(self.metrics_url)
        consumed = None if page is None else CONSUMED.search(page)
        if page is None or consumed is None:
            return self._flow
        self._seen.append((time.monotonic(), float(consumed[1])))
        self._flow = Flow(self._rate(), max((float(found) for found in LAG.findall(page)), default=None))
        return self._flow

    def _rate(self) -> float | None:
        (latest, count), seen = self._seen[-1], self._seen
        while len(seen) > 1 and latest - seen[1][0] >= RATE_SECONDS:
            del seen[0]
        earliest, before = seen[0]
        return (count - before) / (latest - earliest) if latest > earliest else None


def _get(url: str) -> str | None:
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310 - our own address
            return str(answer.read().decode("utf-8", "replace"))
    except (urllib.error.URLError, OSError, ValueError):
        return None
