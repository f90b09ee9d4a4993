"""A broker that dies just while a worker finds out where its partitions stand: asked again until it answers."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any, Final, Literal, NamedTuple

import pytest

from pipeline.catalog_files import load_catalog
from pipeline.errors import KafkaUnavailableError
from pipeline.settings import Settings
from pipeline.stream.condition_feed import ConditionFeed
from pipeline.stream.decode import Decoder
from pipeline.stream.folding import Folding
from pipeline.stream.kafka_client import LogConsumer, partition_of
from pipeline.stream.log_topic import read_log
from pipeline.stream.partitions import Partitions
from pipeline.stream.side_consumer import SideConsumer
from pipeline.telemetry.metrics import Metrics
from tests.at_work import PREFIX, Corner, LogWatch, drain, forget, make_corner
from tests.faults.services import killed
from tests.integration.conftest import RunningStack
from tests.traffic import orderly, send

# What cannot connect leaves sockets behind.
pytestmark = [pytest.mark.timeout(180), pytest.mark.filterwarnings("ignore::ResourceWarning")]

BOTH: Final = {0, 1}


@pytest.fixture
def corner(stack: RunningStack) -> Iterator[Corner]:
    """A log of two partitions, worked off once: there are commits, and interactions held before them."""
    made = make_corner(stack, PARTITIONS="2")
    send(made, orderly(60))
    drain(made)
    yield made
    forget(made)


class Busy(asyncio.Lock):
    """The poll loop's lock; `wanted` while somebody waits for it."""

    wanted = 0

    async def acquire(self) -> Literal[True]:
        self.wanted += 1
        try:
            return await super().acquire()
        finally:
            self.wanted -= 1


class Scene(NamedTuple):
    """The partitions of a worker that is given both."""

    partitions: Partitions
    busy: Busy
    crashes: list[BaseException]

    def live_at(self) -> dict[int, int]:
        return {number: folding.shard.position for number, folding in self.partitions.live.items()}


def settings_of(corner: Corner) -> Settings:
    mine: dict[str, Any] = {
        name.removeprefix(PREFIX).lower(): value
        for name, value in corner.environment().items()
        if name.startswith(PREFIX)
    }
    return Settings(**mine)


@asynccontextmanager
async def worker_of(corner: Corner) -> AsyncIterator[Scene]:
    settings = settings_of(corner)
    catalog = load_catalog(settings.schemas_dir)
    log = await read_log(settings, catalog)
    feed = ConditionFeed(settings, catalog)
    await feed.start()

    async def crashed(error: BaseException) -> None:
        scene.crashes.append(error)

    async def finished() -> bool:
        return True

    async def no_earlier_life(folding: Folding, ids: list[str]) -> None:
        folding.answer({}, ids, log.topic_id)

    async def ignored(_: set[int]) -> None: ...

    busy = Busy()
    decoder = Decoder(catalog, partition_of("murmur2", log.partition_count), 1 << 20, 300_000)
    partitions = Partitions(
        settings, catalog, log, decoder=decoder, feed=feed, busy=busy, finish=finished, look_up=no_earlier_life,
        crashed=crashed, progress=lambda: None, metrics=Metrics(catalog),
    )  # fmt: skip
    partitions.consumer = LogConsumer(settings, log.topic, revoked=ignored, assigned=ignored, crashed=crashed)
    scene = Scene(partitions, busy, [])
    yield scene
    partitions.cancel_rebuild()
    await partitions.consumer.stop()
    await feed.stop()


async def until(true: Callable[[], object], scene: Scene) -> None:
    async with asyncio.timeout(60):
        while not true():
            assert scene.crashes == []
            await asyncio.sleep(0.02)


def committed(corner: Corner) -> dict[int, int]:
    with LogWatch(corner) as watch:
        return watch.committed()


def test_commits_are_asked_for_until_a_broker_answers(corner: Corner, caplog: pytest.LogCaptureFixture) -> None:
    expected = committed(corner)

    async def take_up() -> dict[int, int]:
        async with worker_of(corner) as scene:
            with killed(corner.stack, "kafka"):
                await scene.partitions.assigned(BOTH)
                await until(lambda: "commits of group" in caplog.text, scene)
            await until(lambda: scene.partitions.live.keys() == BOTH, scene)
            return scene.live_at()

    assert asyncio.run(take_up()) == expected


def test_the_reader_of_a_rebuild_connects_once_a_broker_answers(
    corner: Corner, caplog: pytest.LogCaptureFixture
) -> None:
    expected = committed(corner)

    async def take_up() -> dict[int, int]:
        async with worker_of(corner) as scene:
            await scene.busy.acquire()
            await scene.partitions.assigned(BOTH)
            await until(lambda: scene.busy.wanted, scene)  # the commits are read
            with killed(corner.stack, "kafka"):
                scene.busy.release()
                await until(lambda: "where its topics are" in caplog.text, scene)
            await until(lambda: scene.partitions.live.keys() == BOTH, scene)
            return scene.live_at()

    assert asyncio.run(take_up()) == expected


def test_a_rebuild_goes_on_with_what_is_left_once_a_broker_answers(
    corner: Corner, caplog: pytest.LogCaptureFixture
) -> None:
    expected = committed(corner)

    async def take_up() -> dict[int, int]:
        async with worker_of(corner) as scene:
            await scene.busy.acquire()
            await scene.partitions.assigned(BOTH)
            await until(lambda: scene.busy.wanted, scene)
            scene.busy.release()
            await scene.busy.acquire()
            await until(lambda: scene.busy.wanted, scene)  # the first of them is rebuilt
            with killed(corner.stack, "kafka"):
                scene.busy.release()
                await until(lambda: "the bounds of" in caplog.text, scene)
                assert scene.live_at() == {0: expected[0]}
            await until(lambda: scene.partitions.live.keys() == BOTH, scene)
            return scene.live_at()

    assert asyncio.run(take_up()) == expected


def test_a_drain_of_the_topics_beside_the_log_does_not_wait_for_a_broker(corner: Corner) -> None:
    async def drain_both() -> None:
        settings = settings_of(corner)
        topics = [f"{corner.prefix}.{kind}" for kind in ("feedback", "outcomes")]
        consumer = SideConsumer(settings, f"{settings.group}-side", topics)
        await consumer.start()
        try:
            async with asyncio.timeout(60):
                while not await consumer.read_to_end():
                    await consumer.fetch(0.1)
            with killed(corner.stack, "kafka"), pytest.raises(KafkaUnavailableError, match=r"feedback, .*outcomes"):
                await consumer.read_to_end()
        finally:
            await consumer.stop()

    asyncio.run(drain_both())
