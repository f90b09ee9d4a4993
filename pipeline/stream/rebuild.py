"""Rebuild a shard's held state from the log, beside the poll loop: fold up to the commit without writing."""

from collections.abc import Callable

from pipeline.stream.folding import Folding, LookUp
from pipeline.stream.kafka_client import LogReader
from pipeline.stream.place import Place


async def rebuild(
    reader: LogReader, folding: Folding, place: Place, look_up: LookUp, progress: Callable[[], None]
) -> None:
    """Bring a fresh shard from `place.replay_offset` to `place.position`, live there.

    `look_up` answers which interactions have an earlier life; `progress` is called for every batch.
    """
    shard = folding.shard
    shard.output.writing = False
    if place.replay_offset < place.position:
        async for records in reader.read(folding.partition, place.replay_offset, place.position):
            await folding.fold_all(records, look_up, progress)
            progress()
    shard.position = place.position
    shard.go_live()
    if place.new_epoch:
        shard.output.write_again(shard.held.values())
