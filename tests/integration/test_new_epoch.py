"""Models change without a `valid_from`: workers take a new epoch, and history is scored anew beside them."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.at_work import (
    NIMBLE,
    Corner,
    LogWatch,
    Process,
    drain,
    make_corner,
    run,
    sibling,
    started,
    tables,
    wait_until,
)
from tests.integration.conftest import ROOT, RunningStack
from tests.integration.nasty_log import Log, send_forgotten, send_held

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(180, func_only=True)]
COMPARED = ("interaction_scores", "rejected_events")


def other_models(folder: Path) -> Path:
    """The shipped schemas, but a call that is answered within 20 s is not perfect any more."""
    schemas = folder / "schemas"
    shutil.copytree(ROOT / "schemas", schemas)
    model = schemas / "models" / "call_center_line.yaml"
    text = model.read_text()
    assert "curve: [[20, 100], [60, 80]" in text
    model.write_text(text.replace("[[20, 100], [60, 80]", "[[0, 100], [60, 50]").replace("version: 1", "version: 2", 1))
    return schemas


def work_off(worker: Process, corner: Corner) -> None:
    """Wait until all is committed, and end the worker in the orderly way."""
    with LogWatch(corner) as watch:
        wait_until(lambda: not watch.beyond(), worker.said, seconds=60)
    worker.signal(Process.TERM)
    assert worker.end() == 0, worker.said()


def recompute(corner: Corner) -> dict[str, Any]:
    done = run(corner, "recompute", "--json")
    assert done.returncode == 0, done.stderr
    (found,) = json.loads(done.stdout)["partitions"]
    return dict(found)


def assert_balanced(corner: Corner) -> None:
    done = run(corner, "audit")
    assert done.returncode == 0, done.stdout


def test_history_is_scored_anew_beside_live_workers(stack: RunningStack, tmp_path: Path) -> None:
    old = make_corner(stack, PARTITIONS="1", **NIMBLE)
    with Log(old) as log, started(old, tmp_path, "worker") as worker:
        send_forgotten(log)
        work_off(worker, old)
    before = tables(old)["interaction_scores"]
    changed = replace(old, settings={**old.settings, "SCHEMAS_DIR": str(other_models(tmp_path))})
    new = replace(changed, settings={**changed.settings, "EPOCH": "1"})

    refused = run(changed, "worker", "--drain")
    assert (refused.returncode, "TOUCHPOINT_EPOCH=1" in refused.stderr) == (2, True), refused.stderr
    too_early = run(new, "recompute")
    assert (too_early.returncode, "have not taken epoch 1" in too_early.stderr) == (2, True), too_early.stderr

    with Log(new) as log, started(new, tmp_path, "worker") as worker:
        send_held(log)
        with LogWatch(new) as watch:
            wait_until(lambda: not watch.beyond(), worker.said, seconds=60)
        first = recompute(new)
        assert_balanced(new)
        work_off(worker, new)
    again = recompute(new)
    drain(new)
    assert_balanced(new)

    calm = sibling(new)
    drain(calm)
    found, expected = tables(new), tables(calm)
    assert {name: found[name] for name in COMPARED} == {name: expected[name] for name in COMPARED}
    scores = {key: row["score"] for key, row in found["interaction_scores"].items()}
    assert any(scores[key] != row["score"] for key, row in before.items())
    assert (first["replaced"] > 0, first["left"]) == (True, 0)
    assert (again["replaced"], again["already"]) == (0, first["replaced"] + first["already"])

    behind = run(old, "worker", "--drain")
    assert (behind.returncode, "TOUCHPOINT_EPOCH=1 or higher" in behind.stderr) == (2, True), behind.stderr
