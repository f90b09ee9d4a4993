"""Faust owns the process: app, worker, signals, supervision. Everything that knows Faust is here.

The log is not read by a Faust agent, whose stock delivery loses or doubles records, but by one supervised service
around `worker.py`, and the topics beside it by another around `side_tables.py`. Whatever goes wrong there ends the
process with an error, and a watchdog ends it when it is stuck.
"""

import asyncio
import gc
import os
import signal
import sys
import tempfile
from typing import Any, Final

import faust
from faust.app.base import BootStrategy
from mode import Service

from pipeline.core.catalog import Catalog
from pipeline.core.tally import Tally
from pipeline.errors import KafkaUnavailableError
from pipeline.settings import Settings
from pipeline.stream.budget import Budget
from pipeline.stream.log_topic import read_log, refuse_changed_log
from pipeline.stream.side_tables import SideTables
from pipeline.stream.watchdog import Watchdog
from pipeline.stream.worker import Worker
from pipeline.telemetry.health import Health
from pipeline.telemetry.metrics import Metrics
from pipeline.telemetry.pages import worker_pages

LOG_CHECK_SECONDS: Final = 30.0
YOUNG_OBJECTS: Final = 200_000  # a batch of records is freed by counting references; tests/bench shows what 700 costs


class OnlyServices(BootStrategy):
    """Faust starts our service and nothing that we do not use: no consumer, tables or web server of its own."""

    enable_kafka = False
    enable_kafka_consumer = False
    enable_kafka_producer = False
    enable_web = False


class App(faust.App):
    """A Faust app that supervises, and reads nothing by itself."""

    BootStrategy = OnlyServices


class Process(faust.Worker):
    """Runs the app until a signal."""

    async def _sentinel_task(self) -> None:
        """The library sleeps for a second here, after everything has stopped."""


class Part(Service):
    """A part of the process. `failure` is what ended it, None after a normal end."""

    def __init__(self, settings: Settings, budget: Budget, **options: Any) -> None:  # noqa: ANN401
        super().__init__(**options)
        self.failure: BaseException | None = None
        self._settings = settings
        self._budget = budget
        self._watchdog = Watchdog(settings.stall_timeout_seconds, 2 * settings.shutdown_seconds)

    def _begin_to_stop(self) -> None:
        self._budget.begin()
        self._watchdog.stopping()

    async def _fail(self, error: BaseException) -> None:
        """Remember the first failure and end the process in the orderly way."""
        self.failure = self.failure or error
        os.kill(os.getpid(), signal.SIGTERM)


class SideService(Part):
    """Conditions, feedback and outcomes on their way into their tables; `drained` is set when all is worked off."""

    def __init__(
        self,
        settings: Settings,
        budget: Budget,
        metrics: Metrics,
        *,
        drain: bool,
        **options: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(settings, budget, **options)
        self.drained = asyncio.Event()
        self._metrics = metrics
        self.broker_answers = True
        self._drain = drain
        self._tables: SideTables | None = None

    @Service.task
    async def _work(self) -> None:
        """Connect and work; the process ends when that fails."""
        try:
            tables = self._tables = SideTables(self._settings, self._watchdog.progress, self._metrics)
            await tables.start()
            self._watchdog.start(lambda: self.broker_answers and tables.has_work)
            await tables.run(lambda: bool(self.should_stop), drain=self._drain)
        except Exception as error:  # noqa: BLE001  # handed on by run()
            if not self.should_stop:  # else everything was closed under it
                await self._fail(error)
        finally:
            self.drained.set()

    async def on_stop(self) -> None:
        """Write what is in hand and commit it; after a failure, only let go of everything."""
        self._begin_to_stop()
        try:
            if self._tables is not None:
                await self._tables.stop(finish=self.failure is None, budget=self._budget)
        except Exception as error:  # noqa: BLE001  # handed on by run()
            self.failure = self.failure or error


class LogService(Part):
    """The worker under supervision."""

    def __init__(  # noqa: PLR0913  # what is shared with the service beside it
        self,
        settings: Settings,
        budget: Budget,
        catalog: Catalog,
        metrics: Metrics,
        *,
        beside: SideService,
        drain: bool,
        **options: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(settings, budget, **options)
        self.tally = Tally()
        self.open = 0
        self._catalog = catalog
        self._beside = beside
        self._drain = drain
        self._drained = False
        self._worker: Worker | None = None
        self._metrics = metrics
        self._health = Health(settings.stall_timeout_seconds, self._watchdog.still_seconds)
        self._server = worker_pages(self._metrics, self._health)

    @Service.task
    async def _work(self) -> None:
        """Connect, work, and end the process, whatever the reason."""
        try:
            if self._settings.metrics_port != "off":
                self._server.start(self._settings.metrics_address, self._settings.metrics_port)
            kafka_log = await read_log(self._settings, self._catalog)
            worker = Worker(
                self._settings, self._catalog, kafka_log, crashed=self._fail, progress=self._watchdog.progress,
                metrics=self._metrics, health=self._health,
            )  # fmt: skip
            self._worker = worker
            await worker.start()
            gc.freeze()
            gc.set_threshold(YOUNG_OBJECTS)
            self._watchdog.start(lambda: not self._drained and worker.has_work)
            checks = asyncio.create_task(self._check_log(worker))
            try:
                await worker.run(lambda: bool(self.should_stop), drain=self._drain)
                self._drained = True
                await self._beside.drained.wait()
            finally:
                checks.cancel()
        except Exception as error:  # noqa: BLE001  # handed on by run()
            if not self.should_stop:  # else everything was closed under it, and something else ended the process
                await self._fail(error)
        finally:
            os.kill(os.getpid(), signal.SIGTERM)

    async def _check_log(self, worker: Worker) -> None:
        while True:
            await asyncio.sleep(LOG_CHECK_SECONDS)
            try:
                await refuse_changed_log(self._settings, self._catalog, worker.log)
                worker.broker_answers = self._beside.broker_answers = True
            except KafkaUnavailableError:
                worker.broker_answers = self._beside.broker_answers = False
            except Exception as error:  # noqa: BLE001  # nobody awaits this task
                await self._fail(error)

    async def on_stop(self) -> None:
        """Finish what is in hand and commit it; after a failure, only let go of everything."""
        self._begin_to_stop()
        if self._worker is not None:
            try:
                await self._worker.stop(finish=self.failure is None, budget=self._budget)
            except Exception as error:  # noqa: BLE001  # handed on by run()
                self.failure = self.failure or error
            self.tally, self.open = self._worker.partitions.count()
        self._server.stop()


def run(settings: Settings, catalog: Catalog, *, drain: bool) -> LogService:
    """Work until SIGTERM or SIGINT, or with `drain` until all is worked off. Raises what ended it otherwise."""
    with tempfile.TemporaryDirectory(prefix="touchpoint-") as datadir:  # Faust wants one, and keeps nothing there
        app = App(
            settings.group,
            broker=[f"kafka://{address}" for address in settings.kafka_address().split(",")],
            datadir=datadir,
            store="memory://",
            web_enabled=False,
            topic_disable_leader=True,
            topic_allow_declare=False,
            worker_redirect_stdouts=False,
        )
        metrics = Metrics(catalog, placeholders=settings.placeholder_customers)
        budget = Budget(settings.shutdown_seconds)
        options: dict[str, Any] = {"drain": drain, "loop": app.loop, "beacon": app.beacon}
        beside = SideService(settings, budget, metrics, **options)
        service = LogService(settings, budget, catalog, metrics, beside=beside, **options)
        for part in (beside, service):
            app.service(part)  # type: ignore[arg-type]  # an instance serves as well, says its base class
        app.finalize()
        # Not app.main(): its default --with-web would start a server on all interfaces.
        process = Process(app, quiet=True, override_logging=False, stdout=sys.stderr)
        process.spinner = None
        try:
            process.execute_from_commandline()
        except SystemExit as end:
            failure = service.failure or beside.failure
            if failure is not None:
                raise failure from None
            if end.code:
                raise
    return service
