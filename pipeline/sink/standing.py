"""The current rows of given lives, as a recomputation must know them before it replaces any."""

from collections.abc import Iterator, Sequence
from typing import Final

from pipeline.core.replacement import StandingRow
from pipeline.core.scored import ScoredInteraction
from pipeline.sink.clickhouse import ClickHouse
from pipeline.sink.rows import LogPartition

LIVES_PER_QUERY: Final = 5000
_SQL: Final = (
    "SELECT interaction_id, first_offset, toUnixTimestamp64Milli(opened_at), events, duplicates, version"
    " FROM interactions WHERE topic_id = %(topic_id)s AND partition = %(partition)s"
    " AND opened_at >= fromUnixTimestamp64Milli(%(first)s, 'UTC')"
    " AND opened_at <= fromUnixTimestamp64Milli(%(last)s, 'UTC') AND first_offset IN %(offsets)s"
)


def standing_rows(
    clickhouse: ClickHouse, where: LogPartition, rows: Sequence[ScoredInteraction]
) -> Iterator[StandingRow]:
    """The current rows with the first offsets of these, where they have one. Raises as `ClickHouse.query` does."""
    ordered = sorted(rows, key=lambda row: row.opened_at)  # few hours in each query: they are the table's key
    for start in range(0, len(ordered), LIVES_PER_QUERY):
        lives = ordered[start : start + LIVES_PER_QUERY]
        params = {
            "topic_id": where.topic_id,
            "partition": where.partition,
            "first": lives[0].opened_at,
            "last": lives[-1].opened_at,
            "offsets": tuple(row.first_offset for row in lives),
        }
        for found in clickhouse.query(_SQL, params).rows:
            yield StandingRow(*found)
