"""Batches that the client hands out around a rebalance, step by step: whatever is not folded is read again."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, Self

import pytest
from msgspec import structs

from pipeline.contract.examples import event_example
from pipeline.settings import Settings
from pipeline.source.encode import encode
from pipeline.stream import partitions as partitions_module
from pipeline.stream import worker as worker_module
from pipeline.stream.cut import Cut
from pipeline.stream.kafka_client import Batch, Committed
from pipeline.stream.parsed_records import Piece
from pipeline.stream.place import Log
from pipeline.stream.worker import Worker
from pipeline.telemetry.health import Health
from pipeline.telemetry.metrics import Metrics
from tests.contract.records import STAMP, WINDOWS, encoded, kafka_record, small_catalog

MINE: Final = {0}
HOUR: Final = 3_600_000
LOG: Final = [kafka_record(*encoded("queued", event_id=f"id-{offset}"), offset=offset) for offset in range(12)]
ENOUGH_FETCHES: Final = 30


class Client:
    """In place of the log's consumer: hands out what comes next and moves past it; `steps` are the next fetches."""

    def __init__(self, *_: object, **callbacks: Callable[..., Awaitable[None]]) -> None:
        self.revoked, self.assigned = callbacks["revoked"], callbacks["assigned"]
        self.position = self.fetches = 0
        self.steps: list[Callable[[], Awaitable[Batch]]] = []
        self.held: set[int] = set()

    async def fetch(self, *_: object) -> Batch:
        await asyncio.sleep(0.001)
        self.fetches += 1
        return await self.steps.pop(0)() if self.steps else self.take(len(LOG))

    def take(self, count: int) -> Batch:
        batch = [] if self.held else LOG[self.position : self.position + count]
        self.position += len(batch)
        return {0: Piece(iter(batch))} if batch else {}

    def hold_back(self, partitions: set[int]) -> None:
        self.held |= partitions

    def let_go(self, partitions: set[int]) -> None:
        self.held -= partitions

    def go_on_from(self, _: int, position: int) -> None:
        self.position = position

    async def position_at_end(self, _: int) -> int | None:
        return self.position if self.position == len(LOG) else None

    def end_heard(self, _: int) -> tuple[int, int]:
        return len(LOG), 0

    async def read_to_end(self, partitions: set[int]) -> bool:
        return not partitions or self.position == len(LOG)

    async def start(self) -> None:
        """Nothing to connect to."""

    stop = start


class Beside:
    """In place of all else that is connected: every block is durable at once, the log is there, nothing else comes."""

    refusal = ""

    def __init__(self, *_: object) -> None:
        self.records: list[object] = []
        self.commits: dict[int, Committed] = {}

    async def write(self, cut: Cut) -> bool:
        self.commits |= cut.positions
        return True

    async def earlier_lives(self, _: Sequence[str]) -> Mapping[str, list[tuple[str, int]]]:
        return {}

    async def catch_up(self) -> None:
        """No conditions."""

    async def reach_back(self, *_: object) -> None:
        """Nothing was forgotten."""

    def prune(self, _: object) -> None:
        """Nothing to forget."""

    async def check(self, _: object) -> None:
        """All tables are there."""

    async def start(self) -> None:
        """Nothing to connect to."""

    stop = start

    async def close(self, _seconds: float) -> None:
        """Nothing to hang up."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Nothing to disconnect."""

    async def bounds(self, _: set[int]) -> dict[int, tuple[int, int]]:
        return {0: (0, len(LOG))}


class Scene:
    """A worker of one partition and its client."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, beside: Beside | None = None) -> None:
        beside = beside or Beside()

        async def commits(*_: object) -> dict[int, Committed]:
            return dict(beside.commits)

        async def crashed(error: BaseException) -> None:
            raise error

        monkeypatch.setattr(worker_module, "LogConsumer", Client)
        for name in ("Writer", "RejectSender", "ConditionFeed"):
            monkeypatch.setattr(worker_module, name, lambda *_: beside)
        monkeypatch.setattr(partitions_module, "LogReader", lambda *_: beside)
        monkeypatch.setattr(partitions_module, "read_commits", commits)
        catalog = small_catalog()
        settings = Settings(flush_interval_seconds=0.001, kafka="127.0.0.1:1", pseudonym_key=None)
        self.worker = Worker(
            settings, catalog, Log("touchpoint.events", "id", 1), crashed=crashed, progress=lambda: None,
            metrics=Metrics(catalog), health=Health(120, lambda: 0.0),
        )  # fmt: skip
        self.partitions = self.worker.partitions
        client = self.partitions.consumer
        assert isinstance(client, Client)
        self.client: Client = client

    async def assigned(self) -> None:
        """The partition comes (back), and its shard is live."""
        await self.client.assigned(MINE)
        async with asyncio.timeout(50):
            while not self.partitions.live:  # noqa: ASYNC110 - no event of the real thing says so
                await asyncio.sleep(0.001)

    async def joined(self) -> Batch:
        """A fetch during which the group is joined."""
        await self.client.revoked(set())
        await self.assigned()
        return {}

    async def run(self, *steps: Callable[[], Awaitable[Batch]], drain: bool = False) -> int:
        """Fetch in these steps, then until all is read; how many records were folded."""
        self.client.steps = list(steps)
        await self.worker.run(lambda: self.client.fetches > ENOUGH_FETCHES, drain=drain)
        tally, _ = self.partitions.count()
        return tally.consumed


def test_a_batch_from_before_a_rebalance_is_not_folded_over_a_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> int:
        here = Scene(monkeypatch)

        async def five() -> Batch:
            return here.client.take(5)

        async def three_while_nothing_is_live() -> Batch:
            await here.client.revoked(MINE)
            return here.client.take(3)

        async def two_before_it_is_live_again() -> Batch:
            batch = here.client.take(2)
            await here.assigned()
            return batch

        return await here.run(here.joined, five, three_while_nothing_is_live, two_before_it_is_live_again)

    assert asyncio.run(scene()) == len(LOG)


def test_a_batch_that_came_while_nothing_was_live_is_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> int:
        here = Scene(monkeypatch)

        async def five() -> Batch:
            return here.client.take(5)

        async def three_while_nothing_is_live() -> Batch:
            await here.client.revoked(MINE)
            return here.client.take(3)

        async def none_until_it_is_live_again() -> Batch:
            await here.assigned()
            return {}

        return await here.run(here.joined, five, three_while_nothing_is_live, none_until_it_is_live_again)

    assert asyncio.run(scene()) == len(LOG)


def test_a_batch_that_was_dropped_for_a_rebalance_is_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> int:
        here = Scene(monkeypatch)

        async def five() -> Batch:
            return here.client.take(5)

        async def three_after_it_is_live_again() -> Batch:
            await here.client.revoked(MINE)
            await here.assigned()
            return here.client.take(3)

        return await here.run(here.joined, five, three_after_it_is_live_again)

    assert asyncio.run(scene()) == len(LOG)


def test_drain_does_not_end_before_its_partitions_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> int:
        here = Scene(monkeypatch)

        async def nothing_yet() -> Batch:
            return {}

        return await here.run(nothing_yet, nothing_yet, nothing_yet, here.joined, drain=True)

    assert asyncio.run(scene()) == len(LOG)


def test_drain_does_not_end_between_losing_partitions_and_getting_others(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> int:
        here = Scene(monkeypatch)

        async def lost() -> Batch:
            await here.client.revoked(MINE)
            return {}

        async def nothing_yet() -> Batch:
            return {}

        async def given_again() -> Batch:
            await here.assigned()
            return {}

        return await here.run(here.joined, lost, nothing_yet, given_again, drain=True)

    assert asyncio.run(scene()) == len(LOG)


def test_a_look_up_that_waits_is_work_in_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    class Silent(Beside):
        """Asked about earlier lives, it never answers."""

        def __init__(self) -> None:
            super().__init__()
            self.asked = asyncio.Event()

        async def earlier_lives(self, _: Sequence[str]) -> Mapping[str, list[tuple[str, int]]]:
            self.asked.set()
            return await asyncio.Future()

    later = structs.replace(event_example("queued"), interaction="another", time=STAMP + WINDOWS.idle_timeout + 1)
    record = kafka_record(*encode(later, "call_center", "id", "source"), offset=len(LOG), stamp=STAMP + HOUR)
    monkeypatch.setitem(globals(), "LOG", [*LOG, record])  # it makes the others due: is this a tail of another life?

    async def scene() -> None:
        beside = Silent()
        here = Scene(monkeypatch, beside)
        running = asyncio.create_task(here.run(here.joined))
        async with asyncio.timeout(50):
            await beside.asked.wait()
        assert beside.commits[0].position == record.offset  # all that was folded is durable, and yet
        assert here.worker.in_hand
        running.cancel()

    asyncio.run(scene())
