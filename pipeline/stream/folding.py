"""Records of one partition -> decode -> Event | Reject -> fold into its shard."""

import time
from bisect import bisect_left
from collections.abc import Collection, Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Final

from pipeline.core.commit import Mark
from pipeline.core.record import Reject, Rejection
from pipeline.core.scored import ScoredInteraction
from pipeline.core.shard import Shard
from pipeline.stream.decode import Decoder, Record
from pipeline.stream.reject_limit import RejectLimit

OFFSET: Final = attrgetter("offset")


class Folding:
    """A shard at work.

    `stood_since` is the moment (monotonic seconds) from which its partition stands read to its
    end, None while there is more to read; `last_stamp` the Kafka time stamp of the last record folded here.
    """

    def __init__(self, partition: int, shard: Shard, decoder: Decoder, limit: RejectLimit | None = None) -> None:
        self.partition = partition
        self.shard = shard
        self.stood_since: float | None = None
        self.last_stamp: int | None = None
        self._decode = decoder.decode
        self._limit = limit

    def fold(self, records: Sequence[Record]) -> None:
        """Fold the records that come after the shard's position.

        Raises `LookupNeeded`: answer it and call again with the same records. Raises `RejectShareError` when so many
        are rejected that a producer or a setting must be wrong.
        """
        shard, decode, partition = self.shard, self._decode, self.partition
        held = shard.held
        undecodable = 0 if self._limit is None else self._limit.run  # a run goes on from batch to batch
        for record in records[bisect_left(records, shard.position, key=OFFSET) :]:
            outcome = decode(record, partition, shard.clock, held)
            if isinstance(outcome, Reject):
                shard.skip(record.offset, outcome, record)
                undecodable += 1
                if self._limit is not None:
                    self._limit.rejected(outcome.reason, record.offset)
            else:
                shard.fold(outcome, record)
                if undecodable:
                    undecodable = 0
                    if self._limit is not None:
                        self._limit.run_ended()
        self.last_stamp = records[-1].timestamp
        if self._limit is not None:
            self._limit.consumed(len(records))

    def answer(self, lives: Mapping[str, Collection[tuple[str, int]]], ids: Iterable[str], topic_id: str) -> None:
        """Answer which of these have a row of an earlier life: of another topic, or begun at a smaller offset.

        `lives`: topic id and first offset of each life that the table knows, by interaction.
        """
        held = self.shard.held
        self.shard.answer(
            {
                name: any(of != topic_id or first < held[name].first_offset for of, first in lives.get(name, ()))
                for name in ids
                if name in held
            }
        )

    def stand_at(self, position: int | None) -> None:
        """Note whether the partition stands read to its end: at `position`, past what no reader is given, or not."""
        if position is None:
            self.stood_since = None
            return
        self.shard.position = max(self.shard.position, position)
        if self.stood_since is None:
            self.stood_since = time.monotonic()

    def stood_milliseconds(self) -> int:
        """How long the partition has stood at its end."""
        return 0 if self.stood_since is None else int((time.monotonic() - self.stood_since) * 1000)

    def cut(self, stood_milliseconds: int) -> tuple[list[ScoredInteraction], list[Rejection], Mark]:
        """Take what is to be written, and where the shard stood after exactly the records before its position."""
        self.shard.write_due(stood_milliseconds)
        return *self.shard.output.take(), self.shard.mark()
