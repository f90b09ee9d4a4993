"""ClickHouse dies under answers and outcomes: they wait for it, or are read again by the next worker."""

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.at_work import Corner, forget, make_corner, started, succeed, wait_until
from tests.faults.services import frozen, killed, process_id
from tests.integration.conftest import RunningStack
from tests.integration.test_side_tables import SETTINGS, counts, encoded, events, send

# What cannot connect leaves sockets behind.
pytestmark = [pytest.mark.timeout(300), pytest.mark.filterwarnings("ignore::ResourceWarning")]

ALL = [50, 90, 150]


@pytest.fixture
def corner(stack: RunningStack) -> Iterator[Corner]:
    made = make_corner(stack, **SETTINGS, SHUTDOWN_SECONDS="5")
    yield made
    forget(made)


def test_answers_wait_for_a_killed_server_and_the_worker_lives(corner: Corner, tmp_path: Path) -> None:
    messages = encoded(events())
    with started(corner, tmp_path, "worker") as worker:
        send(corner, messages[:100])
        wait_until(lambda: sum(counts(corner)) == 100, worker.said, seconds=60)
        with killed(corner.stack, "clickhouse"):
            send(corner, messages[100:])
            wait_until(lambda: "does not answer" in worker.said(), worker.said, seconds=60)
        wait_until(lambda: counts(corner) == ALL, worker.said, seconds=60)
        worker.signal(signal.SIGTERM)
        assert worker.end() == 0, worker.said()


def test_a_worker_that_ends_while_the_server_hangs_leaves_its_answers_to_the_next(
    corner: Corner, tmp_path: Path
) -> None:
    messages = encoded(events())
    with started(corner, tmp_path, "worker") as worker:
        send(corner, messages[:100])
        wait_until(lambda: sum(counts(corner)) == 100, worker.said, seconds=60)
        with frozen(process_id(corner.stack, "clickhouse")):
            send(corner, messages[100:])
            time.sleep(1.5)  # so that an insert hangs, mostly; what follows holds if none does
            worker.signal(signal.SIGTERM)
            worker.end(30)

    succeed(corner, "worker", "--drain")

    assert counts(corner) == ALL
