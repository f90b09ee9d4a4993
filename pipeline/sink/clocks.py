"""How far the shards' clocks are, for views whose "now" is the log's time and not the wall's.

Owns the columns of the table `clocks`; must not know when a clock moves.
"""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from pipeline.sink.block import Patience
from pipeline.sink.clickhouse import ClickHouse, raise_for
from pipeline.sink.rows import LogPartition
from pipeline.sink.verdicts import Verdict

CLOCKS: Final = "clocks"
CLOCK_COLUMNS: Final[dict[str, str]] = {
    "topic_id": "LowCardinality(String)",
    "topic": "LowCardinality(String)",
    "partition": "UInt32",
    "clock": "DateTime64(3, 'UTC')",
    "position": "UInt64",
}


class ClockRow(Struct, frozen=True):
    """The clock of one shard in epoch milliseconds, when everything before `position` was folded."""

    where: LogPartition
    clock: int
    position: int


def write_clocks(clickhouse: ClickHouse, rows: Sequence[ClockRow], patience: Patience) -> bool:
    """Insert these clocks; False when asked to stop before. Of one shard the highest position counts.

    Raises ClickHouseSchemaError or ClickHouseError when only an operator can help.
    """
    lines = [(row.where.topic_id, row.where.topic, row.where.partition, row.clock, row.position) for row in rows]
    columns = [list(column) for column in zip(*lines, strict=True)]
    attempt = 0
    while lines:
        answer = clickhouse.insert(CLOCKS, CLOCK_COLUMNS, columns)
        if answer.verdict is Verdict.DONE:
            break
        if answer.verdict is not Verdict.RETRY:
            raise_for(answer)
        if not patience.wait(answer, attempt):
            return False
        attempt += 1
    return True
