"""The embedded stack as its users meet it: up, found again, repaired, down."""

import json
import stat

import pytest
from kafka import KafkaAdminClient

from pipeline.embedded.stack import Stack
from tests.integration.conftest import Place, RunningStack

pytestmark = pytest.mark.integration


def test_kafka_answers_and_has_no_topics_that_nobody_made(place: Place) -> None:
    admin = KafkaAdminClient(bootstrap_servers=place.settings.kafka_address())

    topics = admin.list_topics()

    admin.close()
    assert [topic for topic in topics if topic.startswith(place.prefix)] == []


def test_clickhouse_answers_through_the_settings(place: Place) -> None:
    assert place.settings.clickhouse_address() == "{}:{}".format(*place.stack.clickhouse)

    client = place.stack.client()
    assert client.execute("SELECT 1") == [(1,)]
    client.disconnect()


def test_pseudonym_key_is_readable_by_its_owner_only(stack: RunningStack) -> None:
    key = stack.state_dir / "pseudonym.key"

    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert len(bytes.fromhex(key.read_text())) == 32


def test_second_up_finds_the_running_stack(stack: RunningStack) -> None:
    before = json.loads((stack.state_dir / "stack.json").read_bytes())

    outcome = Stack(stack.state_dir).up({}, print)

    assert outcome.started == ()
    assert json.loads((stack.state_dir / "stack.json").read_bytes()) == before
