"""Looks at the worker once a second and tells metrics and health what it sees; changes nothing.

A task of its own, so that it goes on while the path waits for ClickHouse. Whatever fails here costs a look.
"""

import asyncio
import logging
import math
import time
from collections.abc import Callable, Iterator
from typing import Final

from pipeline.core.tally import Tally
from pipeline.errors import KafkaError
from pipeline.stream.folding import Folding
from pipeline.stream.kafka_client import LogConsumer
from pipeline.stream.partitions import Partitions
from pipeline.telemetry.health import Health
from pipeline.telemetry.metrics import Metrics, OpenView
from pipeline.telemetry.partitions import PartitionView

log = logging.getLogger(__name__)

LOOK_SECONDS: Final = 1.0
SAY_SECONDS: Final = 3.0
ASK_SECONDS: Final = 5.0  # how often the broker is asked for the end of a log that is not being fetched


class Observer:
    """Looks at partitions and services.

    `in_hand`: whether records or a block are; `silent`: services that do not answer.
    """

    def __init__(  # noqa: PLR0913  # what it looks at, and whom it tells
        self,
        partitions: Partitions,
        consumer: LogConsumer,
        metrics: Metrics,
        health: Health,
        *,
        in_hand: Callable[[], bool],
        silent: Callable[[], list[str]],
    ) -> None:
        self._partitions = partitions
        self._consumer = consumer
        self._metrics = metrics
        self._health = health
        self._in_hand = in_hand
        self._silent = silent
        self._ends: dict[int, tuple[int, int]] = {}  # as asked for, and when (epoch ms)
        self._asked = 0.0
        self._say_at = math.inf  # monotonic seconds
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Look from now on."""
        self._task = asyncio.create_task(self._go_on_looking())

    def say_what_is_left(self) -> None:
        """Say in the log, every few seconds from now on, how many records are still to be read."""
        self._say_at = time.monotonic() + SAY_SECONDS

    def stop(self) -> None:
        """Look no more: the worker is shutting down."""
        if self._task is not None:
            self._task.cancel()
            self._task = None
        self._health.beat(["the worker is shutting down"])

    async def _go_on_looking(self) -> None:
        while True:
            try:
                self._look()
                await self._ask_for_ends()
            except Exception:
                log.exception("metrics miss a look")
            await asyncio.sleep(LOOK_SECONDS)

    def _look(self) -> None:
        metrics, partitions = self._metrics, self._partitions
        live = list(partitions.live.values())
        tally = Tally()
        tally.add(partitions.tally)
        for folding in live:
            tally.add(folding.shard.output.tally)
        metrics.records_counted(tally)
        metrics.partitions.gaps_counted(partitions.data_gap_records)
        metrics.open_counted(line for folding in live for line in _open_at(folding))
        rebuilding = sorted(partitions.rebuilding)
        at_work, waiting = [self._live(one) for one in live], [self._being_rebuilt(one) for one in rebuilding]
        metrics.partitions.seen(at_work, waiting)
        if time.monotonic() > self._say_at:
            self.say_what_is_left()
            log.info("%s records to go", f"{sum(one.behind or 0 for one in at_work + waiting):,}")
        if not self._in_hand() and all(self._is_cut(folding) for folding in live):
            metrics.all_durable()
        self._health.beat(self._unready())

    def _live(self, folding: Folding) -> PartitionView:
        mark = folding.shard.mark()
        end, told_at = self._end(folding.partition)
        return PartitionView(
            partition=folding.partition,
            assigned_at=self._assigned_at(),
            position=mark.position,
            end=end,
            end_told_at=told_at,
            stamp=folding.last_stamp,
            clock=mark.clock,
            replay_offset=mark.replay_offset,
        )

    def _being_rebuilt(self, partition: int) -> PartitionView:
        end, told_at = self._end(partition)
        return PartitionView(
            partition=partition,
            assigned_at=self._assigned_at(),
            position=self._partitions.committed_position(partition),
            end=end,
            end_told_at=told_at,
        )

    def _assigned_at(self) -> int:
        ago = time.monotonic() - self._partitions.assigned_at
        return now_ms() - int(ago * 1000)

    def _end(self, partition: int) -> tuple[int | None, int]:
        """The end of the log and when it was told: the highest, of equal ones the latest."""
        known = (self._consumer.end_heard(partition), self._ends.get(partition))
        return max((end for end in known if end is not None), default=(None, 0))

    def _is_cut(self, folding: Folding) -> bool:
        """Whether all that was read has gone into a block."""
        committed = self._partitions.committed.get(folding.partition)
        return committed is not None and committed.position == folding.shard.position

    def _unready(self) -> list[str]:
        partitions = self._partitions
        reasons = self._silent()
        if not partitions.live and not partitions.rebuilding:
            reasons.append("no partition is assigned")
        if partitions.rebuilding:
            reasons.append(f"being rebuilt: partitions {', '.join(map(str, sorted(partitions.rebuilding)))}")
        return reasons

    async def _ask_for_ends(self) -> None:
        """What is held back or rebuilt is not fetched, so the client does not hear how the log grows."""
        partitions = self._partitions
        if (partitions.held_back or partitions.rebuilding) and time.monotonic() - self._asked > ASK_SECONDS:
            self._asked = time.monotonic()
            asked_at = now_ms()
            try:
                async with asyncio.timeout(ASK_SECONDS):
                    ends = await self._consumer.ends(partitions.live.keys() | partitions.rebuilding)
                self._ends = {partition: (end, asked_at) for partition, end in ends.items()}
            except (KafkaError, TimeoutError):
                log.debug("the end of the log is not known")


def _open_at(folding: Folding) -> Iterator[OpenView]:
    clock = folding.shard.clock + folding.stood_milliseconds()
    for here in folding.shard.output.still_open.places():
        oldest = here.oldest
        if oldest.touch_point is not None:
            opened_at = clock if oldest.opened_at is None else oldest.opened_at
            yield OpenView(
                touch_point=oldest.touch_point,
                count=len(here.held),
                oldest_seconds=max(clock - opened_at, 0) / 1000,
                scored=len(here.scores),
                points=sum(here.scores.values()),
            )


def now_ms() -> int:
    """Epoch ms, as Kafka stamps records."""
    return int(time.time() * 1000)
