"""Workers that are stopped, frozen and killed at the worst moments, while unruly traffic comes in."""

import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from kafka import KafkaAdminClient

from tests.at_work import (
    Corner,
    LogWatch,
    Process,
    make_corner,
    started,
    succeed,
    wait_until,
)
from tests.faults.judge import SETTINGS, assert_as_calm, assert_as_undisturbed
from tests.faults.services import frozen, process_id
from tests.integration.conftest import RunningStack
from tests.integration.test_metrics import Pages
from tests.traffic import Message, orderly, send, sending, unruly

pytestmark = pytest.mark.timeout(180)


def rows(corner: Corner) -> int:
    """Rows inserted so far, superseded versions included."""
    client = corner.stack.client(corner.database)
    try:
        return int(client.execute("SELECT count() FROM interaction_scores")[0][0])
    finally:
        client.disconnect()


def wait_until_at_work(watch: LogWatch, worker: Process, records: int) -> None:
    wait_until(lambda: sum(watch.committed().values()) >= records, worker.said)


def test_sigterm_in_the_middle_finishes_what_is_in_hand(stack: RunningStack, tmp_path: Path) -> None:
    corner = make_corner(stack, **SETTINGS)
    messages = unruly(1, 1500, hours=30)
    with LogWatch(corner) as watch, sending(corner, messages, 8):
        for share in (0.1, 0.5):
            with started(corner, tmp_path, "worker", "--json") as worker:
                wait_until_at_work(watch, worker, int(share * len(messages)))
                wait_until(lambda: watch.beyond() > 0, worker.said)
                worker.signal(signal.SIGTERM)
                assert worker.end() == 0, worker.said()
                assert worker.summary()["consumed"] > 0
    assert_as_undisturbed(corner)


def test_worker_frozen_beyond_its_session_changes_nothing_when_it_goes_on(stack: RunningStack, tmp_path: Path) -> None:
    corner = make_corner(stack, **SETTINGS)
    messages = unruly(2, 1500, hours=30)
    half = len(messages) // 2
    with LogWatch(corner) as watch, started(corner, tmp_path, "worker") as zombie, ExitStack() as asleep:
        pages = Pages(zombie)
        with sending(corner, messages[:half], 6):
            wait_until_at_work(watch, zombie, half // 5)
            with frozen(process_id(stack, "clickhouse")):  # so that it falls asleep with work in hand
                wait_until(lambda: watch.beyond() > half // 10, zombie.said)
                asleep.enter_context(frozen(zombie.popen.pid))
        with started(corner, tmp_path, "worker") as successor:
            wait_until(lambda: sum(watch.committed().values()) == half, successor.said)
            asleep.close()
            send(corner, messages[half:], 3)
            wait_until(lambda: pages.metrics()["touchpoint_commits_refused_total"] > 0, zombie.said)
            wait_until(lambda: pages.get("/ready")[0] == 200, zombie.said)
            wait_until(lambda: watch.beyond() == 0, successor.said)
            for worker in (successor, zombie):
                worker.signal(signal.SIGTERM)
                assert worker.end() == 0, worker.said()
    assert_as_undisturbed(corner)


def orderly_with_rejects(interactions: int) -> Iterator[Message]:
    """Nothing to look up, so that blocks come first; with rejects, which are sent between rows and commit."""
    for number, one in enumerate(orderly(interactions)):
        yield one
        if number % 9 == 8:
            yield one._replace(value=b"{")


def test_nothing_is_committed_before_it_is_durable_and_rows_without_a_commit_do_no_harm(
    stack: RunningStack, tmp_path: Path
) -> None:
    corner = make_corner(stack, **SETTINGS)
    messages = list(orderly_with_rejects(900))
    half = len(messages) // 2
    with LogWatch(corner) as watch, started(corner, tmp_path, "worker") as worker:
        send(corner, messages[:half])
        wait_until_at_work(watch, worker, half)
        ended = sum(b'"outcome"' in one.value for one in messages[:half])
        wait_until(lambda: rows(corner) >= ended, worker.said)  # no block is in flight
        before = rows(corner)
        with ExitStack() as waits:
            with frozen(process_id(stack, "clickhouse")):
                send(corner, messages[half:], 3)  # long enough for blocks to be cut from it
                assert sum(watch.committed().values()) == half, "committed what cannot be durable"
                waits.enter_context(frozen(process_id(stack, "kafka")))
            wait_until(lambda: rows(corner) > before, worker.said)
            worker.kill()
        assert sum(watch.committed().values()) == half, "rows were to be durable without their commit"
    _, rejected = assert_as_calm(corner)
    assert rejected["malformed"] == len(messages) // 10


def first_rejects(corner: Corner) -> dict[int, int]:
    """The smallest offset in the table of rejects, by partition."""
    client = corner.stack.client(corner.database)
    try:
        return dict(client.execute("SELECT partition, min(offset) FROM rejected_events GROUP BY partition"))
    finally:
        client.disconnect()


def test_nothing_is_committed_before_its_rejects_are_kept(stack: RunningStack, tmp_path: Path) -> None:
    corner = make_corner(stack, **SETTINGS)
    messages = list(orderly_with_rejects(90))
    with LogWatch(corner) as watch, started(corner, tmp_path, "worker") as worker:
        wait_until(lambda: worker.said().count("live at offset") == 4, worker.said)
        admin = KafkaAdminClient(bootstrap_servers=stack.kafka)
        admin.delete_topics([f"{corner.prefix}.rejected"])
        wait_until(lambda: f"{corner.prefix}.rejected" not in admin.list_topics(), worker.said)
        admin.close()
        send(corner, messages)
        wait_until(lambda: bool(first_rejects(corner)), worker.said)
        time.sleep(1)  # a commit that does not wait for them is there by now
        committed = watch.committed()
        worker.kill()
    assert all(committed[partition] <= first for partition, first in first_rejects(corner).items())
    succeed(corner, "topics", "apply")
    _, rejected = assert_as_calm(corner)
    assert rejected["malformed"] == len(messages) // 10


def test_kills_during_rebuilds_change_nothing(stack: RunningStack, tmp_path: Path) -> None:
    corner = make_corner(stack, **SETTINGS)
    messages = unruly(5, 1500, hours=6)
    with LogWatch(corner) as watch, sending(corner, messages, 8):
        with started(corner, tmp_path, "worker") as worker:
            wait_until_at_work(watch, worker, len(messages) // 4)
            worker.kill()
        for _ in range(2):
            with started(corner, tmp_path, "worker") as worker:
                wait_until(lambda: "live at offset" in worker.said(), worker.said, pause=0.002)
                worker.kill()
    assert_as_undisturbed(corner)
