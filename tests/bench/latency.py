"""How soon a row can be read at 5,000 events a second: `python -m tests.bench.latency`.

Brings up a stack of its own with one worker. Calls of five events each come in at a steady pace; for each, the time
from sending its end to seeing its row by SELECT is taken. Meanwhile one caller waits in a queue, and must show in
`score_now` once `provisional_after` has passed; the catalog of this run sets it to ten seconds.
"""

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Final

from pipeline.core.events import Arrived, Ended, InteractionEvent, Outcome, Queued, SelfServiceEntered, Served
from pipeline.settings import load_settings
from pipeline.sink.clickhouse import ClickHouse, connect
from pipeline.source.producer import EventProducer

EVENTS_PER_SECOND: Final = 5_000
EVENTS_PER_CALL: Final = 5
SECONDS: Final = 40
TICK_SECONDS: Final = 0.02
TALK_SECONDS: Final = 1.0
PROVISIONAL_SECONDS: Final = 10.0
LIMITS: Final = {"p50": 1.3, "p99": 2.5, "waiting": PROVISIONAL_SECONDS + 2}
TOUCHPOINT: Final = Path(sys.executable).with_name("touchpoint")
LINE: Final = "call_center/regular/line"
QUIET_LINE: Final = "call_center/stock/line"


class Callers(threading.Thread):
    """Sends calls at the pace; `ended_at` is when the end of each was sent."""

    def __init__(self, producer: EventProducer) -> None:
        super().__init__(daemon=True)
        self.ended_at: dict[str, float] = {}
        self.waiting_since = 0.0
        self._producer = producer

    def run(self) -> None:
        """Send for the whole time."""
        begun: list[tuple[float, str]] = []
        calls = int(EVENTS_PER_SECOND / EVENTS_PER_CALL * TICK_SECONDS)
        start = time.time()
        self._begin("waiting", QUIET_LINE, Arrived, Queued)
        self.waiting_since = time.time()
        for tick in range(int(SECONDS / TICK_SECONDS)):
            time.sleep(max(0.0, start + tick * TICK_SECONDS - time.time()))
            for number in range(calls):
                name = f"call-{tick}-{number}"
                self._begin(name, LINE, Arrived, SelfServiceEntered, Queued, Served)
                begun.append((time.time(), name))
            while begun and begun[0][0] < time.time() - TALK_SECONDS:
                self._end(begun.pop(0)[1])
        self._producer.finish()

    def _begin(self, name: str, line: str, *kinds: type[InteractionEvent]) -> None:
        now = int(time.time() * 1000)
        for kind in kinds:
            self._producer.send(kind(interaction=name, touch_point=line, time=now), f"{name}/{kind.kind}")

    def _end(self, name: str) -> None:
        now = int(time.time() * 1000)
        event = Ended(interaction=name, touch_point=LINE, time=now, outcome=Outcome.COMPLETED)
        self.ended_at[name] = time.time()
        self._producer.send(event, f"{name}/ended")


def watch(clickhouse: ClickHouse, callers: Callers) -> tuple[dict[str, float], float | None]:
    """When each ended call was first seen, and how long the waiting one took to show in `score_now`."""
    seen: dict[str, float] = {}
    waited = None
    newest = "2000-01-01 00:00:00"
    deadline = time.time() + SECONDS + 10
    while time.time() < deadline and (callers.is_alive() or len(seen) < len(callers.ended_at)):
        rows = clickhouse.query(
            "SELECT interaction_id, toString(inserted_at) FROM interaction_scores"
            " WHERE state = 'ended' AND inserted_at >= toDateTime64(%(newest)s, 3)",
            {"newest": newest},
        ).rows
        now = time.time()
        for name, inserted in rows:
            seen.setdefault(name, now)
            newest = max(newest, inserted)
        if waited is None:
            now_open = f"SELECT n_open FROM score_now WHERE touch_point = '{QUIET_LINE}' AND window_minutes = 5"
            if any(n_open for (n_open,) in clickhouse.query(now_open).rows):
                waited = time.time() - callers.waiting_since
        time.sleep(0.05)
    return seen, waited


def schemas(folder: Path) -> Path:
    """The shipped schemas with a shorter `provisional_after`."""
    copy = folder / "schemas"
    shutil.copytree(load_settings().schemas_dir, copy)
    catalog = copy / "touch_points.yaml"
    text = catalog.read_text()
    catalog.write_text(text.replace("provisional_after: 2m", f"provisional_after: {PROVISIONAL_SECONDS:.0f}s"))
    return copy


def measure(folder: Path) -> dict[str, float]:
    """Seconds: p50 and p99 from end to row, and until somebody waiting shows."""
    os.environ |= {
        "TOUCHPOINT_STATE_DIR": str(folder / "state"),
        "TOUCHPOINT_SCHEMAS_DIR": str(schemas(folder)),
        "TOUCHPOINT_METRICS_PORT": "0",
    }
    for command in (("stack", "up"), ("topics", "apply"), ("migrate",)):
        subprocess.run([TOUCHPOINT, *command], check=True, stdout=subprocess.DEVNULL)
    worker = subprocess.Popen([TOUCHPOINT, "worker"], stderr=subprocess.DEVNULL)
    try:
        settings = load_settings()
        callers = Callers(EventProducer(settings, "call_center", "bench"))
        time.sleep(8)  # the worker joins its group
        callers.start()
        clickhouse = connect(settings)
        seen, waited = watch(clickhouse, callers)
        clickhouse.close()
    finally:
        worker.terminate()
        worker.wait(60)
        subprocess.run([TOUCHPOINT, "stack", "down", "--delete"], check=True, stdout=subprocess.DEVNULL)
    latencies = [seen[name] - ended for name, ended in callers.ended_at.items() if name in seen]
    print(f"{len(latencies):,} of {len(callers.ended_at):,} calls seen, at {EVENTS_PER_SECOND:,} events a second")
    cuts = statistics.quantiles(latencies, n=100)
    return {"p50": cuts[49], "p99": cuts[98], "waiting": float("inf") if waited is None else waited}


def main() -> int:
    """Print the figures; 1 when a limit is passed."""
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(Path(folder))
    print(f"end of a call -> row read by SELECT: p50 {figures['p50']:.2f} s (at most {LIMITS['p50']})")
    print(f"end of a call -> row read by SELECT: p99 {figures['p99']:.2f} s (at most {LIMITS['p99']})")
    print(f"somebody waiting -> score_now: {figures['waiting']:.1f} s, at most {LIMITS['waiting']:.0f}")
    return int(any(figures[name] > limit for name, limit in LIMITS.items()))


if __name__ == "__main__":
    sys.exit(main())
