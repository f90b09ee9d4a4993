"""Workers that are killed while calls come in: the tables end as if nothing had happened."""

import json
import signal
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
    succeed,
    wait_until,
)
from tests.faults.judge import assert_as_calm
from tests.faults.recording import Recorded
from tests.integration.conftest import RunningStack

KILL_POINTS = (0.1, 0.3, 0.5, 0.7, 0.9)
BACKLOG = 300  # records that a worker takes up between two commits, even while few calls come in
AHEAD = 12_000  # records; an import this far ahead of the commits is stopped: workers must not run through two points


class Calls:
    """Calls that come in at a pace, as long as the workers keep up: a slow machine only makes it last longer."""

    def __init__(self, importing: Process, watch: LogWatch, events: int) -> None:
        self._importing = importing
        self._watch = watch
        self._events = events

    def come_in_until(self, share: float, worker: Process, backlog: int = 0) -> None:
        """Wait until this share of all is committed, and so many records beyond that are in the log."""

        def reached() -> bool:
            beyond = self._watch.beyond()
            if self._importing.popen.poll() is None:
                self._importing.signal(signal.SIGSTOP if beyond > AHEAD else signal.SIGCONT)
            return beyond >= backlog and sum(self._watch.committed().values()) >= share * self._events

        wait_until(reached, worker.said, seconds=120)

    def kill(self, worker: Process, share: float) -> int:
        """SIGKILL at this share; how many records that were in the log by then are beyond the commit."""
        self.come_in_until(share, worker, BACKLOG)
        ends = self._watch.ends()
        worker.kill()
        return self._watch.beyond(ends)

    def end(self) -> None:
        """Let the rest come in."""
        if self._importing.popen.poll() is None:
            self._importing.signal(signal.SIGCONT)
        assert self._importing.end() == 0, self._importing.said()


def is_live(worker: Process) -> None:
    wait_until(lambda: "live at offset" in worker.said(), worker.said, seconds=60)


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
    speed = ("--speed", recorded.speed(seconds=18))
    with (
        started(corner, tmp_path, "import", str(recorded.file), "--mapping", str(MAPPING), *speed) as importing,
        LogWatch(corner) as watch,
    ):
        calls = Calls(importing, watch, recorded.events)
        beyond = []
        for share in KILL_POINTS:
            with started(corner, tmp_path, "worker") as worker:
                beyond.append(calls.kill(worker, share))
        calls.end()
    assert min(beyond) > 0, beyond
    assert_all_calls_are_there(corner, recorded)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_workers_that_join_leave_and_are_killed_change_nothing(
    stack: RunningStack, recorded: Recorded, tmp_path: Path
) -> None:
    corner = make_corner(stack, PARTITIONS="4", **NIMBLE)
    speed = ("--speed", recorded.speed(seconds=15))
    with (
        LogWatch(corner) as watch,
        started(corner, tmp_path, "import", str(recorded.file), "--mapping", str(MAPPING), *speed) as importing,
        started(corner, tmp_path, "worker") as first,
        started(corner, tmp_path, "worker") as second,
    ):
        calls = Calls(importing, watch, recorded.events)
        calls.come_in_until(0.15, first)
        with started(corner, tmp_path, "worker") as joining:
            calls.come_in_until(0.3, joining)
            assert calls.kill(first, 0.35) > 0
            calls.come_in_until(0.55, joining)
            is_live(joining)
            joining.signal(signal.SIGTERM)
            assert joining.end() == 0, joining.said()
        with started(corner, tmp_path, "worker") as last:
            assert calls.kill(second, 0.75) > 0
            calls.end()
            is_live(last)
            last.signal(signal.SIGTERM)
            assert last.end() == 0, last.said()
    assert_all_calls_are_there(corner, recorded)


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_kills_during_a_day_with_operations_and_conditions_change_nothing(stack: RunningStack, tmp_path: Path) -> None:
    corner = make_corner(stack, PARTITIONS="4", **NIMBLE)
    day = ("simulate", "--scenario", "busy_day", "--load", "0.5", "--json")
    events = json.loads(succeed(corner, *day, "--dry-run"))["records"]["events"]
    with started(corner, tmp_path, *day, "--speed", "1800x") as sending, LogWatch(corner) as watch:
        calls = Calls(sending, watch, events)
        for share in (0.2, 0.5, 0.8):
            with started(corner, tmp_path, "worker") as worker:
                assert calls.kill(worker, share) > 0
        calls.end()
    rows, rejected = assert_as_calm(corner)
    scored = rows["interaction_scores"].values()
    assert sum(row["events"] for row in scored) == events
    assert any("system/identity degraded" in row["active_conditions"] for row in scored)
    assert any(row["system_seconds"] for row in scored)
    assert len(rows["conditions"]) > 0
    assert rejected == {}
