"""What we change of Faust's process is still there to be changed, and no part of it ends with its error forgotten."""

import asyncio
import inspect
from types import SimpleNamespace
from typing import Any, Final

import faust

from pipeline.core.tally import Tally
from pipeline.errors import ClickHouseSchemaError
from pipeline.settings import Settings
from pipeline.stream.budget import Budget
from pipeline.stream.faust_app import LogService, Process, SideService
from pipeline.telemetry.metrics import Metrics
from tests.contract.records import small_catalog

PAUSE: Final = "_sentinel_task"
MISSING: Final = ClickHouseSchemaError("table interaction_scores is missing: run `touchpoint migrate`")


class Doomed:
    """In place of a worker or of what is beside it: it cannot end in the orderly way."""

    def __init__(self) -> None:
        self.partitions = SimpleNamespace(count=lambda: (Tally(), 7))

    async def stop(self, **_: object) -> None:
        raise MISSING


def test_the_pause_that_we_leave_out_is_still_the_librarys() -> None:
    assert "sleep" in inspect.getsource(getattr(faust.Worker, PAUSE))
    assert PAUSE in vars(Process)


def test_an_error_at_the_end_is_handed_on_by_both_parts() -> None:
    async def scene() -> tuple[SideService, LogService]:
        settings, catalog, budget = Settings(metrics_port="off"), small_catalog(), Budget(1.0)
        metrics, options = Metrics(catalog), dict[str, Any](drain=False)
        beside = SideService(settings, budget, metrics, **options)
        service = LogService(settings, budget, catalog, metrics, beside=beside, **options)
        vars(beside)["_tables"] = vars(service)["_worker"] = Doomed()
        for part in (beside, service):
            await part.on_stop()
        return beside, service

    beside, service = asyncio.run(scene())
    assert (beside.failure, service.failure, service.open) == (MISSING, MISSING, 7)
