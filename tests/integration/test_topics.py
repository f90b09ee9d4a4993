"""`topics apply` against the real broker."""

import time
from collections.abc import Callable

import pytest
from kafka import KafkaAdminClient, KafkaProducer
from kafka.admin import ConfigResource, ConfigResourceType
from typer.testing import CliRunner

from pipeline.cli.main import app
from pipeline.errors import KafkaUnavailableError, TopicError
from pipeline.topics import apply
from tests.integration.conftest import Place
from tests.log_contents import records_of

pytestmark = pytest.mark.integration

NAMES = ("events", "conditions", "feedback", "outcomes", "rejected")


def topics_of(place: Place) -> set[str]:
    admin = KafkaAdminClient(bootstrap_servers=place.stack.kafka)
    found = {name for name in admin.list_topics() if name.startswith(f"{place.prefix}.")}
    admin.close()
    return found


def wait_for(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_apply_makes_all_topics_and_a_second_time_nothing(place: Place) -> None:
    first, second = apply(place.settings, dry_run=False), apply(place.settings, dry_run=False)

    assert {change.topic for change in first} == topics_of(place) == {f"{place.prefix}.{name}" for name in NAMES}
    assert second == []


def test_dry_run_changes_nothing(place: Place) -> None:
    changes = apply(place.settings, dry_run=True)

    assert changes
    assert topics_of(place) == set()


def test_drifted_settings_are_put_right_and_others_kept(place: Place) -> None:
    apply(place.settings, dry_run=False)
    admin = KafkaAdminClient(bootstrap_servers=place.stack.kafka)
    drift = {"message.timestamp.type": "CreateTime", "segment.ms": "1234567"}
    log = f"{place.prefix}.events"
    admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, log, drift)])
    wait_for(lambda: apply(place.settings, dry_run=True) != [])

    changes = apply(place.settings, dry_run=False)

    now = admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, log)])["topic"][log]
    admin.close()
    assert [(change.before, change.after) for change in changes] == [("CreateTime", "LogAppendTime")]
    assert now["segment.ms"]["value"] == "1234567"


def test_other_partition_count_is_refused_and_nothing_changed(place: Place) -> None:
    apply(place.settings, dry_run=False)
    other = place.settings.model_copy(update={"partitions": 3, "log_retention_hours": 500})

    with pytest.raises(TopicError, match="TOUCHPOINT_PARTITIONS=8"):
        apply(other, dry_run=False)

    assert apply(place.settings, dry_run=True) == []


def test_log_is_stamped_by_the_broker(place: Place) -> None:
    apply(place.settings, dry_run=False)
    producer = KafkaProducer(bootstrap_servers=place.stack.kafka)
    producer.send(f"{place.prefix}.events", b"{}", partition=0, timestamp_ms=1_000).get(60)
    producer.close()

    (record,) = records_of(place.stack.kafka, f"{place.prefix}.events")

    assert record.timestamp > 1_000_000_000_000


def test_absent_broker_is_one_clear_line(place: Place) -> None:
    nowhere = place.settings.model_copy(update={"kafka": "127.0.0.1:1"})

    with pytest.raises(KafkaUnavailableError, match=r"no Kafka broker answers at 127\.0\.0\.1:1"):
        apply(nowhere, dry_run=True)


def test_command_prints_what_it_changes(place: Place) -> None:
    runner = CliRunner()

    first = runner.invoke(app, ["topics", "apply"])
    second = runner.invoke(app, ["topics", "apply", "--json"])

    assert first.exit_code == second.exit_code == 0
    assert f"{place.prefix}.events" in first.stdout
    assert second.stdout == '{"applied":true,"changes":[]}\n'
