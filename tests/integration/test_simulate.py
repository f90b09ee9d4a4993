"""`touchpoint simulate` against the real broker: all of it arrives, conditions before what comes later, interrupted."""

import json
import signal
import subprocess
import sys
from typing import Any, NamedTuple

import pytest

from pipeline.topics import apply
from tests.integration.conftest import Place
from tests.log_contents import records_of

pytestmark = pytest.mark.integration
COMMAND = [sys.executable, "-m", "pipeline.cli.main", "simulate", "--load", "0.1", "--json"]
TOPICS = ("conditions", "events", "feedback", "outcomes")


class Stored(NamedTuple):
    stamp: int
    time: int
    value: dict[str, Any]


def stored(place: Place, topic: str) -> list[Stored]:
    found = records_of(place.stack.kafka, f"{place.prefix}.{topic}")
    values = (json.loads(record.value) for record in found)
    return [Stored(record.timestamp, value["time"], value) for record, value in zip(found, values, strict=True)]


def test_all_of_it_arrives_and_no_event_before_a_condition_that_is_earlier(place: Place) -> None:
    apply(place.settings, dry_run=False)
    done = subprocess.run(COMMAND, env=place.environment, capture_output=True, text=True, timeout=110, check=True)
    truth = json.loads(done.stdout)
    found = {topic: stored(place, topic) for topic in TOPICS}
    assert {topic: len(records) for topic, records in found.items() if records} == truth["records"] == truth["sent"]

    events = sorted(found["events"], key=lambda each: each.time)
    conditions = iter(sorted(found["conditions"], key=lambda each: each.time))
    upcoming, latest = next(conditions, None), 0
    for event in events:
        while upcoming is not None and upcoming.time < event.time:
            latest, upcoming = max(latest, upcoming.stamp), next(conditions, None)
        assert latest <= event.stamp


def test_a_paced_day_stops_cleanly_and_says_how_much_was_sent(place: Place) -> None:
    apply(place.settings, dry_run=False)
    with subprocess.Popen([*COMMAND, "--speed", "600x"], env=place.environment, stdout=subprocess.PIPE) as running:
        try:
            while not stored(place, "events"):
                assert running.poll() is None
            running.send_signal(signal.SIGINT)
            output, _ = running.communicate(timeout=60)
        finally:
            running.kill()
    truth = json.loads(output)
    assert (running.returncode, truth["interrupted"]) == (130, True)
    assert 0 < truth["sent"]["events"] == len(stored(place, "events")) < truth["records"]["events"]
