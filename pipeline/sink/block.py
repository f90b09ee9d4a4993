"""A block: rows cut from shards and rejected records, on their way into the tables until they are durable.

    rows -> columns -> pieces of few partitions -> INSERT -> done | again, later | halve | stop

Repeating any part of it is harmless: the version of a row decides, not how often it came.
"""

import random
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from msgspec import Struct

from pipeline.core.events import RejectReason
from pipeline.errors import ClickHouseError
from pipeline.sink.clickhouse import ClickHouse, raise_for
from pipeline.sink.rows import (
    REJECT_COLUMNS,
    REJECTS,
    SCORE_COLUMNS,
    SCORES,
    Columns,
    LogPartition,
    Pseudonyms,
    RejectRow,
    reject_columns,
    score_columns,
)
from pipeline.sink.verdicts import Answer, Verdict

if TYPE_CHECKING:
    from pipeline.core.scored import ScoredInteraction

DAY: Final = 86_400_000
MAX_PERIODS: Final = 50  # ClickHouse refuses an INSERT over more than 100 partitions (max_partitions_per_insert_block)
REFUSED_AT_ONCE: Final = 10  # more refused rows than this, and more than 1 %, are no poison but a wrong table


class Patience:
    """How long and how often to try again: full jitter below a doubling bound, until `stop` is set.

    `on_retry` hears of each retryable answer, from the thread that inserts.
    """

    def __init__(
        self,
        stop: threading.Event,
        on_retry: Callable[[Answer], None],
        *,
        first_seconds: float = 0.25,
        longest_seconds: float = 10.0,
    ) -> None:
        self._stop = stop
        self._on_retry = on_retry
        self._first = first_seconds
        self._longest = longest_seconds

    def wait(self, answer: Answer, attempt: int) -> bool:
        """Wait before attempt number `attempt` + 1; False when asked to stop."""
        self._on_retry(answer)
        bound = min(self._longest, self._first * 2 ** min(attempt, 32))
        return not self._stop.wait(random.uniform(0, bound))  # noqa: S311 - spreads load, keeps no secret


class Written(Struct, frozen=True):
    """A durable block: rows and rejects inserted. `refused`: those of the rejects that were rows of this block."""

    rows: int
    rejects: int
    refused: tuple[RejectRow, ...]


class Target(NamedTuple):
    """A table: its columns with their types, and the time that decides to which of its partitions a row belongs.

    A stretch of `period` milliseconds, beginning anywhere, touches two of the partitions at most.
    """

    table: str
    types: dict[str, str]
    time: str
    period: int = DAY


class Block:
    """What one commit waits for. Filled by the worker, then handed over whole to the thread that writes it."""

    def __init__(self) -> None:
        self.rejects: list[RejectRow] = []
        self._rows: list[tuple[LogPartition, Sequence[ScoredInteraction]]] = []

    def __len__(self) -> int:
        return sum(len(scored) for _, scored in self._rows) + len(self.rejects)

    def add(self, where: LogPartition, scored: "Sequence[ScoredInteraction]") -> None:
        """Take over the rows that one shard had ready."""
        if scored:
            self._rows.append((where, scored))

    def reject(self, row: RejectRow) -> None:
        """Take over one record that could not be used."""
        self.rejects.append(row)

    def write(  # noqa: PLR0913  # by keyword: who hears of it
        self,
        clickhouse: ClickHouse,
        pseudonyms: Pseudonyms,
        patience: Patience,
        *,
        max_rows: int = 50_000,
        inserted: Callable[[str, int, float], None] = lambda *_: None,
        progress: Callable[[], None] = lambda: None,
    ) -> Written | None:
        """Insert everything; None when stopped before all was durable.

        `inserted` hears of each table that has taken rows: name, rows, seconds; `progress` of each INSERT that the
        server has answered for good. The block stays as it is, so it can be written again. Raises ClickHouseSchemaError
        or ClickHouseError when only an operator can help.
        """
        way = _Way(clickhouse, patience, max_rows, inserted, progress)
        rows, refused = 0, []
        for target, columns in self.content(pseudonyms):
            done = _insert(way, target, columns)
            if done is None:
                return None
            rows += len(columns[0]) - len(done)
            refused += [self.refused(target, columns, row, answer) for row, answer in done]
        rejects = (*self.rejects, *refused)
        done = _insert(way, REJECT_TARGET, reject_columns(rejects))
        if done is None:
            return None
        if done:
            row, answer = done[0]
            message = f"{REJECTS} takes no line for offset {rejects[row].offset}: {answer.message}"
            raise ClickHouseError(message)
        return Written(rows, len(rejects), tuple(refused))

    def content(self, pseudonyms: Pseudonyms) -> Iterator[tuple[Target, Columns]]:
        """All rows as columns, table by table."""
        columns: Columns = [[] for _ in SCORE_COLUMNS]
        for where, scored in self._rows:
            for column, values in zip(columns, score_columns(scored, where, pseudonyms), strict=True):
                column.extend(values)
        yield SCORE_TARGET, columns

    def refused(self, target: Target, columns: Columns, row: int, answer: Answer) -> RejectRow:
        """The reject that stands for a row which a table does not take."""
        values = dict(zip(target.types, (column[row] for column in columns), strict=True))
        topics = {where.topic_id: where.topic for where, _ in self._rows}
        return RejectRow(
            topic_id=values["topic_id"],
            topic=topics[values["topic_id"]],
            partition=values["partition"],
            offset=values["first_offset"],
            reason=RejectReason.ROW_REFUSED,
            detail=answer.label,
            stamp=values["opened_at"],
            records=values["events"] + values["duplicates"],
        )


SCORE_TARGET: Final = Target(SCORES, SCORE_COLUMNS, "opened_at")
REJECT_TARGET: Final = Target(REJECTS, REJECT_COLUMNS, "stamp")


class _Way(NamedTuple):
    clickhouse: ClickHouse
    patience: Patience
    max_rows: int
    inserted: Callable[[str, int, float], None]
    progress: Callable[[], None]


def _insert(way: _Way, target: Target, columns: Columns) -> list[tuple[int, Answer]] | None:
    """Insert all rows; the refused ones by position with the reason, None when stopped. Raises when all is in vain."""
    periods = [time // target.period for time in columns[list(target.types).index(target.time)]]
    pieces = deque(cut(periods, way.max_rows))
    started = time.monotonic()
    refused: list[tuple[int, Answer]] = []
    accepted = attempt = 0
    while pieces:
        piece = pieces[0]
        whole = len(piece) == len(periods)
        answer = way.clickhouse.insert(target.table, target.types, columns if whole else _take(columns, piece))
        if answer.verdict is Verdict.RETRY:
            if not way.patience.wait(answer, attempt):
                return None
            attempt += 1
            continue
        attempt = 0
        way.progress()
        pieces.popleft()
        if answer.verdict is Verdict.DONE:
            accepted += len(piece)
        elif answer.verdict is not Verdict.FATAL and len(piece) > 1:
            pieces.extendleft(reversed(_halve(piece, periods)))
        elif answer.verdict is Verdict.VALUE and len(refused) < REFUSED_AT_ONCE + accepted // 100:
            refused.append((piece[0], answer))
        else:
            raise_for(answer)
    if accepted:
        way.inserted(target.table, accepted, time.monotonic() - started)
    return refused


def cut(periods: Sequence[int], max_rows: int) -> Iterator[Sequence[int]]:
    """Positions of rows, in pieces of at most `max_rows` rows and MAX_PERIODS periods."""
    if len(periods) <= max_rows and len(set(periods)) <= MAX_PERIODS:
        if periods:
            yield range(len(periods))
        return
    piece: list[int] = []
    seen: set[int] = set()
    for row in sorted(range(len(periods)), key=periods.__getitem__):
        seen.add(periods[row])
        if len(piece) == max_rows or len(seen) > MAX_PERIODS:
            yield piece
            piece, seen = [], {periods[row]}
        piece.append(row)
    yield piece


def _halve(piece: Sequence[int], periods: Sequence[int]) -> tuple[Sequence[int], Sequence[int]]:
    """Two halves that share as few periods as can be: the reason may be too many partitions."""
    ordered = sorted(piece, key=periods.__getitem__)
    middle = len(ordered) // 2
    return ordered[:middle], ordered[middle:]


def _take(columns: Columns, rows: Sequence[int]) -> Columns:
    return [[column[row] for row in rows] for column in columns]
