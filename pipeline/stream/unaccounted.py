"""Names what does not balance: reads a partition once more and compares, interaction by interaction.

The slow path of an audit, taken only after a mismatch. Memory grows with the interactions of the partition.
"""

from collections.abc import Iterator, Mapping

from msgspec import Struct

from pipeline.core.balance import Finding, Life, LifeKey, refused_not_held
from pipeline.sink.balance import PartitionTables
from pipeline.stream.decode import Record
from pipeline.stream.kafka_client import LogReader


class _Seen(Struct):
    """Records of one key in the log, without rejected ones, and how many of them are accounted for."""

    first_offset: int
    records: int = 0
    counted: int = 0
    rows: int = 0


class _Comparison:
    """The log of one partition on one side, its tables on the other."""

    def __init__(self, rejects: set[int], refused: Mapping[int, int]) -> None:
        self._rejects = rejects
        self._refused = refused
        self._seen: dict[str, _Seen] = {}
        self._keyless: list[int] = []

    def read(self, record: Record) -> None:
        """Take a record of the log."""
        offset, key = record.offset, record.key
        if offset in self._rejects:
            self._rejects.discard(offset)
            return
        name = _text(key)
        if name is None:
            self._keyless.append(offset)
            return
        seen = self._of(name, offset)
        seen.records += 1
        seen.counted += self._refused.get(offset, 0)

    def count(self, interaction: str, first_offset: int, records: int, *, row: bool) -> None:
        """Take what a row or a held interaction accounts for."""
        seen = self._of(interaction, first_offset)
        seen.counted += records
        seen.rows += row

    def findings(self) -> Iterator[Finding]:
        """What does not add up."""
        for offset in self._keyless:
            yield Finding(None, offset, 1, 0, "a record without a readable key is in no table of rejects")
        for offset in sorted(self._rejects):
            yield Finding(None, offset, 0, 1, "a reject stands for a record that the log does not deliver")
        for name, seen in self._seen.items():
            if seen.records != seen.counted:
                yield Finding(name, seen.first_offset, seen.records, seen.counted, _explain(seen))

    def _of(self, name: str, offset: int) -> _Seen:
        seen = self._seen.get(name)
        if seen is None:
            seen = self._seen[name] = _Seen(offset)
        return seen


async def find_unaccounted(
    reader: LogReader, partition: int, start: int, tables: PartitionTables, lives: Mapping[LifeKey, Life]
) -> list[Finding]:
    """What the tables and the held `lives` leave open, or count too often, of the records from `start` on.

    Interactions that began before `start` cannot be compared: retention has removed a part of them.
    """
    unsettled = {offset for life in lives.values() for offset in life.unsettled}
    refused = tables.refused()
    open_refused = refused_not_held(refused, tables.rows_at(refused), lives)
    comparison = _Comparison(tables.reject_offsets(start) - unsettled, open_refused)
    if start < tables.up_to:
        async for records in reader.read(partition, start, tables.up_to):
            for record in records:
                comparison.read(record)
    for row in tables.rows_from(start):
        if (row.interaction, row.first_offset) not in lives:
            comparison.count(row.interaction, row.first_offset, row.records, row=True)
    for (interaction, offset), life in lives.items():
        comparison.count(interaction, offset, life.records, row=False)
    cut_off = tables.ids_before(start)
    return sorted(
        (found for found in comparison.findings() if found.interaction not in cut_off), key=lambda found: found.offset
    )


def _explain(seen: _Seen) -> str:
    if seen.counted > seen.records:
        return "the tables count more records than the log delivers"
    if seen.counted:
        return "the tables count fewer records than the log delivers: a reject or a newer row is missing"
    return "no row, no reject"


def _text(key: bytes | None) -> str | None:
    try:
        return key.decode() if key is not None else None
    except UnicodeDecodeError:
        return None
