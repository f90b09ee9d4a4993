"""Models change without a `valid_from`: workers take a new epoch, and history is scored anew beside them."""

import json
import shutil
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaAdminClient, KafkaProducer
from kafka.admin import ConfigResource, ConfigResourceType

from pipeline.core.side_events import Condition
from pipeline.source.encode import encode_side
from tests.at_work import (
    NIMBLE,
    Corner,
    LogWatch,
    Process,
    drain,
    forget,
    make_corner,
    run,
    sibling,
    started,
    tables,
    wait_until,
)
from tests.integration.conftest import ROOT, RunningStack
from tests.integration.nasty_log import Log, send_forgotten, send_held

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(180)]
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


def worked_off_anew(stack: RunningStack, folder: Path) -> Corner:
    """A log that workers of two epochs have read, and nobody has recomputed."""
    old = make_corner(stack, PARTITIONS="1", **NIMBLE)
    send_in_transaction(old)
    with Log(old) as log:
        send_forgotten(log)
    drain(old)
    new = replace(old, settings={**old.settings, "SCHEMAS_DIR": str(other_models(folder)), "EPOCH": "1"})
    drain(new)
    return new


def send_in_transaction(corner: Corner) -> None:
    """Two conditions of a branch. The end of a transaction takes an offset, as a record that was compacted away did."""
    producer = KafkaProducer(bootstrap_servers=corner.stack.kafka, transactional_id=corner.prefix)
    producer.init_transactions()
    for number in range(2):
        condition = Condition(subject="branch/1", kind="line_length", value=number, time=int(time.time() * 1000))
        key, value, headers = encode_side(condition, str(number), "test")
        producer.begin_transaction()
        producer.send(f"{corner.prefix}.conditions", key=key, value=value, headers=headers)
        producer.commit_transaction()
    producer.close()


def keep_conditions(corner: Corner, milliseconds: int) -> None:
    resource = ConfigResource(
        ConfigResourceType.TOPIC, f"{corner.prefix}.conditions", {"min.compaction.lag.ms": str(milliseconds)}
    )
    admin = KafkaAdminClient(bootstrap_servers=corner.stack.kafka)
    admin.alter_configs([resource])
    admin.close()


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


def test_a_row_is_left_whose_conditions_may_have_been_compacted_away(stack: RunningStack, tmp_path: Path) -> None:
    corner = worked_off_anew(stack, tmp_path)

    keep_conditions(corner, 0)
    unsafe = recompute(corner)
    keep_conditions(corner, 7 * 86_400_000)
    safe = recompute(corner)

    assert (unsafe["replaced"], unsafe["left"] > 1) == (0, True)
    assert (safe["replaced"], safe["left"]) == (unsafe["left"], 0)
    forget(corner)


def test_a_row_that_clickhouse_refuses_is_not_counted_as_replaced(stack: RunningStack, tmp_path: Path) -> None:
    corner = worked_off_anew(stack, tmp_path)
    before = tables(corner)["interaction_scores"]
    client = corner.stack.client(corner.database)
    client.execute("ALTER TABLE interaction_scores ADD CONSTRAINT c CHECK interaction_id != 'later'")
    client.disconnect()

    found = recompute(corner)

    after = tables(corner)["interaction_scores"]
    assert found["replaced"] == sum(after[key] != row for key, row in before.items())
    assert found["refused"] == 1
    assert_balanced(corner)
    forget(corner)
