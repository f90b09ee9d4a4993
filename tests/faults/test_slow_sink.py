"""ClickHouse takes seconds for every block: the log is held back meanwhile, memory stays, nothing is lost."""

import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from tests.at_work import Corner, LogWatch, Process, forget, make_corner, started, wait_until
from tests.faults.judge import SETTINGS, assert_as_calm
from tests.faults.relay import Relay
from tests.integration.conftest import RunningStack
from tests.integration.test_metrics import Pages
from tests.traffic import orderly, send

pytestmark = pytest.mark.timeout(240)

INTERACTIONS = 5_000
MORE_BYTES = 40_000_000  # what the client fetches ahead


@pytest.fixture
def corner(stack: RunningStack) -> Iterator[Corner]:
    made = make_corner(stack, **SETTINGS)
    yield made
    forget(made)


def consumed(pages: Pages) -> float:
    return pages.metrics()["touchpoint_records_consumed_total"]


def test_a_slow_clickhouse_holds_the_log_back_and_loses_nothing(
    stack: RunningStack, corner: Corner, tmp_path: Path
) -> None:
    messages = orderly(INTERACTIONS)
    with closing(Relay(stack.clickhouse)) as relay:
        slow = Corner(
            stack, corner.prefix, corner.database, {**corner.settings, "CLICKHOUSE": f"127.0.0.1:{relay.port}"}
        )
        with LogWatch(corner) as watch, started(slow, tmp_path, "worker") as worker:
            pages = Pages(worker)
            send(corner, messages[:300])
            wait_until(lambda: sum(watch.committed().values()) == 300, worker.said)

            relay.answering.clear()  # an insert takes as long as the test likes
            send(corner, messages[300:400])
            wait_until(lambda: consumed(pages) > 300, worker.said)
            wait_until(lambda: pages.metrics()["touchpoint_commit_age_seconds"] > 4, worker.said)  # more were due
            before, memory = consumed(pages), psutil.Process(worker.popen.pid).memory_info().rss
            send(corner, messages[400:])
            time.sleep(3)  # far more than it would take to read them
            assert consumed(pages) == before
            assert sum(watch.committed().values()) == 300
            assert psutil.Process(worker.popen.pid).memory_info().rss < memory + MORE_BYTES

            relay.answer_seconds = 1.0
            relay.answering.set()
            wait_until(lambda: watch.beyond() == 0, worker.said, seconds=120)
            worker.signal(Process.TERM)
            assert worker.end() == 0, worker.said()
    assert_as_calm(corner)
