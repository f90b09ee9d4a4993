"""The loop of a worker whose broker falls silent for a while, and the end of one in the middle of a rebalance."""

import asyncio
from collections.abc import Mapping

import pytest

from pipeline.errors import KafkaUnavailableError
from pipeline.settings import Settings
from pipeline.stream import worker as module
from pipeline.stream.budget import Budget
from pipeline.stream.kafka_client import Batch
from pipeline.stream.place import Log
from pipeline.stream.worker import Worker
from pipeline.telemetry.health import Health
from pipeline.telemetry.metrics import Metrics
from tests.contract.records import small_catalog

SILENT = KafkaUnavailableError("no Kafka broker tells the end of the conditions")


class Idle:
    """In place of all that is connected: nothing comes, nothing is written."""

    refusal = ""

    def __init__(self, *_: object, **__: object) -> None:
        self.asked = 0
        self.pruned = 0

    async def fetch(self, *_: object) -> Batch:
        await asyncio.sleep(0.001)
        return {}

    async def catch_up(self) -> None:
        self.asked += 1
        if self.asked == 1:
            raise SILENT

    async def start(self) -> None:
        """Nothing to connect to."""

    stop = start

    async def check(self, _: object) -> None:
        """All tables are there."""

    async def close(self, _seconds: float) -> None:
        """Nothing to hang up."""

    async def read_to_end(self, _: set[int]) -> bool:
        raise SILENT

    def prune(self, _: object) -> None:
        self.pruned += 1


async def nothing(_: object) -> None:
    """Nothing crashes."""


def make_worker(monkeypatch: pytest.MonkeyPatch, moved: list[None]) -> tuple[Worker, Idle]:
    feed = Idle()
    for name in ("LogConsumer", "Writer", "RejectSender"):
        monkeypatch.setattr(module, name, Idle)
    monkeypatch.setattr(module, "ConditionFeed", lambda *_: feed)
    catalog = small_catalog()
    worker = Worker(
        Settings(flush_interval_seconds=0.001), catalog, Log("touchpoint.events", "id", 4),
        crashed=nothing, progress=lambda: moved.append(None), metrics=Metrics(catalog), health=Health(120, lambda: 0.0),
    )  # fmt: skip
    return worker, feed


def test_broker_that_falls_silent_is_asked_again_and_counts_as_movement(monkeypatch: pytest.MonkeyPatch) -> None:
    moved: list[None] = []

    async def scene() -> None:
        worker, feed = make_worker(monkeypatch, moved)
        await worker.run(lambda: feed.asked > 1)

    asyncio.run(scene())
    assert moved == [None]


def test_drain_does_not_wait_for_a_silent_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> None:
        worker, _ = make_worker(monkeypatch, [])
        with pytest.raises(KafkaUnavailableError):
            await worker.run(lambda: False, drain=True)

    asyncio.run(scene())


def test_nothing_is_expected_to_move_while_no_broker_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> Mapping[bool, bool]:
        worker, _ = make_worker(monkeypatch, [])
        worker.partitions.rebuilding = {0}
        seen = {}
        for answers in (True, False):
            worker.broker_answers = answers
            seen[answers] = worker.has_work
        return seen

    assert asyncio.run(scene()) == {True: True, False: False}


def test_conditions_are_not_forgotten_while_a_shard_that_takes_them_is_rebuilt(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> tuple[int, int]:
        worker, feed = make_worker(monkeypatch, [])
        worker.partitions.rebuilding = {0}
        await worker.run(lambda: feed.asked > 3)
        before, worker.partitions.rebuilding = feed.pruned, set()
        await worker.run(lambda: feed.asked > 5)
        return before, feed.pruned

    before, after = asyncio.run(scene())
    assert before == 0
    assert after > 0


def test_a_rebalance_that_the_client_ends_before_it_leaves_leaves_no_rebuild_behind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scene() -> set[int]:
        worker, _ = make_worker(monkeypatch, [])

        async def assigned_meanwhile() -> None:
            worker.partitions.rebuilding = {0}

        monkeypatch.setattr(worker.partitions.consumer, "stop", assigned_meanwhile)
        await worker.start()
        await worker.stop(finish=False, budget=Budget(5.0))
        return worker.partitions.rebuilding

    assert asyncio.run(scene()) == set()
