"""CPU microseconds a row costs on the way into ClickHouse: `python -m tests.bench.sink HOST:PORT`.

Needs a running server; makes and drops the database `bench_sink`. Exits 1 above the limit.
"""

import random
import sys
import time
from typing import Final

from msgspec import structs

from pipeline.core.events import Outcome
from pipeline.core.scored import ScoredInteraction
from pipeline.settings import Settings
from pipeline.sink.clickhouse import connect
from pipeline.sink.migrations import apply_pending
from pipeline.sink.rows import SCORE_COLUMNS, SCORES, Pseudonyms, score_columns
from tests.scored_rows import DAY, LINE, LOG, NOON, scored

LIMIT_MICROSECONDS: Final = 25.0
ROWS: Final = 20_000
ROUNDS: Final = 5
SIGNALS: Final = ("wait_seconds", "service_seconds", "transfers", "hold_seconds", "self_service_seconds", "operations")
ELEMENTS: Final = ("wait.queue", "effort.transfers", "people.hold", "outcome.outcome", "effort.menu", "cap.abandoned")


def rows() -> list[ScoredInteraction]:
    """Calls of two days, 30 lines, 24 members of staff, six signals and six ledger lines each."""
    chance = random.Random(7)
    lines = [structs.replace(LINE, name=f"call_center/retail/line{number}") for number in range(30)]
    made = []
    for number in range(ROWS):
        start = NOON + chance.randrange(2 * DAY)
        call = scored(
            f"AA01{chance.randrange(99):02}-{number:07}-19990203",
            opened_at=start,
            started_at=start,
            served_at=start + 60_000,
            ended_at=start + 120_000,
            outcome=Outcome.COMPLETED,
            customer=str(chance.randrange(5000)) if chance.random() < 0.6 else None,
            staff=f"agent{chance.randrange(24)}",
            team="retail",
            task="PS",
            segment="regular",
            priority="1",
            signals={name: chance.random() * 100 for name in SIGNALS},
            points_lost={name: chance.random() * 10 for name in ELEMENTS},
            first_offset=number * 7,
            version=7 << 28 | number,
        )
        made.append(structs.replace(call, touch_point=chance.choice(lines)))
    return made


def main() -> int:
    """Print a line for each step; 1 if both together are over the limit."""
    settings = Settings(clickhouse=sys.argv[1], database="bench_sink")
    apply_pending(settings)
    made, pseudonyms = rows(), Pseudonyms(b"a key for benchmarks")
    building, inserting = [], []
    with connect(settings) as clickhouse:
        for _ in range(ROUNDS):
            begin = time.process_time()
            columns = score_columns(made, LOG, pseudonyms)
            built = time.process_time()
            clickhouse.insert(SCORES, SCORE_COLUMNS, columns)
            building.append(built - begin)
            inserting.append(time.process_time() - built)
        clickhouse.command("DROP DATABASE bench_sink SYNC")
    best = [min(step) / ROWS * 1e6 for step in (building, inserting)]
    sys.stdout.write(f"rows to columns: {best[0]:.2f} µs a row\nclickhouse-driver: {best[1]:.2f} µs a row\n")
    return int(sum(best) > LIMIT_MICROSECONDS)


if __name__ == "__main__":
    sys.exit(main())
