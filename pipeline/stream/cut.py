"""What becomes durable together: the rows and rejects of all live shards, and the positions to commit afterwards."""

from collections.abc import Iterable, Sequence

from msgspec import Struct, field

from pipeline.core.catalog import Catalog
from pipeline.core.commit import CommitMetadata, Mark, encode_metadata
from pipeline.core.record import Rejection
from pipeline.core.scored import ScoredInteraction
from pipeline.sink.block import Block
from pipeline.sink.clocks import ClockRow
from pipeline.sink.rows import LogPartition
from pipeline.stream.decode import Record
from pipeline.stream.folding import Folding
from pipeline.stream.kafka_client import Committed
from pipeline.stream.place import Log
from pipeline.stream.rejects import reject_row


class Cut(Struct):
    """A block, the records behind its rejects, and the positions to commit with the clocks there.

    `ended`: those of its rows that are the first to show an interaction as ended or timed out.
    """

    block: Block
    rejected: list[Record]
    positions: dict[int, Committed]
    ended: list[ScoredInteraction] = field(default_factory=list)
    clocks: list[ClockRow] = field(default_factory=list)

    def reject(self, where: LogPartition, rejections: Sequence[Rejection]) -> None:
        """Take over the rejects of one shard."""
        for rejection in rejections:
            record: Record = rejection.origin  # type: ignore[assignment]  # folding hands in records
            self.block.reject(reject_row(where, rejection, record))
            self.rejected.append(record)


class Cutter:
    """Cuts blocks. Everything of a commit is copied from the state after exactly the records before its position."""

    def __init__(self, log: Log, catalog: Catalog, epoch: int) -> None:
        self._log = log
        self._catalog = catalog
        self._epoch = epoch

    def cut(self, live: Iterable[Folding], committed: dict[int, Committed]) -> Cut:
        """Take what every live shard has scored; positions that differ from `committed` replace those there."""
        cut = Cut(Block(), [], {})
        for folding in live:
            written, rejected, mark = folding.cut()
            cut.ended += folding.shard.output.take_ended()
            where = LogPartition(self._log.topic, self._log.topic_id, folding.partition)
            cut.block.add(where, written)
            cut.reject(where, rejected)
            position = self._commit_of(mark)
            if position != committed.get(folding.partition):
                cut.positions[folding.partition] = committed[folding.partition] = position
                if mark.clock >= 0:
                    cut.clocks.append(ClockRow(where, mark.clock, mark.position))
        return cut

    def _commit_of(self, mark: Mark) -> Committed:
        metadata = CommitMetadata(
            replay_offset=mark.replay_offset,
            clock=mark.replay_clock,
            topic_id=self._log.topic_id,
            partition_count=self._log.partition_count,
            epoch=self._epoch,
            fingerprint=self._catalog.fingerprint(mark.clock),
        )
        return Committed(mark.position, encode_metadata(metadata))
