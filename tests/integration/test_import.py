"""`touchpoint import` against the real broker: what arrives, in which order, twice, interrupted, without a topic."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaAdminClient
from kafka.admin import NewTopic

from pipeline.source.mapping_file import read_mapping
from pipeline.source.recording import read_recording
from tests.integration.conftest import Place
from tests.log_contents import records_of

pytestmark = pytest.mark.integration
EXAMPLES = Path(__file__).parents[2] / "examples"
COMMAND = [sys.executable, "-m", "pipeline.cli.main", "import"]
TICKETS = [str(EXAMPLES / "tickets.csv"), "--mapping", str(EXAMPLES / "tickets.yaml"), "--json"]
PARTITIONS = 3

# key, value, headers, partition
Sent = tuple[bytes, bytes, tuple[tuple[str, bytes], ...], int]


@pytest.fixture
def topic(place: Place) -> str:
    name = f"{place.prefix}.events"
    admin = KafkaAdminClient(bootstrap_servers=place.stack.kafka)
    admin.create_topics([NewTopic(name, PARTITIONS, 1)])
    admin.close()
    return name


def import_tickets(place: Place, *arguments: str) -> tuple[int, dict[str, Any], str]:
    done = subprocess.run(
        [*COMMAND, *TICKETS, *arguments],
        env=place.environment,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    return done.returncode, json.loads(done.stdout or "{}"), done.stderr


def sent(place: Place, topic: str) -> list[Sent]:
    found = records_of(place.stack.kafka, topic)
    return [(record.key, record.value, tuple(record.headers), record.partition) for record in found]


def expected_ids() -> dict[bytes, list[bytes]]:
    """Event ids of each interaction, in the order in which they happened."""
    found: dict[bytes, list[bytes]] = {}
    with read_recording(EXAMPLES / "tickets.csv", read_mapping(EXAMPLES / "tickets.yaml")) as recording:
        for timed in recording.events():
            found.setdefault(timed.event.interaction.encode(), []).append(timed.event_id.encode())
    return found


def test_every_event_arrives_once_and_in_order_within_its_interaction(place: Place, topic: str) -> None:
    code, report, _ = import_tickets(place)
    assert (code, report["sent"], report["interrupted"]) == (0, 16, False)
    found: dict[bytes, list[bytes]] = {}
    for key, value, headers, _ in sent(place, topic):
        assert json.loads(value)["interaction"].encode() == key
        found.setdefault(key, []).append(dict(headers)["ce_id"])
    assert found == expected_ids()


def test_importing_twice_sends_the_same_bytes_to_the_same_partitions(place: Place, topic: str) -> None:
    import_tickets(place)
    once = sorted(sent(place, topic))
    import_tickets(place)
    assert sorted(sent(place, topic)) == sorted(once + once)


def test_a_paced_import_stops_cleanly_and_says_how_many_were_sent(place: Place, topic: str) -> None:
    running = subprocess.Popen(
        [*COMMAND, *TICKETS, "--speed", "1x"], env=place.environment, stdout=subprocess.PIPE, text=True
    )
    try:
        while not sent(place, topic):
            assert running.poll() is None
        running.send_signal(signal.SIGINT)
        output, _ = running.communicate(timeout=60)
    finally:
        running.kill()
        running.wait()
    report = json.loads(output)
    assert (running.returncode, report["interrupted"]) == (130, True)
    assert 0 < report["sent"] == len(sent(place, topic)) < 16


def test_a_missing_topic_is_named_with_what_to_do(place: Place) -> None:
    code, report, message = import_tickets(place)
    assert (code, report) == (2, {})
    assert f"topic {place.prefix}.events is not at" in message
    assert "touchpoint topics apply" in message
