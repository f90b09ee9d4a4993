"""A shard that comes back after a rebalance goes on only where nobody has worked in a higher epoch meanwhile."""

import asyncio
from typing import Any, Self

import pytest

from pipeline.core.commit import CommitMetadata, encode_metadata
from pipeline.core.shard import Shard
from pipeline.errors import ConfigError
from pipeline.settings import Settings
from pipeline.stream import partitions as module
from pipeline.stream.folding import Folding
from pipeline.stream.kafka_client import Committed
from pipeline.stream.partitions import Partitions
from pipeline.stream.place import Log
from pipeline.telemetry.metrics import Metrics
from tests.contract.records import small_catalog, small_decoder

POSITION = 7
LOG = Log("touchpoint.events", "id", 1)
CATALOG = small_catalog()


class Kafka:
    """In place of the broker: a log that ends at POSITION, and one commit there."""

    def __init__(self, epoch: int) -> None:
        metadata = CommitMetadata(POSITION, 0, LOG.topic_id, LOG.partition_count, epoch, CATALOG.fingerprint(0))
        self.commits = {0: Committed(POSITION, encode_metadata(metadata))}

    async def read_commits(self, *_: object) -> dict[int, Committed]:
        return self.commits

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    async def bounds(self, _: set[int]) -> dict[int, tuple[int, int]]:
        return {0: (0, POSITION)}

    def hold_back(self, _: set[int]) -> None:
        pass

    let_go = hold_back

    def go_on_from(self, *_: int) -> None:
        pass


async def come_back(monkeypatch: pytest.MonkeyPatch, epoch: int) -> tuple[Partitions, list[BaseException]]:
    """A worker of epoch 0 loses its partition and gets it back, with a commit of this epoch at its position."""
    kafka, crashes = Kafka(epoch), list[BaseException]()
    monkeypatch.setattr(module, "read_commits", kafka.read_commits)
    monkeypatch.setattr(module, "LogReader", lambda *_: kafka)
    nothing: Any = None

    async def finished() -> bool:
        return True

    async def crashed(error: BaseException) -> None:
        crashes.append(error)

    partitions = Partitions(
        Settings(kafka="nowhere:1"), CATALOG, LOG, decoder=small_decoder(), feed=nothing, busy=asyncio.Lock(),
        finish=finished, look_up=nothing, crashed=crashed, progress=lambda: None, metrics=Metrics(CATALOG),
    )  # fmt: skip
    partitions.consumer = kafka  # type: ignore[assignment]  # as far as it is asked here
    partitions.live[0] = Folding(0, Shard(CATALOG, POSITION), small_decoder())
    await partitions.revoked({0})
    await partitions.assigned({0})
    await asyncio.sleep(0.01)
    return partitions, crashes


def test_a_shard_that_stands_at_the_commit_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    partitions, crashes = asyncio.run(come_back(monkeypatch, epoch=0))

    assert partitions.live.keys() == {0}
    assert not crashes


def test_a_worker_of_a_lower_epoch_ends_although_its_shard_stands_at_the_commit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    partitions, crashes = asyncio.run(come_back(monkeypatch, epoch=1))

    assert not partitions.live
    assert [type(error) for error in crashes] == [ConfigError]
    assert "TOUCHPOINT_EPOCH=1 or higher" in str(crashes[0])
