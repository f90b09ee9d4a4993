"""Commands that send while the broker dies: they wait a minute for it, then end with one line that says what to do."""

from pathlib import Path

import pytest

from tests.at_work import MAPPING, Corner, LogWatch, Process, forget, make_corner, started, wait_until
from tests.faults.recording import Recorded
from tests.faults.services import killed
from tests.integration.conftest import RunningStack

pytestmark = [pytest.mark.timeout(240), pytest.mark.filterwarnings("ignore::ResourceWarning")]


def last_words(process: Process) -> list[str]:
    return [line for line in process.said().splitlines() if not line.endswith(" %")]


def wait_until_sent(corner: Corner, sender: Process) -> None:
    with LogWatch(corner) as watch:
        wait_until(lambda: sum(watch.ends().values()) > 0, sender.said, seconds=60)


def test_a_broker_that_dies_and_stays_away_ends_simulate_and_import_with_one_line(
    stack: RunningStack, recorded: Recorded, tmp_path: Path
) -> None:
    mine, theirs = make_corner(stack), make_corner(stack)
    importing = ("import", str(recorded.file), "--mapping", str(MAPPING), "--speed", recorded.speed(600))
    with (
        started(mine, tmp_path, "simulate", "--speed", "600x") as simulate,
        started(theirs, tmp_path, *importing) as imports,
    ):
        wait_until_sent(mine, simulate)
        wait_until_sent(theirs, imports)
        with killed(stack, "kafka"):
            codes = [process.end(120) for process in (simulate, imports)]
    forget(mine)
    forget(theirs)
    assert codes == [3, 3]
    for corner, process in ((mine, simulate), (theirs, imports)):
        (line,) = last_words(process)
        assert line.startswith(f"touchpoint: sending to {corner.prefix}.")
        assert "Kafka does not take them, is it running" in line
        assert "run the same command again" in line
