"""A service that accepts connections and never answers: SIGTERM ends a worker as usual, else the watchdog does."""

import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from tests.at_work import Corner, LogWatch, Process, drain, forget, make_corner, started, wait_until
from tests.faults.judge import SETTINGS, assert_as_undisturbed
from tests.faults.services import frozen, process_id
from tests.integration.conftest import RunningStack
from tests.integration.test_metrics import Pages
from tests.traffic import send, unruly

pytestmark = pytest.mark.timeout(180)

SHUTDOWN_SECONDS = 8
LEEWAY_SECONDS = 10  # of interpreter and Faust, after our own part


@pytest.fixture
def corner(stack: RunningStack) -> Iterator[Corner]:
    made = make_corner(stack, **SETTINGS, SHUTDOWN_SECONDS=str(SHUTDOWN_SECONDS))
    yield made
    forget(made)


def ends_in_time(worker: Process) -> None:
    began = time.monotonic()
    worker.signal(signal.SIGTERM)
    code = worker.end(60)
    assert (code, time.monotonic() - began < SHUTDOWN_SECONDS + LEEWAY_SECONDS) == (0, True), worker.said()


@pytest.mark.parametrize("silent", ["clickhouse", "kafka"])
def test_sigterm_while_a_service_never_answers_ends_in_time_and_loses_nothing(
    corner: Corner, tmp_path: Path, silent: str
) -> None:
    messages = unruly(11, 600, hours=30)
    half = len(messages) // 2
    with LogWatch(corner) as watch, started(corner, tmp_path, "worker") as worker, ExitStack() as silence:
        pages = Pages(worker)
        send(corner, messages[:half])
        wait_until(lambda: sum(watch.committed().values()) == half, worker.said)
        with ExitStack() as insert_hangs:
            insert_hangs.enter_context(frozen(process_id(corner.stack, "clickhouse")))
            send(corner, messages[half:])
            # A look-up may hang as well as an INSERT, with or without a record read before it.
            wait_until(lambda: pages.metrics()["touchpoint_commit_age_seconds"] > 1.5, worker.said)
            if silent == "kafka":
                silence.enter_context(frozen(process_id(corner.stack, "kafka")))
            else:
                silence.push(insert_hangs.pop_all())
        ends_in_time(worker)
    assert_as_undisturbed(corner)


def test_sigterm_while_clickhouse_never_answers_at_the_start_ends_in_time(corner: Corner, tmp_path: Path) -> None:
    with frozen(process_id(corner.stack, "clickhouse")), started(corner, tmp_path, "worker") as worker:
        Pages(worker)  # it works on its start, and waits
        time.sleep(2)
        ends_in_time(worker)
    assert drain(corner)["consumed"] == 0


def test_a_worker_whose_work_does_not_move_is_ended_by_its_watchdog_and_loses_nothing(
    corner: Corner, tmp_path: Path
) -> None:
    messages = unruly(12, 600, hours=30)
    impatient = replace(corner, settings={**corner.settings, "STALL_TIMEOUT_SECONDS": "15"})
    with LogWatch(corner) as watch, started(impatient, tmp_path, "worker") as worker:
        send(corner, messages[:300])
        wait_until(lambda: sum(watch.committed().values()) == 300, worker.said)
        with frozen(process_id(corner.stack, "clickhouse")):
            send(corner, messages[300:])
            assert worker.end(60) == 70, worker.said()
        assert "watchdog: there is work, and nothing has moved for 15 s" in worker.said()
    assert_as_undisturbed(corner)
