"""Records of one partition -> decode -> Event | Reject -> fold into its shard."""

import asyncio
import time
from bisect import bisect_left
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from operator import attrgetter
from typing import Final

from pipeline.core.commit import Mark
from pipeline.core.pauses import LookupNeeded, MoreDue
from pipeline.core.record import Reject, Rejection
from pipeline.core.scored import ScoredInteraction
from pipeline.core.shard import Shard
from pipeline.stream.decode import Decoder, Record
from pipeline.stream.reject_limit import RejectLimit

OFFSET: Final = attrgetter("offset")

LookUp = Callable[["Folding", list[str]], Awaitable[None]]


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

    async def fold_all(self, records: Sequence[Record], look_up: LookUp, progress: Callable[[], None]) -> None:
        """Fold a batch, answering its look-ups; where much is due at once, the event loop breathes in between."""
        while True:
            try:
                self.fold(records)
            except MoreDue:
                progress()
                await asyncio.sleep(0)
            except LookupNeeded as needed:
                await look_up(self, needed.ids)
            else:
                return

    def fold(self, records: Sequence[Record]) -> None:
        """Fold the records that come after the shard's position.

        Raises `LookupNeeded` or `MoreDue`: do as it says and call again with the same records. Raises
        `RejectShareError` when so many are rejected that a producer or a setting must be wrong.
        """
        shard, decode, partition = self.shard, self._decode, self.partition
        held = shard.held
        undecodable = 0 if self._limit is None else self._limit.run  # a run goes on from batch to batch
        for record in records[bisect_left(records, shard.position, key=OFFSET) :]:
            outcome = decode(record, partition, shard.clock, held)
            if type(outcome) is Reject:  # as in `decode`
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

    def stretches_due(self, stood_milliseconds: int | None) -> Iterator[None]:
        """Score what is to be written, in stretches; None takes how long the partition has stood at its end."""
        return self.shard.stretches_due(self.stood_milliseconds() if stood_milliseconds is None else stood_milliseconds)

    def cut(self) -> tuple[list[ScoredInteraction], list[Rejection], Mark]:
        """Take what was scored and rejected, and where the shard stood after exactly the records before its position.

        `stretches_due` comes before it, with nothing folded in between.
        """
        return *self.shard.output.take(), self.shard.mark()
