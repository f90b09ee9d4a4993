"""What a worker says of itself while ClickHouse is away: alive, not ready, and behind; then well again."""

from pathlib import Path

import pytest

from tests.at_work import Process, make_corner, started, wait_until
from tests.faults.services import killed
from tests.integration.conftest import RunningStack
from tests.integration.nasty_log import Log, send_forgotten, send_held
from tests.integration.test_metrics import Pages

pytestmark = [pytest.mark.fault, pytest.mark.slow, pytest.mark.timeout(180)]


def test_a_worker_without_clickhouse_is_alive_and_says_what_it_waits_for(stack: RunningStack, tmp_path: Path) -> None:
    corner = make_corner(stack, PARTITIONS="1", FLUSH_INTERVAL_SECONDS="0.2")
    with Log(corner) as log, started(corner, tmp_path, "worker", "--json") as worker:
        pages = Pages(worker)
        wait_until(lambda: pages.get("/ready")[0] == 200, worker.said)
        send_forgotten(log)
        wait_until(lambda: pages.metrics()["touchpoint_interactions_ended_total"] > 0, worker.said)

        with killed(stack, "clickhouse"):
            send_held(log)
            wait_until(lambda: pages.metrics()["touchpoint_insert_retries_total"] > 0, worker.said)
            wait_until(lambda: pages.get("/ready")[0] == 503, worker.said)
            reasons = pages.check("/ready")[1]["reasons"]
            assert [reason for reason in reasons if reason.startswith("ClickHouse does not take the block in hand")]
            wait_until(lambda: pages.metrics()["touchpoint_commit_age_seconds"] > 3, worker.said)
            send_forgotten(log)
            wait_until(lambda: pages.metrics()["touchpoint_lag_records"] > 0, worker.said)
            wait_until(lambda: pages.metrics()["touchpoint_lag_seconds"] > 0, worker.said)
            assert pages.check("/live") == (200, {"live": True, "reasons": []})

        wait_until(lambda: pages.get("/ready")[0] == 200, worker.said)
        wait_until(lambda: pages.metrics()["touchpoint_lag_records"] == 0, worker.said)
        wait_until(lambda: pages.metrics()["touchpoint_commit_age_seconds"] < 3, worker.said)
        worker.signal(Process.TERM)
        assert worker.end() == 0, worker.said()
