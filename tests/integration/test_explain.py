"""`touchpoint explain` from end to end: row from ClickHouse, model from disk, events from the log."""

import json
import time
from typing import Any

import pytest
from kafka import KafkaAdminClient, TopicPartition

from pipeline.core.events import Ended, Outcome
from tests.at_work import Corner, drain, make_corner, run
from tests.integration.conftest import RunningStack
from tests.integration.nasty_log import HOUR, LINE, MINUTE, SECOND, Log, at, call, identity

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(120)]
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture(scope="module")
def corner(stack: RunningStack) -> Corner:
    """A call between others, with a duplicate, a conflict and a trace; worked off."""
    corner = make_corner(stack, PARTITIONS="1")
    start = int(time.time() * 1000) - 5 * HOUR
    with Log(corner) as log:
        log.send(*call("before", start))
        log.send(*call("asked", start + MINUTE)[:2], traceparent=TRACE)
        log.send(*call("beside", start + MINUTE))
        log.send(identity("asked", start + MINUTE + 30 * SECOND, seconds=9.0))
        log.send(*call("asked", start + MINUTE)[1:])
        log.send(Ended(**at("asked"), time=start + 9 * MINUTE, outcome=Outcome.FAILED))
        log.send(*call("after", start + 4 * HOUR))
    drain(corner)
    return corner


def explain(corner: Corner, interaction: str = "asked") -> dict[str, Any]:
    done = run(corner, "explain", interaction, "--json")
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_it_says_what_cost_the_points_and_whose_they_are(corner: Corner) -> None:
    found = explain(corner)
    assert found["sentence"].startswith(f"Lost {found['lost']:.1f} points, ")
    assert sum(line["points"] for line in found["ledger"]) == pytest.approx(100 - found["score"])
    assert all(line["owner"] and line["signal"] for line in found["ledger"])
    assert {"wait.queue", "system.identity"} <= {line["element"] for line in found["ledger"] if line["points"] > 0}
    assert found["touch_point"] == LINE
    assert found["model"]["on_disk"]
    assert found["notes"] == []


def test_it_tells_the_events_in_order_with_what_did_not_count(corner: Corner) -> None:
    told = [(one["kind"], one["remark"]) for one in explain(corner)["timeline"]]
    assert told == [
        ("arrived", ""),
        ("queued", ""),
        ("queued", "duplicate"),
        ("operation", ""),
        ("served", ""),
        ("ended", ""),
    ]


def test_a_person_reads_a_page_that_names_nobody(corner: Corner) -> None:
    done = run(corner, "explain", "asked")
    page = done.stdout
    assert page.startswith(f"asked at {LINE}, completed\nLost ")
    for part in (
        "WHAT COST THE POINTS",
        "WHO CAN CHANGE IT",
        "WHILE IT LASTED",
        "WHAT HAPPENED",
        f"traceparent {TRACE}",
    ):
        assert part in page
    assert not {"customer-7", "agent-5", "desk-9"} & set(page.replace(",", " ").split())
    everything = run(corner, "explain", "asked", "--json").stdout
    assert not [name for name in ("customer-7", "agent-5", "desk-9") if name in page + everything]
    assert "\x1b" not in page


def test_an_unknown_id_is_exit_code_1_with_a_line(corner: Corner) -> None:
    done = run(corner, "explain", "nobody\x1b[31m")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert f"in database {corner.database}" in done.stderr
    assert "\x1b" not in done.stderr


def test_without_kafka_the_ledger_still_stands(corner: Corner) -> None:
    away = Corner(corner.stack, corner.prefix, corner.database, {"KAFKA": "127.0.0.1:1"})
    found = explain(away)
    assert (found["timeline"], found["notes"]) == ([], ["the events could not be read from Kafka"])
    assert len(found["ledger"]) > 2


def test_events_that_retention_removed_are_said_to_be_gone(corner: Corner) -> None:
    before = explain(corner, "beside")
    admin = KafkaAdminClient(bootstrap_servers=corner.stack.kafka)
    admin.delete_records({TopicPartition(corner.topic, 0): before["timeline"][1]["offset"]})
    admin.close()
    found = explain(corner, "beside")
    assert [one["kind"] for one in found["timeline"]] == ["queued", "served", "ended"]
    assert found["notes"] == [
        f"1 of 4 records are gone: retention has removed those before offset {before['timeline'][1]['offset']}"
    ]
    assert found["ledger"] == before["ledger"]
