"""A worker does not go on over what other settings, a later epoch or another topic have decided; it says what to do."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, OffsetAndMetadata, TopicPartition

from tests.at_work import Corner, LogWatch, drain, forget, make_corner, run, started, succeed, wait_until
from tests.integration.conftest import RunningStack
from tests.traffic import orderly, send

pytestmark = [pytest.mark.integration, pytest.mark.timeout(150)]

SCHEMAS = Path(__file__).parents[2] / "schemas"
MESSAGES = orderly(30)


@pytest.fixture
def corner(stack: RunningStack) -> Iterator[Corner]:
    """A log that was worked off: there are commits."""
    made = make_corner(stack, PARTITIONS="2", METRICS_PORT="off")
    send(made, MESSAGES)
    drain(made)
    yield made
    forget(made)


def under(corner: Corner, **settings: str) -> Corner:
    return replace(corner, settings={**corner.settings, **settings})


def refused(corner: Corner) -> str:
    """The one line of a worker that does not start; nothing is committed by it."""
    send(corner, orderly(3))
    with LogWatch(corner) as watch:
        before = watch.committed()
        done = run(corner, "worker", "--drain")
        assert watch.committed() == before
    assert done.returncode == 2, done.stderr
    (line,) = [line for line in done.stderr.splitlines() if "touchpoint: " in line]
    assert "Traceback" not in done.stderr
    return line


def changed_model(folder: Path) -> Path:
    """The shipped schemas, with a call that waits for 25 seconds as good as one that waits for 20."""
    schemas = Path(shutil.copytree(SCHEMAS, folder / "schemas"))
    model = schemas / "models" / "call_center_line.yaml"
    text = model.read_text(encoding="utf-8")
    assert text.count("curve: [[20, 100], [60, 80]") == 1
    model.write_text(text.replace("curve: [[20, 100], [60, 80]", "curve: [[25, 100], [60, 80]"), encoding="utf-8")
    return schemas


def test_a_model_changed_without_valid_from_is_refused_until_the_epoch_is_raised(
    corner: Corner, tmp_path: Path
) -> None:
    changed = under(corner, SCHEMAS_DIR=str(changed_model(tmp_path)))

    line = refused(changed)

    assert "models, touch-points or windows differ from those that decided" in line
    assert "`valid_from`" in line
    assert "TOUCHPOINT_EPOCH=1" in line
    assert drain(under(changed, EPOCH="1"))["consumed"] > 0


def test_an_epoch_below_that_of_the_last_commit_is_refused_with_the_one_to_set(corner: Corner) -> None:
    send(corner, orderly(3))
    drain(under(corner, EPOCH="3"))

    assert "TOUCHPOINT_EPOCH=3" in refused(under(corner, EPOCH="2"))
    assert drain(under(corner, EPOCH="3"))["consumed"] > 0


def make_anew(corner: Corner) -> None:
    """The log deleted and made again under its name: another topic."""
    admin = KafkaAdminClient(bootstrap_servers=corner.stack.kafka)
    try:
        before = topic_id(admin, corner)
        admin.delete_topics([corner.topic])
        wait_until(lambda: corner.topic not in admin.list_topics(), lambda: "it is still there")
        succeed(corner, "topics", "apply")
        wait_until(lambda: topic_id(admin, corner) not in {before, ""}, lambda: "it is not made anew")
    finally:
        admin.close()


def topic_id(admin: KafkaAdminClient, corner: Corner) -> str:
    (topic,) = admin.describe_topics([corner.topic])
    return "" if topic["error_code"] else str(topic["topic_id"])


def commits_put_back(corner: Corner, commits: dict[TopicPartition, OffsetAndMetadata]) -> None:
    """As they come back with a restored broker: together with the log they would have gone."""
    consumer = KafkaConsumer(bootstrap_servers=corner.stack.kafka, group_id=corner.group, enable_auto_commit=False)
    consumer.assign(list(commits))
    consumer.commit(commits)
    consumer.close()


def test_a_log_made_anew_is_not_taken_for_the_one_that_was_committed(corner: Corner) -> None:
    admin = KafkaAdminClient(bootstrap_servers=corner.stack.kafka)
    commits = admin.list_group_offsets(corner.group)[corner.group]
    admin.close()
    make_anew(corner)
    with LogWatch(corner) as watch:
        wait_until(lambda: not any(watch.committed().values()), lambda: "the old commits are still there")
    commits_put_back(corner, {one: commits[one] for one in commits if one.topic == corner.topic})

    line = refused(corner)

    assert f"{corner.topic} was deleted and made anew" in line
    assert "Start with a new TOUCHPOINT_GROUP" in line


def test_a_log_made_anew_under_a_worker_ends_it(corner: Corner, tmp_path: Path) -> None:
    with started(corner, tmp_path, "worker") as worker:
        wait_until(lambda: worker.said().count("live at offset") == 2, worker.said)
        make_anew(corner)
        send(corner, MESSAGES)

        assert worker.end(60) == 2, worker.said()

    (line,) = [line for line in worker.said().splitlines() if line.startswith("touchpoint: ")]
    assert f"{corner.topic} changed while in use" in line
    assert "new TOUCHPOINT_GROUP" in line


def test_partitions_added_under_a_worker_end_it_and_keep_the_next_one_from_starting(
    corner: Corner, tmp_path: Path
) -> None:
    with started(corner, tmp_path, "worker") as worker:
        wait_until(lambda: worker.said().count("live at offset") == 2, worker.said)
        admin = KafkaAdminClient(bootstrap_servers=corner.stack.kafka)
        admin.create_partitions({corner.topic: 3})
        admin.close()

        assert worker.end(60) == 2, worker.said()

    (line,) = [line for line in worker.said().splitlines() if line.startswith("touchpoint: ")]
    assert f"{corner.topic} changed while in use" in line
    assert "partitions 2 -> 3" in line
    assert "keys have moved" in refused(corner)
