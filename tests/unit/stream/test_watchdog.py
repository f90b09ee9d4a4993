"""The watchdog ends a process for real, so each of these runs one."""

import subprocess
import sys
from typing import Final

import pytest

EXIT_CODE: Final = 70
# Arguments: seconds without progress, seconds of a shutdown. Whoever is not ended ends by itself, after more than both.
SCRIPT: Final = """
import time
from pipeline.stream.watchdog import Watchdog
watchdog = Watchdog({stall}, {shutdown})
watchdog.start(lambda: {has_work})
{then}
"""


def run(*, stall: float, shutdown: float, has_work: bool, then: str) -> tuple[int, str]:
    script = SCRIPT.format(stall=stall, shutdown=shutdown, has_work=has_work, then=then)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=50, check=False)
    return done.returncode, done.stderr


def test_a_process_that_has_work_and_does_not_move_is_ended_with_its_stacks() -> None:
    code, said = run(stall=0.5, shutdown=60, has_work=True, then="time.sleep(40)")
    assert code == EXIT_CODE
    assert said.startswith("watchdog: there is work, and nothing has moved for 0.5 s; the process ends")
    assert "in <module>" in said


def test_a_shutdown_that_hangs_is_ended() -> None:
    code, said = run(stall=60, shutdown=0.5, has_work=False, then="watchdog.stopping(); time.sleep(40)")
    assert code == EXIT_CODE
    assert said.startswith("watchdog: the shutdown took more than 0.5 s")


@pytest.mark.parametrize(
    ("stall", "has_work", "then"),
    [(1.5, False, "time.sleep(2.5)"), (8, True, "for _ in range(100): time.sleep(0.1); watchdog.progress()")],
    ids=["nothing to do", "it moves"],
)
def test_a_process_without_work_or_with_progress_lives(stall: float, has_work: bool, then: str) -> None:  # noqa: FBT001
    assert run(stall=stall, shutdown=60, has_work=has_work, then=then) == (0, "")
