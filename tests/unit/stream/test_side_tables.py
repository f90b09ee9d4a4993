"""The service beside the log with a client and a table that answer at once."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence

import orjson
import pytest

from pipeline.core.record import DecodedSide
from pipeline.settings import Settings
from pipeline.stream import side_tables
from pipeline.stream.budget import Budget
from pipeline.stream.decode import Record
from pipeline.stream.place import Log
from pipeline.stream.side_consumer import Partition
from pipeline.stream.side_tables import LastSeen, SideTables
from pipeline.telemetry.metrics import Metrics
from tests.contract.records import SOURCE, STAMP, kafka_record, small_catalog
from tests.unit.telemetry.test_metrics import value

PATIENCE_SECONDS = 30.0
TOPIC = "touchpoint.conditions"
CONDITION = orjson.dumps({"subject": "branch/1", "kind": "line_length", "value": 3, "time": STAMP})
HEADERS = [("ce_specversion", b"1.0"), ("ce_id", b"id-1"), ("ce_source", SOURCE.encode()),
           ("ce_type", b"touchpoint.condition.v1")]  # fmt: skip
OTHER = [(name, b"id-2" if name == "ce_id" else content) for name, content in HEADERS]


class Client:
    """Hands out one batch, then nothing; commits whatever it is told to."""

    def __init__(self, *_: object) -> None:
        self.committed: dict[Partition, int] = {}
        self.asked: list[bool] = []
        self.lag: int | None = 0
        self.batches = [{(TOPIC, 0): [kafka_record(b"branch/1/line_length", CONDITION, HEADERS)]}]

    async def start(self) -> None:
        """Nothing to connect to."""

    stop = start

    async def fetch(self, wait_seconds: float) -> Mapping[Partition, Sequence[Record]]:
        if self.batches:
            return self.batches.pop()
        await asyncio.sleep(wait_seconds / 100)
        return {}

    async def commit(self, positions: Mapping[Partition, int]) -> None:
        self.committed.update(positions)

    async def behind(self, *, ask: bool) -> Mapping[str, int]:
        self.asked.append(ask)
        if self.lag is None:
            raise ConnectionError
        return {TOPIC: self.lag}

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

    def try_once(self) -> None:
        """It answers at once."""

    async def close(self, _seconds: float) -> None:
        """Nothing to hang up."""

    async def unless_given_up(self, attempt: Awaitable[None]) -> None:
        await attempt


async def started(monkeypatch: pytest.MonkeyPatch, metrics: Metrics | None = None) -> tuple[SideTables, Client]:
    async def describe(_: Settings, topics: Sequence[str]) -> list[Log]:
        return [Log(topic, f"id of {topic}", 1) for topic in topics]

    client = Client()
    monkeypatch.setattr(side_tables, "describe_topics", describe)
    monkeypatch.setattr(side_tables, "SideConsumer", lambda *_: client)
    monkeypatch.setattr(side_tables, "RejectSender", Client)
    monkeypatch.setattr(side_tables, "SideInserter", Table)
    monkeypatch.setattr(side_tables, "LOOK_SECONDS", 0.01)
    tables = SideTables(Settings(flush_interval_seconds=0.01), lambda: None, metrics or Metrics(small_catalog()))
    await tables.start()
    return tables, client


async def work_on(tables: SideTables, until: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    await tables.run(lambda: bool(until()) or time.monotonic() > end)


def test_topics_that_fall_silent_leave_no_work_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> None:
        tables, client = await started(monkeypatch)
        await work_on(tables, lambda: client.committed and not tables.has_work)
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
            await work_on(tables, lambda: False)

    asyncio.run(scene())


def test_topics_tell_what_was_read_and_how_far_behind_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    metrics = Metrics(small_catalog())

    async def scene() -> None:
        tables, client = await started(monkeypatch, metrics)
        newer = orjson.dumps(orjson.loads(CONDITION) | {"of_a_later_contract": 1})
        good, bad, other = (
            kafka_record(b"branch/1/line_length", value, headers, offset)
            for value, headers, offset in ((CONDITION, HEADERS, 8), (b"{", HEADERS, 9), (newer, OTHER, 10))
        )
        client.batches.append({(TOPIC, 0): [good, bad, other]})  # the first of them repeats the one before
        client.lag = 42
        await work_on(
            tables,
            lambda: not client.batches and value(metrics, "touchpoint_side_lag_records", topic="conditions") == 42,
        )
        await tables.stop(finish=True, budget=Budget(5.0))

    asyncio.run(scene())
    assert value(metrics, "touchpoint_side_records_consumed_total", topic="conditions") == 4
    assert value(metrics, "touchpoint_side_records_duplicate_total", topic="conditions") == 1
    assert value(metrics, "touchpoint_side_records_rejected_total", topic="conditions", reason="malformed") == 1
    assert value(metrics, "touchpoint_side_records_with_unknown_fields_total", topic="conditions") == 1
    assert value(metrics, "touchpoint_side_records_with_unknown_fields_total", topic="outcomes") == 0
    assert value(metrics, "touchpoint_side_records_consumed_total", topic="outcomes") == 0
    assert value(metrics, "touchpoint_side_lag_records", topic="conditions") == 42


def test_a_client_that_does_not_say_how_far_behind_it_is_disturbs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> None:
        tables, client = await started(monkeypatch)
        client.lag = None
        await work_on(tables, lambda: client.committed and len(client.asked) > 1)
        await tables.stop(finish=True, budget=Budget(5.0))
        assert client.committed == {(TOPIC, 0): 8}
        assert len(client.asked) > 1

    asyncio.run(scene())


def test_a_record_that_is_read_again_is_no_repetition_and_the_memory_has_a_bound(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(side_tables, "REMEMBERED", 2)
    seen, one, two, three = LastSeen(), *(DecodedSide(0, "s", name, None) for name in "123")  # type: ignore[arg-type]
    assert [seen.repeats(one, (0, 7)), seen.repeats(one, (0, 7)), seen.repeats(one, (0, 8))] == [False, False, True]
    assert [seen.repeats(two, (0, 9)), seen.repeats(three, (0, 10)), seen.repeats(one, (0, 11))] == [False] * 3
