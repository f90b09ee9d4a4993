"""Kafka and ClickHouse die and come back while a worker is at work: it resumes by itself, and nothing is lost."""

import signal
from pathlib import Path

import pytest

from tests.at_work import LogWatch, make_corner, run, started, tables, wait_until
from tests.faults.judge import SETTINGS, assert_as_undisturbed
from tests.faults.services import killed
from tests.integration.conftest import RunningStack
from tests.traffic import send, sending, unruly

# What cannot connect leaves sockets behind.
pytestmark = [pytest.mark.timeout(180), pytest.mark.filterwarnings("ignore::ResourceWarning")]


@pytest.mark.parametrize("service", ["clickhouse", "kafka"])
def test_a_service_killed_in_the_middle_is_waited_for(stack: RunningStack, tmp_path: Path, service: str) -> None:
    corner = make_corner(stack, **SETTINGS)
    messages = unruly(6, 1500, hours=30)
    with (
        LogWatch(corner) as watch,
        started(corner, tmp_path, "worker") as worker,
        sending(corner, messages, 8),
    ):
        wait_until(lambda: sum(watch.committed().values()) >= len(messages) // 4, worker.said)
        wait_until(lambda: watch.beyond() > 10, worker.said)
        with killed(stack, service):
            pass
        wait_until(lambda: sum(watch.committed().values()) == len(messages), worker.said, seconds=60)
        worker.signal(signal.SIGTERM)
        assert worker.end() == 0, worker.said()
    assert_as_undisturbed(corner)


def test_missing_table_ends_the_worker_with_one_line_and_rejects_nothing(stack: RunningStack, tmp_path: Path) -> None:
    corner = make_corner(stack, **SETTINGS)
    messages = unruly(7, 500, hours=30)
    send(corner, messages[:500])
    client = stack.client(corner.database)
    with LogWatch(corner) as watch, started(corner, tmp_path, "worker") as worker:
        wait_until(lambda: sum(watch.committed().values()) == 500, worker.said)
        rejected = tables(corner)["rejected_events"]
        client.execute("RENAME TABLE interaction_scores TO elsewhere")
        send(corner, messages[500:])
        assert worker.end() == 2
        assert sum(watch.committed().values()) == 500
        said = [line for line in worker.said().splitlines() if "touchpoint: " in line]
    assert len(said) == 1
    assert "interaction_scores" in said[0]
    assert "touchpoint migrate" in said[0]
    assert "Traceback" not in worker.said()

    client.execute("RENAME TABLE elsewhere TO interaction_scores")
    client.disconnect()
    assert tables(corner)["rejected_events"] == rejected
    assert_as_undisturbed(corner)


@pytest.mark.parametrize(
    "damage",
    ["DROP TABLE interaction_scores", "DROP TABLE rejected_events", "ALTER TABLE rejected_events DROP COLUMN source"],
)
def test_worker_that_misses_a_table_or_a_column_says_so_before_it_reads(stack: RunningStack, damage: str) -> None:
    corner = make_corner(stack, **SETTINGS)
    client = stack.client(corner.database)
    client.execute(damage)
    client.disconnect()

    done = run(corner, "worker", "--drain")

    assert done.returncode == 2
    assert "touchpoint migrate" in done.stderr
