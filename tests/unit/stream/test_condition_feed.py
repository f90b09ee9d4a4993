"""The conditions topic as every worker reads it, from a client that stops in the middle."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Self

import orjson
import pytest

from pipeline.core.circumstances import Circumstances
from pipeline.core.conditions import HOUR, LONGEST_TOLERANCE, ConditionRecord
from pipeline.core.record import Reject
from pipeline.core.shard import Shard
from pipeline.settings import Settings
from pipeline.stream import condition_feed
from pipeline.stream.condition_feed import ConditionFeed
from pipeline.stream.decode import Record
from pipeline.stream.decode_side import decode_side
from tests.contract.records import MAX_AHEAD, MAX_BYTES, SOURCE, STAMP, kafka_record, small_catalog

RECORDS = 6


def condition(offset: int, time: int = STAMP, stamp: int = STAMP) -> Record:
    value = orjson.dumps({"subject": "branch/1", "kind": "line_length", "value": 3, "time": time})
    headers = [("ce_specversion", b"1.0"), ("ce_id", str(offset).encode()), ("ce_source", SOURCE.encode()),
               ("ce_type", b"touchpoint.condition.v1")]  # fmt: skip
    record: Record = kafka_record(b"branch/1/line_length", value, headers, offset, stamp)
    assert not isinstance(decode_side(record, "conditions", MAX_BYTES, MAX_AHEAD), Reject)
    return record


class Reader:
    """Hands out two records at a time; the first time the second batch takes for ever."""

    def __init__(self, *_: object) -> None:
        self.waiting = asyncio.Event()
        self._has_waited = False

    async def end(self, _: int) -> int:
        return RECORDS

    async def read(self, _: int, start: int, stop: int) -> AsyncIterator[Sequence[Record]]:
        for first in range(start, stop, 2):
            if first and not self._has_waited:
                self._has_waited = True
                self.waiting.set()
                await asyncio.sleep(3600)
            yield [condition(offset) for offset in range(first, min(first + 2, stop))]


def test_rebuild_cancelled_while_it_reads_conditions_leaves_none_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> list[int]:
        reader = Reader()
        monkeypatch.setattr(condition_feed, "LogReader", lambda *_: reader)
        feed = ConditionFeed(Settings(kafka="127.0.0.1:1"), small_catalog())
        reading = asyncio.create_task(feed.catch_up())
        await reader.waiting.wait()
        reading.cancel()
        await asyncio.wait([reading])
        await feed.catch_up()
        return [record.offset for record in feed.records]

    assert asyncio.run(scene()) == list(range(RECORDS))


@pytest.mark.parametrize(
    ("offsets", "kept_since", "whole_from"),
    [
        ([0, 1, 2], STAMP + 9, 0),
        ([0, 3, 4, 5], STAMP + 9, STAMP + 3),
        ([2, 3], STAMP + 9, STAMP + 2),
        ([0, 3, 4], STAMP + 1, STAMP + 1),
        ([0, 3, 4], -1, 0),
    ],
)
def test_conditions_are_whole_behind_the_last_hole_or_where_compaction_has_not_been(
    monkeypatch: pytest.MonkeyPatch, offsets: list[int], kept_since: int, whole_from: int
) -> None:
    class Compacted(Reader):
        async def end(self, _: int) -> int:
            return offsets[-1] + 1

        async def read(self, *_: int) -> AsyncIterator[Sequence[Record]]:
            for offset in offsets:
                yield [condition(offset, stamp=STAMP + offset)]

    monkeypatch.setattr(condition_feed, "LogReader", Compacted)
    feed = ConditionFeed(Settings(kafka="127.0.0.1:1", max_ahead_seconds=0.001), small_catalog())
    asyncio.run(feed.catch_up())

    assert feed.whole_from(kept_since) == (whole_from and whole_from + 1 + LONGEST_TOLERANCE)


def test_conditions_that_are_all_gone_are_not_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    class Emptied(Reader):
        async def __aenter__(self) -> Self:
            return self

        async def bounds(self, _: object) -> dict[int, tuple[int, int]]:
            return {0: (RECORDS, RECORDS)}

    monkeypatch.setattr(condition_feed, "LogReader", Emptied)
    feed = ConditionFeed(Settings(kafka="127.0.0.1:1", max_ahead_seconds=0.001), small_catalog())
    asyncio.run(feed.start())

    assert feed.whole_from(STAMP) == STAMP + 1 + LONGEST_TOLERANCE


def test_what_no_row_can_show_any_more_is_forgotten_by_feed_and_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    catalog = small_catalog()
    hours = 4 * catalog.horizon() // HOUR
    monkeypatch.setattr(condition_feed, "PRUNE_EVERY", hours)
    monkeypatch.setattr(condition_feed, "LogReader", Reader)
    feed = ConditionFeed(Settings(kafka="127.0.0.1:1"), catalog)
    feed.records += [
        ConditionRecord(hour, STAMP + hour * HOUR, "kiosk/1", "counters_open", STAMP + hour * HOUR, float(hour))
        for hour in range(hours)
    ]
    now = STAMP + hours * HOUR
    shard = Shard(catalog, 0, now, feed=feed.records)
    kiosk = catalog.resolve("kiosk/1", now)
    assert kiosk is not None

    def seen() -> list[Circumstances]:
        """What an interaction sees that came so many hours ago, up to the oldest of which a row may be written."""
        ages = range(1, 2 * catalog.horizon() // HOUR)
        moments = [(now - hour * HOUR, now - hour * HOUR + HOUR // 2) for hour in ages]
        return [shard.conditions.read(kiosk, start, start, None, end) for start, end in moments]

    shard.apply_conditions()
    before = seen()
    feed.prune([shard])

    assert seen() == before
    assert shard.fed == len(feed.records) < hours
    assert feed.records[0].time <= now - 2 * catalog.horizon() - LONGEST_TOLERANCE


class Hourly(Reader):
    """A condition every hour, the last one `RECORDS` hours ago."""

    async def bounds(self, _: object) -> dict[int, tuple[int, int]]:
        return {0: (0, RECORDS)}

    async def read(self, _: int, start: int, stop: int) -> AsyncIterator[Sequence[Record]]:
        yield [condition(offset, STAMP - (2 * RECORDS - offset) * HOUR) for offset in range(start, stop)]


def test_what_was_forgotten_is_read_again_for_a_shard_that_is_far_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    catalog = small_catalog()
    monkeypatch.setattr(condition_feed, "PRUNE_EVERY", 1)
    monkeypatch.setattr(condition_feed, "LogReader", Hourly)

    async def scene() -> None:
        feed = ConditionFeed(Settings(kafka="127.0.0.1:1"), catalog)
        monkeypatch.setattr(feed, "_reach", 0)
        await feed.catch_up()
        live = Shard(catalog, 0, STAMP, feed=feed.records)
        live.apply_conditions()
        feed.prune([live])
        assert (len(feed.records), live.fed) == (1, 1)

        await feed.reach_back(STAMP, lambda: [live])
        assert len(feed.records) == 1

        await feed.reach_back(STAMP - 2 * RECORDS * HOUR, lambda: [live])
        assert (len(feed.records), live.fed) == (RECORDS, RECORDS)

    asyncio.run(scene())
