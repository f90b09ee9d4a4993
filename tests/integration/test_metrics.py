"""The pages of a worker at work, against its own summary; and that whoever asks for them never disturbs it."""

import json
import re
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.at_work import Corner, LogWatch, Process, drain, make_corner, sibling, started, wait_until
from tests.integration.conftest import RunningStack
from tests.integration.nasty_log import Log, send_forgotten, send_held
from tests.integration.test_side_tables import SIDE, counts, encoded, events, send

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(120)]

LOCAL: Final = "127.0.0.1"


@pytest.fixture(scope="module")
def corner(stack: RunningStack) -> Corner:
    """The nasty log, not worked off yet."""
    corner = make_corner(stack, PARTITIONS="1", FLUSH_INTERVAL_SECONDS="0.2")
    with Log(corner) as log:
        send_forgotten(log)
        send_held(log)
    return corner


class Pages:
    """What a worker shows at the moment."""

    def __init__(self, worker: Process) -> None:
        wait_until(lambda: self._found(worker) is not None, worker.said)
        found = self._found(worker)
        assert found is not None
        self.port = int(found[1])

    @staticmethod
    def _found(worker: Process) -> re.Match[str] | None:
        return re.search(r"metrics at http://127\.0\.0\.1:(\d+)/metrics", worker.said())

    def get(self, path: str) -> tuple[int, bytes]:
        try:
            with urllib.request.urlopen(f"http://{LOCAL}:{self.port}{path}", timeout=60) as reply:
                return reply.status, reply.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()

    def check(self, path: str) -> tuple[int, dict[str, Any]]:
        status, body = self.get(path)
        return status, json.loads(body)

    def metrics(self) -> dict[str, float]:
        """The sum over all labels, by name."""
        found: dict[str, float] = {}
        for family in text_string_to_metric_families(self.get("/metrics")[1].decode()):
            for sample in family.samples:
                found[sample.name] = found.get(sample.name, 0.0) + sample.value
        return found

    def by(self, label: str, name: str) -> dict[str, float]:
        """One of our metrics, summed by one of its labels."""
        found: dict[str, float] = {}
        for family in text_string_to_metric_families(self.get("/metrics")[1].decode()):
            for sample in family.samples:
                if sample.name == f"touchpoint_{name}":
                    found[sample.labels[label]] = found.get(sample.labels[label], 0.0) + sample.value
        return found


@contextmanager
def serving(corner: Corner, folder: Path) -> Iterator[tuple[Process, Pages]]:
    """A worker that is ready, at the end of its log, with everything committed."""
    with started(corner, folder, "worker", "--json") as worker:
        pages = Pages(worker)
        wait_until(lambda: pages.get("/ready")[0] == 200, worker.said)
        with LogWatch(corner) as log:
            wait_until(lambda: log.beyond() == 0, worker.said)
        yield worker, pages


def end(worker: Process) -> dict[str, Any]:
    worker.signal(Process.TERM)
    assert worker.end() == 0, worker.said()
    return worker.summary()


def test_the_counters_are_those_of_the_worker_and_of_the_tables(corner: Corner, tmp_path: Path) -> None:
    with serving(corner, tmp_path) as (worker, pages):
        ended = corner_count(corner, "state != 'open' AND NOT synthetic")
        wait_until(lambda: pages.metrics()["touchpoint_interactions_ended_total"] >= ended > 0, worker.said)
        with LogWatch(corner) as log:
            sent = sum(log.ends().values())
        wait_until(lambda: pages.metrics()["touchpoint_records_consumed_total"] == sent, worker.said)
        wait_until(lambda: pages.metrics()["touchpoint_lag_records"] == 0, worker.said)
        wait_until(lambda: pages.metrics()["touchpoint_commit_age_seconds"] < 3, worker.said)
        found = pages.metrics()
        summary = end(worker)
    assert found["touchpoint_records_consumed_total"] == summary["consumed"]
    assert found["touchpoint_records_applied_total"] == summary["applied"]
    assert found["touchpoint_records_duplicate_total"] == summary["duplicate"]
    assert found["touchpoint_records_rejected_total"] == sum(summary["rejected"].values())
    assert found["touchpoint_interactions_ended_total"] == ended == summary["ended"]
    scored = found["touchpoint_interaction_score_count"] + found["touchpoint_interactions_unscored_total"]
    assert scored == found["touchpoint_interaction_coverage_count"] == ended
    assert found["touchpoint_lag_records"] == found["touchpoint_lag_seconds"] == 0
    assert found["touchpoint_partitions"] == 1
    assert found["touchpoint_rebuild_duration_seconds_count"] == 1
    assert found["touchpoint_replay_records"] > 0


def test_the_scores_of_the_open_ones_are_those_of_their_rows(corner: Corner, tmp_path: Path) -> None:
    other = sibling(corner)
    with serving(other, tmp_path) as (worker, pages):
        rows = "state = 'open' AND NOT synthetic AND score IS NOT NULL"
        scored, points = corner_count(other, rows), corner_sum(other, "score", rows)
        wait_until(lambda: pages.metrics()["touchpoint_interactions_open_scored"] == scored > 0, worker.said)
        assert pages.metrics()["touchpoint_interactions_open_points"] == pytest.approx(points)
        end(worker)


def test_a_restarted_worker_counts_no_interaction_twice(corner: Corner, tmp_path: Path) -> None:
    other = sibling(corner)
    drain(other)
    with serving(other, tmp_path) as (worker, pages):
        wait_until(lambda: pages.metrics()["touchpoint_partitions"] == 1, worker.said)
        assert pages.metrics()["touchpoint_interactions_ended_total"] == 0
        assert pages.metrics()["touchpoint_records_consumed_total"] == 0
        end(worker)


def test_live_and_ready_say_so(corner: Corner, tmp_path: Path) -> None:
    with serving(corner, tmp_path) as (worker, pages):
        assert pages.check("/live") == (200, {"live": True, "reasons": []})
        assert pages.check("/ready") == (200, {"ready": True, "reasons": []})
        end(worker)


def test_a_worker_without_a_partition_is_alive_and_not_ready(corner: Corner, tmp_path: Path) -> None:
    with serving(corner, tmp_path) as (first, pages), started(corner, tmp_path, "worker", "--json") as second:
        both = (pages, Pages(second))  # which of them is given the one partition is the broker's choice

        def idle() -> list[Pages]:
            return [each for each in both if "no partition is assigned" in each.check("/ready")[1]["reasons"]]

        wait_until(lambda: [each.check("/live")[0] for each in idle()] == [200], second.said)
        end(second)
        end(first)


def test_a_taken_port_is_a_warning_and_the_worker_goes_on(corner: Corner, tmp_path: Path) -> None:
    with socket.create_server((LOCAL, 0)) as taken:
        other = with_port(corner, str(taken.getsockname()[1]))
        with started(other, tmp_path, "worker", "--json") as worker, LogWatch(other) as log:
            wait_until(lambda: log.committed()[0] > 0 and log.beyond() == 0, worker.said)
            assert "WARNING pipeline.telemetry.http: no metrics: cannot listen on 127.0.0.1 port" in worker.said()
            assert end(worker)["consumed"] > 0


def test_no_port_is_opened_when_metrics_are_off(corner: Corner, tmp_path: Path) -> None:
    other = with_port(corner, "off")
    with started(other, tmp_path, "worker", "--json") as worker, LogWatch(other) as log:
        wait_until(lambda: log.committed()[0] > 0 and log.beyond() == 0, worker.said)
        assert "metrics" not in worker.said()
        end(worker)


def test_clients_that_hang_or_never_read_disturb_nothing(corner: Corner, tmp_path: Path) -> None:
    other = sibling(corner)
    with started(other, tmp_path, "worker", "--json") as worker:
        port = Pages(worker).port
        hanging = [socket.create_connection((LOCAL, port)) for _ in range(40)]
        for client in hanging[::2]:
            client.sendall(b"GET /metrics HTTP/1.1\r\n\r\n")
        with LogWatch(other) as log:
            wait_until(lambda: log.committed()[0] > 0 and log.beyond() == 0, worker.said)
        end(worker)
        for client in hanging:
            client.close()


def test_the_topics_beside_the_log_are_counted_while_clients_hang(stack: RunningStack, tmp_path: Path) -> None:
    corner = make_corner(stack, PARTITIONS="1", FLUSH_INTERVAL_SECONDS="0.2")
    good = encoded(events())
    kind, key, data, headers = good[60]
    send(corner, [*good, *good[:70], (kind, key, data[:-2], headers)])
    with started(corner, tmp_path, "worker", "--json") as worker, ExitStack() as hanging:
        pages = Pages(worker)
        for _ in range(8):
            hanging.enter_context(socket.create_connection((LOCAL, pages.port))).sendall(b"GET /metrics HTTP/1.1\r\n")
        wait_until(lambda: pages.by("table", "inserted_rows_total").get("feedback") == 110, worker.said)
        wait_until(lambda: pages.by("topic", "side_lag_records") == dict.fromkeys(SIDE, 0), worker.said)
        wait_until(lambda: min(pages.by("topic", "side_insert_duration_seconds_count").values()) >= 1, worker.said)
        assert pages.by("topic", "side_records_consumed_total") == {"conditions": 100, "feedback": 111, "outcomes": 150}
        assert pages.by("topic", "side_records_duplicate_total") == {"conditions": 50, "feedback": 20, "outcomes": 0}
        assert pages.by("topic", "side_records_rejected_total") == {"conditions": 0, "feedback": 1, "outcomes": 0}
        assert pages.by("reason", "side_records_rejected_total")["malformed"] == 1
        assert counts(corner) == [50, 90, 150]
        end(worker)


def with_port(corner: Corner, port: str) -> Corner:
    other = sibling(corner)
    return replace(other, settings={**other.settings, "METRICS_PORT": port})


def corner_count(corner: Corner, condition: str) -> int:
    return int(corner_sum(corner, "1", condition))


def corner_sum(corner: Corner, value: str, condition: str) -> float:
    client = corner.stack.client(corner.database)
    try:
        return float(client.execute(f"SELECT sum({value}) FROM interactions WHERE {condition}")[0][0])
    finally:
        client.disconnect()
