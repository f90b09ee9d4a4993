"""What the tables say about one partition of the log, for the balance that an audit proves.

Owns the queries; what they must add up to, `core/balance.py` says. Reads through the views, so only current rows.
"""

# ruff: noqa: S608 - queries are put together from constants; values go as parameters

from collections.abc import Iterable, Iterator
from typing import Any, Final

from msgspec import Struct

from pipeline.core.balance import Balance, CurrentRow
from pipeline.core.events import RejectReason
from pipeline.sink.clickhouse import ClickHouse, raise_for
from pipeline.sink.rows import LogPartition
from pipeline.sink.verdicts import DONE

OFFSETS_PER_QUERY: Final = 5000
AUDITED_COLUMNS: Final = {
    "topic_id": "LowCardinality(String)",
    "partition": "UInt32",
    "up_to_offset": "UInt64",
    "records": "UInt64",
    "events": "UInt64",
    "duplicates": "UInt64",
    "rejected": "UInt64",
    "held": "UInt64",
}
_HERE: Final = "topic_id = %(topic_id)s AND partition = %(partition)s"
_ROWS: Final = f"SELECT interaction_id, first_offset, events, duplicates FROM interactions WHERE {_HERE}"
_REFUSED: Final = f"'{RejectReason.ROW_REFUSED}'"


class Audited(Struct, frozen=True):
    """What an earlier audit counted: `records` lie before `up_to_offset`."""

    up_to_offset: int
    records: int


class PartitionTables:
    """Rows and rejects that come from one partition, from records before `up_to`."""

    def __init__(self, clickhouse: ClickHouse, where: LogPartition, up_to: int) -> None:
        self.up_to = up_to
        self._clickhouse = clickhouse
        self._where = {"topic_id": where.topic_id, "partition": where.partition, "up_to": up_to}

    def count_rows(self, before: int) -> tuple[int, int]:
        """Events and duplicates over current rows with a first offset below `before`."""
        ((events, duplicates),) = self._ask(
            f"SELECT sum(events), sum(duplicates) FROM interactions WHERE {_HERE} AND first_offset < %(before)s",
            before=before,
        )
        return int(events), int(duplicates)

    def rows_from(self, start: int) -> list[CurrentRow]:
        """Current rows with a first offset from `start` on."""
        found = self._ask(f"{_ROWS} AND first_offset >= %(start)s AND first_offset < %(up_to)s", start=start)
        return [CurrentRow(*row) for row in found]

    def rows_at(self, first_offsets: Iterable[int]) -> list[CurrentRow]:
        """Current rows with one of these first offsets."""
        found = self._ask_for(f"{_ROWS} AND first_offset IN %(offsets)s", first_offsets)
        return [CurrentRow(*row) for row in found]

    def ids_before(self, start: int) -> set[str]:
        """Interactions that have a current row with a first offset below `start`."""
        if not start:
            return set()
        sql = f"SELECT DISTINCT interaction_id FROM interactions WHERE {_HERE} AND first_offset < %(start)s"
        return {interaction for (interaction,) in self._ask(sql, start=start)}

    def count_rejects(self) -> int:
        """Rejected records; refused rows are left out."""
        ((count,),) = self._ask(
            f"SELECT count() FROM rejects WHERE {_HERE} AND offset < %(up_to)s AND reason != {_REFUSED}"
        )
        return int(count)

    def count_rejects_at(self, offsets: Iterable[int]) -> int:
        """How many of these offsets have a reject."""
        sql = f"SELECT count() FROM rejects WHERE {_HERE} AND offset IN %(offsets)s AND reason != {_REFUSED}"
        return sum(int(count) for (count,) in self._ask_for(sql, offsets))

    def reject_offsets(self, start: int) -> set[int]:
        """Offsets of rejected records from `start` on."""
        sql = f"SELECT offset FROM rejects WHERE {_HERE} AND offset >= %(start)s AND offset < %(up_to)s"
        return {offset for (offset,) in self._ask(f"{sql} AND reason != {_REFUSED}", start=start)}

    def refused(self) -> dict[int, int]:
        """Records of each interaction whose row was refused, by its first offset."""
        sql = f"SELECT offset, records FROM rejects WHERE {_HERE} AND offset < %(up_to)s AND reason = {_REFUSED}"
        return dict(self._ask(sql))

    def last_audited(self) -> Audited | None:
        """The latest audit that balanced, no further than here."""
        found = self._ask(
            f"SELECT up_to_offset, records FROM audited FINAL WHERE {_HERE} AND up_to_offset <= %(up_to)s"
            " ORDER BY up_to_offset DESC LIMIT 1"
        )
        return Audited(*found[0]) if found else None

    def _ask(self, sql: str, **params: object) -> list[tuple[Any, ...]]:
        return self._clickhouse.query(sql, {**self._where, **params}).rows

    def _ask_for(self, sql: str, offsets: Iterable[int]) -> Iterator[tuple[Any, ...]]:
        wanted = sorted(offsets)
        for start in range(0, len(wanted), OFFSETS_PER_QUERY):
            yield from self._ask(sql, offsets=tuple(wanted[start : start + OFFSETS_PER_QUERY]))


def write_audited(clickhouse: ClickHouse, topic_id: str, balances: Iterable[Balance]) -> None:
    """Keep the totals of these partitions for the time when retention has removed their records."""
    lines = [
        (topic_id, one.partition, one.up_to_offset, one.records, one.events, one.duplicates, one.rejected, one.held)
        for one in balances
    ]
    if not lines:
        return
    answer = clickhouse.insert("audited", AUDITED_COLUMNS, [list(column) for column in zip(*lines, strict=True)])
    if answer is not DONE:
        raise_for(answer)
