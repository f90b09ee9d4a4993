"""Events from beside the log as rows of `conditions`, `feedback` and `outcomes`.

Owns the columns of these tables, their types and their order; must not know connections or Kafka clients.
"""

from collections.abc import Iterator
from operator import attrgetter
from typing import Any, Final

from msgspec import Struct

from pipeline.core.events import RejectReason
from pipeline.core.record import DecodedSide
from pipeline.sink.block import DAY, Block, Target
from pipeline.sink.rows import Columns, LogPartition, Pseudonyms, RejectRow
from pipeline.sink.verdicts import Answer

SHORTEST_MONTH: Final = 28 * DAY
MAX_OFFSET: Final = (1 << 48) - 1
MAX_PARTITION: Final = (1 << 16) - 1

_TEXT: Final = "LowCardinality(String)"
_TIME: Final = "DateTime64(3, 'UTC')"
_PLACE: Final[dict[str, str]] = {
    "source": _TEXT,
    "event_id": "String",
    "stamp": _TIME,
    "topic_id": _TEXT,
    "partition": "UInt32",
    "offset": "UInt64",
    "version": "UInt64",
}

# By topic; each table is named as its topic.
TARGETS: Final[dict[str, Target]] = {
    name: Target(name, columns | _PLACE, "time", SHORTEST_MONTH)
    for name, columns in {
        "conditions": {
            "subject": _TEXT,
            "kind": _TEXT,
            "value": "Float64",
            "time": _TIME,
            "valid_seconds": "Nullable(Float64)",
        },
        "feedback": {
            "interaction_id": "String",
            "measure": _TEXT,
            "value": "Float64",
            "time": _TIME,
        },
        "outcomes": {
            "customer": "Nullable(String)",
            "interaction_id": "Nullable(String)",
            "kind": _TEXT,
            "value": "Nullable(Float64)",
            "time": _TIME,
            "key_id": _TEXT,
        },
    }.items()
}
# Where a column's value stands in the event, if not under its own name.
_FIELDS: Final = {"interaction_id": "interaction", "valid_seconds": "valid_for"}


class SideRow(Struct, frozen=True, gc=False):
    """A decoded event and where it stood."""

    where: LogPartition
    offset: int
    stamp: int
    decoded: DecodedSide

    @property
    def version(self) -> int:
        """Of an event sent twice the record with the smaller offset counts, then that of the lower partition."""
        return MAX_OFFSET - self.offset << 16 | MAX_PARTITION - self.where.partition


class SideBlock(Block):
    """What one commit on the topics beside the log waits for."""

    def __init__(self) -> None:
        super().__init__()
        self._side: dict[str, list[SideRow]] = {name: [] for name in TARGETS}

    def __len__(self) -> int:
        return sum(map(len, self._side.values())) + len(self.rejects)

    def take(self, table: str, row: SideRow) -> None:
        """Take over one row of a table."""
        self._side[table].append(row)

    def content(self, pseudonyms: Pseudonyms) -> Iterator[tuple[Target, Columns]]:
        """All rows as columns, table by table."""
        for name, rows in self._side.items():
            if rows:
                target = TARGETS[name]
                yield target, [_column(column, rows, pseudonyms) for column in target.types]

    def refused(self, target: Target, columns: Columns, row: int, answer: Answer) -> RejectRow:
        """The reject that stands for a row which a table does not take."""
        del columns
        one = self._side[target.table][row]
        return RejectRow(
            topic_id=one.where.topic_id,
            topic=one.where.topic,
            partition=one.where.partition,
            offset=one.offset,
            reason=RejectReason.ROW_REFUSED,
            detail=answer.label,
            stamp=one.stamp,
        )


def _column(name: str, rows: list[SideRow], pseudonyms: Pseudonyms) -> list[Any]:
    if name == "key_id":
        return [pseudonyms.key_id] * len(rows)
    if name in {"source", "event_id", "time"}:
        return list(map(attrgetter(f"decoded.{name}"), rows))
    if name in {"topic_id", "partition"}:
        return list(map(attrgetter(f"where.{name}"), rows))
    if name in _PLACE:
        return list(map(attrgetter(name), rows))
    values = list(map(attrgetter(f"decoded.event.{_FIELDS.get(name, name)}"), rows))
    return pseudonyms.of(values) if name == "customer" else values
