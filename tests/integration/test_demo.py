"""`touchpoint demo` as a newcomer meets it: what it says of a bad day, a moved one and a quiet one, and how it ends."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.at_work import COMMAND, PREFIX, Process, wait_until
from tests.integration.conftest import taken_down
from tests.readme_blocks import outputs, prints

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(700)]
RUN_SECONDS = 600
# The views do not care how fast a day comes; the demo's own speed is for people.
FAST = ("--speed", "max")
DROP = re.compile(r"^  (\d\d:\d\d) to (\d\d:\d\d)  (\S+) fell by ([\d.]+) points", re.MULTILINE)
QUESTION = re.compile(r'^  (touchpoint sql ".*")$', re.MULTILINE)
TELLERS = {f"branch/{number}/teller" for number in ("001", "002", "003")}
LINES = {"call_center/retail/line", "call_center/claims/line"}


def environment(state_dir: Path) -> dict[str, str]:
    """The demo must not care about settings that name another system."""
    outside = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    return outside | {
        f"{PREFIX}STATE_DIR": str(state_dir),
        f"{PREFIX}KAFKA": "127.0.0.1:1",
        f"{PREFIX}DATABASE": "mine",
    }


@contextmanager
def demo(state_dir: Path, *arguments: str) -> Iterator[Process]:
    """A running demo; it is gone afterwards."""
    output, errors = state_dir / "demo.out", state_dir / "demo.err"
    with output.open("wb") as out, errors.open("wb") as err:
        popen = subprocess.Popen([*COMMAND, "demo", *arguments], env=environment(state_dir), stdout=out, stderr=err)
    try:
        yield Process(popen, output, errors)
    finally:
        popen.terminate()
        popen.wait(60)


def once(state_dir: Path, *arguments: str) -> str:
    """What the demo tells, run to its end, which leaves nothing running."""
    with demo(state_dir, "--once", *FAST, *arguments) as running:
        assert running.end(RUN_SECONDS) == 0, running.said()
    assert processes_of(state_dir) == []
    told: str = running.output.read_text()
    return told


def processes_of(state_dir: Path) -> list[list[str]]:
    """Command lines of all processes that work in this state directory."""
    found = []
    for process in psutil.process_iter():
        try:
            command = process.cmdline()
            home = process.environ().get(f"{PREFIX}STATE_DIR", "")
        except psutil.Error:
            continue
        if process.pid != os.getpid() and str(state_dir) in " ".join([home, *command]):
            found.append(command)
    return found


def chapter(told: str, heading: str) -> str:
    """What stands between a heading that begins like this and the next one."""
    found = re.search(rf"^While {heading}.*?(?=^\S|\Z)", told, re.MULTILINE | re.DOTALL)
    assert found, told
    return found[0]


def drops(text: str) -> dict[str, tuple[str, str]]:
    return {touch_point: (start, end) for start, end, touch_point, _ in DROP.findall(text)}


@pytest.fixture(scope="module")
def busy_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("busy")


@pytest.fixture(scope="module")
def busy(busy_dir: Path) -> Iterator[str]:
    """The story of the busy day; its stack is up again for questions."""
    told = once(busy_dir)
    with taken_down(busy_dir / "demo") as stack:
        stack.up({}, print)
        yield told


def ask(state_dir: Path, command: str) -> list[dict[str, Any]]:
    """The rows that a shown command finds, in the shown directory."""
    words = [*COMMAND, *shlex.split(command)[1:], "--json"]
    env = environment(state_dir / "demo")
    del env[f"{PREFIX}KAFKA"], env[f"{PREFIX}DATABASE"]
    done = subprocess.run(words, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, (command, done.stderr)
    rows: list[dict[str, Any]] = json.loads(done.stdout)
    return rows


def test_the_slow_identity_system_is_named_at_every_teller_and_line_that_fell(busy: str) -> None:
    told = chapter(busy, "system/identity was degraded, 5 touch-points fell:")
    assert set(drops(told)) == TELLERS | LINES
    assert all("10:30" <= start <= "11:15" and "11:00" <= end <= "11:45" for start, end in drops(told).values())
    words = " ".join(told.split())
    assert words.count("system.identity (identity platform)") == 5
    assert words.count("Dearest was wait.queue") == len(LINES)
    assert "(owner: call center workforce management)" in words


def test_the_branch_without_coffee_and_counter_is_named(busy: str) -> None:
    told = chapter(busy, "branch/002 ")
    heading = told.partition(":")[0]
    assert "at most one counter open" in heading
    assert "short of refreshments" in heading
    assert drops(told) == {"branch/002/teller": ("13:30", "16:30")}
    assert "wait.line (branch management)" in " ".join(told.split())


def test_the_readme_shows_what_is_told(busy: str) -> None:
    (shown,) = outputs("See it live")
    assert prints(shown).search(busy)


def test_every_line_of_the_story_can_be_asked_again_as_it_stands(busy: str, busy_dir: Path) -> None:
    questions = QUESTION.findall(busy)
    assert len(questions) == 2 * len(DROP.findall(busy))
    assert all(ask(busy_dir, question) for question in questions)


def test_what_is_offered_at_the_end_can_be_run(busy: str, busy_dir: Path) -> None:
    offered = busy.partition("ASK ON")[2]
    assert f"export {PREFIX}STATE_DIR={busy_dir / 'demo'}" in offered
    assert "touchpoint stack up" in offered
    shown = re.findall(r"^(touchpoint (?:sql|explain) .*?)   #", offered, re.MULTILINE)
    assert len(shown) == 4
    assert all(ask(busy_dir, command) for command in shown)


def test_most_of_the_waiting_in_the_incident_cost_its_points_while_identity_was_degraded(
    busy: str, busy_dir: Path
) -> None:
    """`busy` ran before. Waits from the quarter in which the incident began to the one in which it ended."""
    assert busy
    rows = ask(
        busy_dir,
        "touchpoint sql \"SELECT sum(points) AS lost, sumIf(points, condition LIKE 'system/identity %') AS meanwhile"
        " FROM points_lost_during WHERE element LIKE 'wait.%' AND touch_point NOT LIKE 'online_form/%'"
        " AND local_from >= '2026-03-10 10:30' AND local_from < '2026-03-10 11:30'\"",
    )
    assert rows[0]["meanwhile"] > 0.8 * rows[0]["lost"] > 0


@pytest.fixture(scope="module")
def moved_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("moved")


@pytest.fixture(scope="module")
def moved(moved_dir: Path) -> str:
    """The story of a day with the incidents elsewhere."""
    options = ("--seed", "2", "--branch", "003", "--branch-start", "9:00", "--incident-start", "14:00")
    return once(moved_dir, *options)


@pytest.fixture(scope="module")
def quiet(moved_dir: Path, moved: str) -> Iterator[Process]:
    """A quiet day after that one, told; the demo stays up."""
    assert moved
    with demo(moved_dir, "--scenario", "quiet_day", "--picture", str(moved_dir / "board.svg"), *FAST) as running:
        wait_until(lambda: "Ctrl-C stops" in running.output.read_text(), running.said, seconds=RUN_SECONDS, pause=0.2)
        yield running


def test_a_moved_day_moves_the_story(moved: str) -> None:
    assert drops(chapter(moved, "branch/003 "))["branch/003/teller"] == ("09:00", "12:00")
    fallen = drops(chapter(moved, "system/identity was degraded"))
    assert set(fallen) >= LINES | {"branch/001/teller", "branch/002/teller"}
    assert all("13:45" <= start <= "14:30" for start, _ in fallen.values())


def test_on_a_quiet_day_nothing_fell_and_the_day_before_is_forgotten(quiet: Process, moved_dir: Path) -> None:
    told = quiet.output.read_text()
    assert "Nothing fell: " in told
    assert DROP.findall(told) == []
    assert "touchpoint explain " in told
    # tests/unit/demo/test_board.py holds which moment is the worst; of a quiet day it may be one before branches open.
    picture = (moved_dir / "board.svg").read_text(encoding="utf-8")
    assert any(name in picture for name in TELLERS | LINES | {"online_form/health_claim"})
    assert "events/s" in picture.replace("&#160;", " ")


def interrupted(running: Process, when: str, number: signal.Signals) -> float:
    """Interrupt it once it has said this; how long its end took."""
    wait_until(
        lambda: when in running.said() + running.output.read_text(), running.said, seconds=RUN_SECONDS, pause=0.1
    )
    running.signal(number)
    began = time.monotonic()
    running.end(60)
    return time.monotonic() - began


@pytest.mark.parametrize(
    ("when", "number"),
    [
        ("starting Kafka", signal.SIGINT),
        ("creating topics", signal.SIGTERM),
        ("simulating the day", signal.SIGINT),
        ("events/s", signal.SIGHUP),
    ],
)
def test_interrupted_at_any_moment_it_leaves_nothing_running(tmp_path: Path, when: str, number: signal.Signals) -> None:
    with demo(tmp_path) as running:
        interrupted(running, when, number)
    # Java that formats a directory lives for a second; interrupted while it is started, it ends by itself.
    wait_until(lambda: processes_of(tmp_path) == [], running.said, pause=0.1)
    assert running.popen.returncode == 130
    assert running.said().endswith("touchpoint: interrupted\n")
    assert "Traceback" not in running.said()


def test_it_stays_up_until_interrupted_and_a_second_demo_says_so(quiet: Process, moved_dir: Path) -> None:
    (metrics,) = re.findall(r"^curl (\S+)", quiet.output.read_text(), re.MULTILINE)
    done = subprocess.run(
        [sys.executable, "-c", f"import urllib.request as u; print(u.urlopen({metrics!r}).read().decode())"],
        capture_output=True, text=True, timeout=20, check=True,
    )  # fmt: skip
    assert "touchpoint_records_consumed_total" in done.stdout
    second = subprocess.run(
        [*COMMAND, "demo"], env=environment(moved_dir), capture_output=True, text=True, timeout=60, check=False
    )
    assert second.returncode == 3
    assert second.stderr == (
        f"touchpoint: another demo runs in {moved_dir / 'demo'} (process {quiet.popen.pid}): end it with Ctrl-C,"
        " or set TOUCHPOINT_STATE_DIR to another directory\n"
    )
    interrupted(quiet, "Ctrl-C stops", signal.SIGINT)
    assert quiet.popen.returncode == 0
    assert processes_of(moved_dir) == []


def note_of_simulator(folder: Path) -> Path:
    return folder / "demo" / "run" / "simulator.json"


def test_what_a_killed_demo_left_is_stopped_by_the_next_one(tmp_path: Path) -> None:
    with demo(tmp_path) as running:
        # The note by which the next run finds it is written just after a process starts.
        wait_until(lambda: note_of_simulator(tmp_path).exists(), running.said, seconds=RUN_SECONDS, pause=0.1)
        running.kill()
    assert processes_of(tmp_path) != []
    with demo(tmp_path) as running:
        interrupted(running, "starting Kafka", signal.SIGINT)
    assert "of an earlier demo" in running.said()
    wait_until(lambda: processes_of(tmp_path) == [], running.said, pause=0.1)  # Java that formats, as above


def test_a_wrong_option_is_named_before_anything_is_started(tmp_path: Path) -> None:
    done = subprocess.run(
        [*COMMAND, "demo", "--branch", "042"], env=environment(tmp_path), capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (2, "touchpoint: --branch 042: valid: 001, 002, 003\n")
    assert list(tmp_path.iterdir()) == []
