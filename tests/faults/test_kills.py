"""Workers that are killed while calls come in: the tables end as if nothing had happened."""

from pathlib import Path

import pytest

from tests.at_work import (
    MAPPING,
    NIMBLE,
    Corner,
    LogWatch,
    Process,
    make_corner,
    started,
    wait_until,
)
from tests.faults.judge import assert_as_calm
from tests.faults.recording import Recorded
from tests.integration.conftest import RunningStack

KILL_POINTS = (0.1, 0.3, 0.5, 0.7, 0.9)
BACKLOG = 300  # records that a worker takes up between two commits, even while few calls come in


def kill_at(watch: LogWatch, worker: Process, records: float) -> int:
    """SIGKILL once so many records are committed and more are in the log; how many of these are beyond the commit."""
    wait_until(
        lambda: watch.beyond() >= BACKLOG and sum(watch.committed().values()) >= records, worker.said, seconds=60
    )
    ends = watch.ends()
    worker.kill()
    return watch.beyond(ends)


def assert_all_calls_are_there(corner: Corner, recorded: Recorded) -> None:
    rows, rejected = assert_as_calm(corner)
    assert len(rows["interaction_scores"]) == recorded.interactions
    assert sum(row["events"] for row in rows["interaction_scores"].values()) == recorded.events
    assert rejected == {}


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_five_kills_during_a_paced_import_change_nothing(
    stack: RunningStack, recorded: Recorded, tmp_path: Path
) -> None:
    corner = make_corner(stack, **NIMBLE)
    speed = ("--speed", recorded.speed(seconds=30))
    with (
        started(corner, tmp_path, "import", str(recorded.file), "--mapping", str(MAPPING), *speed) as importing,
        LogWatch(corner) as watch,
    ):
        beyond = []
        for share in KILL_POINTS:
            with started(corner, tmp_path, "worker") as worker:
                beyond.append(kill_at(watch, worker, share * recorded.events))
        assert importing.end() == 0, importing.said()
    assert min(beyond) > 0, beyond
    assert_all_calls_are_there(corner, recorded)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_workers_that_join_leave_and_are_killed_change_nothing(
    stack: RunningStack, recorded: Recorded, tmp_path: Path
) -> None:
    corner = make_corner(stack, PARTITIONS="4", **NIMBLE)
    speed = ("--speed", recorded.speed(seconds=20))

    def is_committed(share: float) -> None:
        wanted = share * recorded.events
        wait_until(lambda: sum(watch.committed().values()) >= wanted, lambda: f"{share:.0%} committed", seconds=60)

    with (
        LogWatch(corner) as watch,
        started(corner, tmp_path, "import", str(recorded.file), "--mapping", str(MAPPING), *speed) as importing,
        started(corner, tmp_path, "worker") as first,
        started(corner, tmp_path, "worker") as second,
    ):
        is_committed(0.15)
        with started(corner, tmp_path, "worker") as joining:
            is_committed(0.35)
            assert kill_at(watch, first, 0) > 0
            is_committed(0.55)
            joining.signal(joining.TERM)
            assert joining.end() == 0, joining.said()
        with started(corner, tmp_path, "worker") as last:
            is_committed(0.75)
            assert kill_at(watch, second, 0) > 0
            assert importing.end() == 0, importing.said()
            last.signal(last.TERM)
            assert last.end() == 0, last.said()
    assert_all_calls_are_there(corner, recorded)
