"""The service beside the log with a client and a table that answer at once."""

import asyncio
from collections.abc import Awaitable, Mapping, Sequence

import orjson
import pytest

from pipeline.settings import Settings
from pipeline.stream import side_tables
from pipeline.stream.decode import Record
from pipeline.stream.place import Log
from pipeline.stream.side_consumer import Partition
from pipeline.stream.side_tables import SideTables
from tests.contract.records import SOURCE, STAMP, kafka_record

TOPIC = "touchpoint.conditions"
CONDITION = orjson.dumps({"subject": "branch/1", "kind": "line_length", "value": 3, "time": STAMP})
HEADERS = [("ce_specversion", b"1.0"), ("ce_id", b"id-1"), ("ce_source", SOURCE.encode()),
           ("ce_type", b"touchpoint.condition.v1")]  # fmt: skip


class Client:
    """Hands out one batch, then nothing; commits whatever it is told to."""

    def __init__(self, *_: object) -> None:
        self.committed: dict[Partition, int] = {}
        self._batches = [{(TOPIC, 0): [kafka_record(b"branch/1/line_length", CONDITION, HEADERS)]}]

    async def start(self) -> None:
        """Nothing to connect to."""

    stop = start

    async def fetch(self, wait_seconds: float) -> Mapping[Partition, Sequence[Record]]:
        if self._batches:
            return self._batches.pop()
        await asyncio.sleep(wait_seconds / 100)
        return {}

    async def commit(self, positions: Mapping[Partition, int]) -> None:
        self.committed.update(positions)

    def hold_back(self) -> None:
        """Nothing to hold back."""

    let_go = hold_back


class Table:
    """Takes every block, or refuses it with `error`."""

    error: Exception | None = None

    def __init__(self, *_: object) -> None:
        pass

    async def check_tables(self, *_: str) -> None:
        """All of them are there."""

    async def make_durable(self, *_: object) -> bool:
        if self.error is not None:
            raise self.error
        return True

    async def unless_given_up(self, attempt: Awaitable[None]) -> None:
        await attempt


async def started(monkeypatch: pytest.MonkeyPatch) -> tuple[SideTables, Client]:
    async def describe(_: Settings, topics: Sequence[str]) -> list[Log]:
        return [Log(topic, f"id of {topic}", 1) for topic in topics]

    client = Client()
    monkeypatch.setattr(side_tables, "describe_topics", describe)
    monkeypatch.setattr(side_tables, "SideConsumer", lambda *_: client)
    monkeypatch.setattr(side_tables, "RejectSender", Client)
    monkeypatch.setattr(side_tables, "Inserter", Table)
    tables = SideTables(Settings(flush_interval_seconds=0.01), lambda: None)
    await tables.start()
    return tables, client


async def work_on(tables: SideTables, seconds: float = 0.3) -> None:
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    await tables.run(lambda: loop.time() > end)


def test_topics_that_fall_silent_leave_no_work_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> None:
        tables, client = await started(monkeypatch)
        await work_on(tables)
        assert client.committed == {(TOPIC, 0): 8}
        assert not tables.has_work  # else the watchdog ends a process that only waits

    asyncio.run(scene())


def test_table_that_refuses_the_last_block_is_heard_of_although_nothing_follows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scene() -> None:
        tables, _ = await started(monkeypatch)
        monkeypatch.setattr(Table, "error", RuntimeError("refused"))
        with pytest.raises(RuntimeError, match="refused"):
            await work_on(tables)

    asyncio.run(scene())
