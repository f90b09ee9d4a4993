"""Makes a block durable: rows and rejects into ClickHouse, rejects to their topic, clocks, then the commit.

ClickHouse is spoken to from one thread of its own, so the poll loop goes on meanwhile, and look-ups queue behind
the block in flight. The order is the promise: nothing is committed before it is durable.
"""

import asyncio
import itertools
import logging
import threading
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Final, TypeVar

from pipeline.core.models import Model
from pipeline.errors import ServiceError
from pipeline.settings import Settings
from pipeline.sink.block import REJECT_TARGET, SCORE_TARGET, Block, Patience, Target, Written
from pipeline.sink.clickhouse import ClickHouse, connect
from pipeline.sink.clocks import write_clocks
from pipeline.sink.migrations import write_elements
from pipeline.sink.rows import Pseudonyms
from pipeline.sink.verdicts import Answer, Verdict
from pipeline.stream.cut import Cut
from pipeline.stream.decode import Record
from pipeline.stream.kafka_client import LogConsumer
from pipeline.stream.reject_sender import RejectSender
from pipeline.stream.rejects import reject_message, shortened
from pipeline.telemetry.metrics import Metrics

log = logging.getLogger(__name__)

T = TypeVar("T")

HANG_UP_SECONDS: Final = 0.1


class GivenUpError(Exception):
    """Something did not become durable in time: whatever was read beyond the last commit is read again."""


class Inserter:
    """Makes one block at a time durable.

    `progress` hears whenever the server has answered, from the thread that inserts: a block of many pieces moves.
    """

    def __init__(
        self, settings: Settings, sender: RejectSender, progress: Callable[[], None], metrics: Metrics
    ) -> None:
        self._sender = sender
        self._progress = progress
        self._metrics = metrics
        self._clickhouse: ClickHouse = connect(settings)
        self._pseudonyms = Pseudonyms(settings.pseudonym_key_bytes(), settings.placeholder_customers)
        self._max_rows = settings.max_block_rows
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="clickhouse")
        self._stop = threading.Event()
        self._given_up = asyncio.Event()

    async def make_durable(self, block: Block, rejected: Sequence[Record]) -> bool:
        """Insert a block and send its rejects, whose records are `rejected`; False when given up.

        Raises ClickHouseError when only an operator can help.
        """
        if not len(block):
            return True
        written = await self._run(self._insert, block)
        if written is None:
            return False
        self._progress()
        try:
            await self._persist(lambda: self.unless_given_up(self._send_rejects(block, rejected, written)))
        except GivenUpError:
            return False
        return True

    async def check_tables(self, targets: Iterable[Target]) -> None:
        """Raise at once if ClickHouse, or a table or column that is written, is missing."""
        for target in (REJECT_TARGET, *targets):
            columns = ", ".join(target.types)
            await self._run(self._clickhouse.query, f"SELECT {columns} FROM {target.table} LIMIT 0")  # noqa: S608  # our own names

    def try_once(self) -> None:
        """From now on no second attempt is made."""
        self._stop.set()

    def give_up(self) -> None:
        """Break off what is in flight, whoever does not answer: it will be read again."""
        self.try_once()
        self._given_up.set()
        self._clickhouse.hang_up()

    def try_again(self) -> None:
        """Take back `give_up`."""
        self._stop, self._given_up = threading.Event(), asyncio.Event()

    async def close(self, seconds: float) -> None:
        """Give up what is in flight and disconnect; waits no longer than this."""
        self.give_up()
        closed = asyncio.get_running_loop().run_in_executor(self._thread, self._clickhouse.close)
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not (await asyncio.wait([closed], timeout=HANG_UP_SECONDS))[0]:
                    self._clickhouse.hang_up()  # the thread may have begun another statement just then
        self._thread.shutdown(wait=False)

    async def unless_given_up(self, attempt: Awaitable[T]) -> T:
        """Wait for something; raises `GivenUpError` as soon as told to stop."""
        trying = asyncio.ensure_future(attempt)
        stopped = asyncio.create_task(self._given_up.wait())
        try:
            await asyncio.wait([trying, stopped], return_when=asyncio.FIRST_COMPLETED)
            if not trying.done():
                raise GivenUpError
            return await trying
        finally:
            trying.cancel()
            stopped.cancel()

    async def _run(self, function: Callable[..., T], *arguments: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, *arguments)

    async def _persist(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """Do something until it works; raises `GivenUpError` when told to stop, and whatever no retry can mend."""
        patience = Patience(self._stop, self._retried)
        for number in itertools.count():
            try:
                return await attempt()
            except ServiceError as error:
                if not error.retryable:
                    raise
                answer = Answer(Verdict.RETRY, str(error), type(error).__name__)
                if not await self._run(patience.wait, answer, number):
                    raise GivenUpError from error
        raise AssertionError  # the count has no end

    def _insert(self, block: Block) -> Written | None:
        patience = Patience(self._stop, self._retried)
        return block.write(
            self._clickhouse,
            self._pseudonyms,
            patience,
            max_rows=self._max_rows,
            inserted=self._metrics.rows_inserted,
            progress=self._progress,
        )

    def _retried(self, answer: Answer) -> None:
        self._progress()
        self._metrics.insert_retried(answer.label)
        log.warning("%s; the same again", answer.message)

    async def _send_rejects(self, block: Block, rejected: Sequence[Record], written: Written) -> None:
        rows = [*block.rejects, *written.refused]
        records = [*rejected, *(None for _ in written.refused)]
        messages = [reject_message(row, record) for row, record in zip(rows, records, strict=True)]
        too_large = await self._sender.send(messages)
        await self._sender.send([shortened(rows[position], messages[position]) for position in too_large])


class Writer(Inserter):
    """Writes one cut of the log at a time."""

    def __init__(
        self,
        settings: Settings,
        consumer: LogConsumer,
        sender: RejectSender,
        progress: Callable[[], None],
        metrics: Metrics,
    ) -> None:
        super().__init__(settings, sender, progress, metrics)
        self.refusal = ""  # why ClickHouse did not take the block in hand, so far
        self._consumer = consumer

    async def write(self, cut: Cut) -> bool:
        """Make a cut durable and commit it; False when given up or when somebody else owns the partitions by now.

        Raises ClickHouseError when only an operator can help.
        """
        durable = await self.make_durable(cut.block, cut.rejected) and await self._run(self._write_clocks, cut)
        committed = durable and await self._commit(cut)
        if committed:
            self.refusal = ""
            self._metrics.interactions_ended(cut.ended)
            self._metrics.all_durable()
        elif durable:
            self._metrics.commit_refused()
        return committed

    async def _commit(self, cut: Cut) -> bool:
        try:
            return await self.unless_given_up(self._consumer.commit(cut.positions))
        except GivenUpError:
            return False

    def _insert(self, block: Block) -> Written | None:
        started = time.monotonic()
        written = super()._insert(block)
        if written is not None:
            self.refusal = ""
            self._metrics.block_inserted(time.monotonic() - started, len(written.refused))
        return written

    def _retried(self, answer: Answer) -> None:
        super()._retried(answer)
        self.refusal = answer.label

    def _write_clocks(self, cut: Cut) -> bool:
        return write_clocks(self._clickhouse, cut.clocks, Patience(self._stop, self._retried))

    async def earlier_lives(self, ids: Sequence[str]) -> Mapping[str, list[tuple[str, int]]]:
        """Topic id and first offset of every life that the table knows of these interactions.

        Raises `GivenUpError` when told to stop before ClickHouse answered.
        """
        return await self._persist(lambda: self._run(self._clickhouse.earlier_lives, ids, self._progress))

    async def check(self, models: Iterable[Model]) -> None:
        """Raise at once if ClickHouse or its tables are missing; put the owners of elements into their table."""
        await self.check_tables([SCORE_TARGET])
        await self._run(write_elements, self._clickhouse, models)
