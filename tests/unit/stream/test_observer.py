"""What the observer tells of a partition from its assignment on, with a broker that answers or does not."""

import asyncio
import time
from typing import Any, Final, Self

import pytest

from pipeline.core.commit import CommitMetadata, encode_metadata
from pipeline.core.events import Arrived, Queued
from pipeline.core.shard import Shard
from pipeline.settings import Settings
from pipeline.stream import partitions as partitions_module
from pipeline.stream.folding import Folding
from pipeline.stream.kafka_client import Committed
from pipeline.stream.observer import Observer
from pipeline.stream.partitions import Partitions
from pipeline.stream.place import Log
from pipeline.telemetry.health import Health
from pipeline.telemetry.metrics import Metrics
from tests.contract.records import small_catalog, small_decoder
from tests.unit.core.test_still_open import MINUTE, NAMES, START, Source
from tests.unit.telemetry.test_metrics import value

LOG: Final = Log("touchpoint.events", "id", 1)
CATALOG: Final = small_catalog()
COMMITTED: Final = 7
END: Final = 5_000_007
LATER: Final = 300.0  # seconds


class Kafka:
    """In place of the broker: a long log, one commit, and bounds that are told only when `released`."""

    def __init__(self) -> None:
        self.released = asyncio.Event()
        self.heard: tuple[int, int] | None = None

    async def read_commits(self, *_: object) -> dict[int, Committed]:
        metadata = CommitMetadata(COMMITTED, 0, LOG.topic_id, LOG.partition_count, 0, CATALOG.fingerprint(0))
        return {0: Committed(COMMITTED, encode_metadata(metadata))}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Nothing to disconnect."""

    async def bounds(self, _: set[int]) -> dict[int, tuple[int, int]]:
        await self.released.wait()
        return {0: (0, END)}

    async def ends(self, partitions: set[int]) -> dict[int, int]:
        return dict.fromkeys(partitions, END)

    def end_heard(self, _: int) -> tuple[int, int] | None:
        return self.heard

    def hold_back(self, _: set[int]) -> None:
        """Nothing is fetched here."""

    let_go = hold_back

    def go_on_from(self, *_: int) -> None:
        """As above."""

    async def catch_up(self) -> None:
        """No conditions."""

    async def reach_back(self, *_: object) -> None:
        """As above."""

    records: Final[list[Any]] = []


class Scene:
    """One partition of this worker, looked at `LATER` than it happens."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.in_hand = False
        self.kafka = kafka = Kafka()
        monkeypatch.setattr(partitions_module, "read_commits", kafka.read_commits)
        monkeypatch.setattr(partitions_module, "LogReader", lambda *_: kafka)
        anything: Any = kafka
        self.metrics = Metrics(CATALOG, now=lambda: time.time() + LATER)

        async def finished() -> bool:
            return True

        async def crashed(error: BaseException) -> None:
            raise error

        self.partitions = Partitions(
            Settings(kafka="nowhere:1"), CATALOG, LOG, decoder=small_decoder(), feed=anything, busy=asyncio.Lock(),
            finish=finished, look_up=anything, crashed=crashed, progress=lambda: None, metrics=self.metrics,
        )  # fmt: skip
        self.partitions.consumer = anything
        self.observer = Observer(
            self.partitions, anything, self.metrics, Health(120, lambda: 0.0),
            in_hand=lambda: self.in_hand, silent=list,
        )  # fmt: skip
        monkeypatch.setattr("pipeline.stream.observer.LOOK_SECONDS", 0.001)

    async def looked(self) -> None:
        """Some looks later."""
        self.observer.start()
        for _ in range(20):  # a stalled machine looks as often
            await asyncio.sleep(0.005)
        self.observer.stop()

    def shown(self, name: str) -> float | None:
        return value(self.metrics, f"touchpoint_{name}", partition="0")


def test_a_partition_is_behind_its_commit_and_since_its_assignment_until_it_is_rebuilt(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scene() -> None:
        here = Scene(monkeypatch)
        await here.partitions.assigned({0})
        await here.looked()
        assert here.partitions.rebuilding == {0}
        assert here.shown("lag_records") == END - COMMITTED
        assert here.shown("lag_seconds") == pytest.approx(LATER, abs=10)
        here.partitions.cancel_rebuild()

    asyncio.run(scene())


def test_the_age_of_the_commit_grows_while_anything_is_in_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> None:
        here = Scene(monkeypatch)
        here.kafka.released.set()
        await here.partitions.assigned({0})
        await here.looked()
        here.partitions.committed[0] = Committed(COMMITTED, "")
        commits: list[float] = []
        monkeypatch.setattr(here.metrics, "all_durable", lambda: commits.append(time.monotonic()))
        here.in_hand = True
        await here.looked()
        assert commits == []
        here.in_hand = False
        await here.looked()
        assert commits != []

    asyncio.run(scene())


def test_who_drains_is_told_how_much_is_left(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    async def scene() -> None:
        here = Scene(monkeypatch)
        here.kafka.released.set()
        here.kafka.heard = (END, 1)
        await here.partitions.assigned({0})
        await here.looked()
        assert "to go" not in caplog.text
        here.observer.say_what_is_left()
        await here.looked()
        assert "5,000,000 records to go" in caplog.text

    monkeypatch.setattr("pipeline.stream.observer.SAY_SECONDS", 0.0)
    caplog.set_level("INFO", "pipeline.stream.observer")
    asyncio.run(scene())


def test_a_partition_of_which_nothing_was_read_yet_is_behind_since_its_assignment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scene() -> None:
        here = Scene(monkeypatch)
        here.kafka.released.set()
        here.kafka.heard = (END, 1)
        await here.partitions.assigned({0})
        await here.looked()
        assert here.partitions.live.keys() == {0}
        assert here.shown("lag_records") == END - COMMITTED
        assert here.shown("lag_seconds") == pytest.approx(LATER, abs=10)

    asyncio.run(scene())


def test_a_record_after_a_quiet_night_is_behind_since_kafka_said_that_there_was_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scene() -> None:
        here = Scene(monkeypatch)
        here.partitions.live[0] = quiet = Folding(0, Shard(CATALOG, END), small_decoder())
        quiet.last_stamp = int((time.time() - 28_800) * 1000)
        here.kafka.heard = (END, int(time.time() * 1000))
        await here.looked()
        assert here.shown("lag_seconds") == 0
        here.kafka.heard = (END + 1, int(time.time() * 1000))
        await here.looked()
        assert here.shown("lag_records") == 1
        assert here.shown("lag_seconds") == pytest.approx(LATER, abs=10)

    asyncio.run(scene())


def test_who_is_open_is_told_with_number_and_sum_of_their_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> None:
        here, source = Scene(monkeypatch), Source()
        for number, minutes in ((0, 0), (2, 1), (4, 7)):
            source.send(number, Arrived, START + minutes * MINUTE)
            source.send(number, Queued, START + minutes * MINUTE)
        source.stand(0)
        rows, _ = source.shard.output.take()
        here.partitions.live[0] = Folding(0, source.shard, small_decoder())
        await here.looked()
        at = {"touch_point": NAMES[0]}
        assert value(here.metrics, "touchpoint_interactions_open", **at) == 3
        assert value(here.metrics, "touchpoint_oldest_open_age_seconds", **at) == 7 * 60
        assert value(here.metrics, "touchpoint_interactions_open_scored", **at) == 2
        points = sum(row.score.score for row in rows if row.score.score is not None)
        assert value(here.metrics, "touchpoint_interactions_open_points", **at) == points > 0

    asyncio.run(scene())
