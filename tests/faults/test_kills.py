"""Workers that are killed while customers come: the tables end as if nothing had happened."""

import json
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.at_work import (
    COMMAND,
    MAPPING,
    NIMBLE,
    Corner,
    LogWatch,
    Process,
    Rows,
    make_corner,
    started,
    wait_until,
)
from tests.faults.judge import assert_as_calm
from tests.faults.recording import Recorded
from tests.integration.conftest import RunningStack

KILL_POINTS = (0.1, 0.3, 0.5, 0.7, 0.9)
BACKLOG = 300  # records that a worker takes up between two commits, even while few calls come in
AHEAD = 6_000  # records; a sender this far ahead of the commits is stopped: workers must not run through two points


class Traffic(NamedTuple):
    """What comes in: the command that sends it within some 20 seconds, and how many events it sends."""

    command: tuple[str, ...]
    events: int
    judge: Callable[[dict[str, Rows]], None]


class Arrivals:
    """Events that come in at a pace, as long as the workers keep up: a slow machine only makes it last longer."""

    def __init__(self, sending: Process, watch: LogWatch, events: int) -> None:
        self._sending = sending
        self._watch = watch
        self._events = events

    def come_in_until(self, share: float, worker: Process, backlog: int = 0) -> None:
        """Wait until this share of all is committed, and so many records beyond that are in the log."""

        def reached() -> bool:
            beyond = self._watch.beyond()
            if self._sending.popen.poll() is None:
                self._sending.popen.send_signal(signal.SIGSTOP if beyond > AHEAD else signal.SIGCONT)
            return beyond >= backlog and sum(self._watch.committed().values()) >= share * self._events

        wait_until(reached, worker.said, seconds=120)

    def kill(self, worker: Process, share: float) -> int:
        """SIGKILL at this share; how many records that were in the log by then are beyond the commit."""
        while True:
            self.come_in_until(share, worker, BACKLOG)
            worker.signal(signal.SIGSTOP)  # it commits no more while we look
            ends = self._watch.ends()
            if self._watch.beyond(ends) > 0:
                worker.kill()
                return self._watch.beyond(ends)
            worker.signal(signal.SIGCONT)  # it had just committed everything: another moment

    def end(self) -> None:
        """Let the rest come in."""
        if self._sending.popen.poll() is None:
            self._sending.popen.send_signal(signal.SIGCONT)
        assert self._sending.end() == 0, self._sending.said()


def is_live(worker: Process) -> None:
    wait_until(lambda: "live at offset" in worker.said(), worker.said, seconds=60)


@pytest.fixture(params=["recorded calls", "busy day"])
def traffic(request: pytest.FixtureRequest, recorded: Recorded) -> Traffic:
    """A month of calls, or a day with operations and conditions."""
    return busy_day() if request.param == "busy day" else calls(recorded)


def calls(recorded: Recorded) -> Traffic:
    command = ("import", str(recorded.file), "--mapping", str(MAPPING), "--speed", recorded.speed(seconds=18))

    def judge(rows: dict[str, Rows]) -> None:
        assert len(rows["interaction_scores"]) == recorded.interactions

    return Traffic(command, recorded.events, judge)


def busy_day() -> Traffic:
    day = ("simulate", "--scenario", "busy_day", "--json")
    dry_run = subprocess.run([*COMMAND, *day, "--dry-run"], capture_output=True, timeout=60, check=True)

    def judge(rows: dict[str, Rows]) -> None:
        scored = rows["interaction_scores"].values()
        assert any("system/identity degraded" in row["active_conditions"] for row in scored)
        assert any(row["system_seconds"] for row in scored)
        assert len(rows["conditions"]) > 0

    return Traffic((*day, "--speed", "1800x"), json.loads(dry_run.stdout)["records"]["events"], judge)


def assert_all_is_there(corner: Corner, traffic: Traffic) -> None:
    rows, rejected = assert_as_calm(corner)
    assert sum(row["events"] for row in rows["interaction_scores"].values()) == traffic.events
    assert rejected == {}
    traffic.judge(rows)


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_five_kills_while_events_come_in_change_nothing(stack: RunningStack, traffic: Traffic, tmp_path: Path) -> None:
    corner = make_corner(stack, PARTITIONS="4", **NIMBLE)
    with started(corner, tmp_path, *traffic.command) as sending, LogWatch(corner) as watch:
        arrivals = Arrivals(sending, watch, traffic.events)
        beyond = []
        for share in KILL_POINTS:
            with started(corner, tmp_path, "worker") as worker:
                beyond.append(arrivals.kill(worker, share))
        arrivals.end()
    assert min(beyond) > 0, beyond
    assert_all_is_there(corner, traffic)


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_workers_that_join_leave_and_are_killed_change_nothing(
    stack: RunningStack, traffic: Traffic, tmp_path: Path
) -> None:
    corner = make_corner(stack, PARTITIONS="4", **NIMBLE)
    with (
        LogWatch(corner) as watch,
        started(corner, tmp_path, *traffic.command) as sending,
        started(corner, tmp_path, "worker") as first,
        started(corner, tmp_path, "worker") as second,
    ):
        arrivals = Arrivals(sending, watch, traffic.events)
        arrivals.come_in_until(0.15, first)
        with started(corner, tmp_path, "worker") as joining:
            arrivals.come_in_until(0.3, joining)
            assert arrivals.kill(first, 0.35) > 0
            arrivals.come_in_until(0.55, joining)
            is_live(joining)
            joining.signal(signal.SIGTERM)
            assert joining.end() == 0, joining.said()
        with started(corner, tmp_path, "worker") as last:
            assert arrivals.kill(second, 0.75) > 0
            arrivals.end()
            is_live(last)
            last.signal(signal.SIGTERM)
            assert last.end() == 0, last.said()
    assert_all_is_there(corner, traffic)
