"""`touchpoint audit` over a small but nasty log: it balances, and whatever is removed by hand is named."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.structs import OffsetAndMetadata

from tests.at_work import Corner, drain, make_corner, run, sibling, started, wait_until
from tests.integration.conftest import RunningStack
from tests.integration.nasty_log import SOURCE, Log, send_forgotten, send_held

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(120)]


@pytest.fixture(scope="module")
def corner(stack: RunningStack) -> Corner:
    """The nasty log, worked off."""
    corner = make_corner(stack, PARTITIONS="1")
    with Log(corner) as log:
        send_forgotten(log)
        send_held(log)
    drain(corner)
    return corner


def audit(corner: Corner) -> tuple[int, dict[str, Any]]:
    done = run(corner, "audit", "--json")
    assert done.returncode in {0, 1}, done.stderr
    return done.returncode, json.loads(done.stdout)


@contextmanager
def without(corner: Corner, table: str, condition: str) -> Iterator[None]:
    """Some lines of a table are gone for a while."""
    client = corner.stack.client(corner.database)
    client.execute(f"CREATE OR REPLACE TABLE taken ENGINE = Memory AS SELECT * FROM {table} WHERE {condition}")
    try:
        assert client.execute("SELECT count() FROM taken")[0][0] > 0
        client.execute(f"ALTER TABLE {table} DELETE WHERE {condition} SETTINGS mutations_sync = 2")
        yield
        client.execute(f"INSERT INTO {table} SELECT * FROM taken")
    finally:
        client.execute("DROP TABLE taken")
        client.disconnect()


def test_a_nasty_log_balances_and_its_totals_are_kept(corner: Corner) -> None:
    code, found = audit(corner)
    (one,) = found["partitions"]
    assert (code, found["balanced"], one["difference"], one["findings"]) == (0, True, 0, [])
    client = corner.stack.client(corner.database)
    rejects = client.execute("SELECT reason, count() FROM rejects GROUP BY reason")
    of_nobody = client.execute("SELECT source, count() FROM rejects WHERE reason = 'orphan' GROUP BY source")
    kept = client.execute("SELECT up_to_offset, records, events + duplicates, held, rejected FROM audited FINAL")
    client.disconnect()
    assert {reason for reason, _ in rejects} == {"conflict", "late", "malformed", "orphan"}
    assert of_nobody == [(SOURCE, 1)]
    assert one["in_rejects"] == sum(count for _, count in rejects)
    assert kept == [tuple(one[name] for name in ("up_to_offset", "records", "in_rows", "in_held", "in_rejects"))]
    assert min(one["in_rows"], one["in_held"], one["duplicates"]) > 0


def test_a_person_reads_a_table_and_a_verdict(corner: Corner) -> None:
    done = run(corner, "audit")
    header, line, verdict = done.stdout.splitlines()
    assert header.split("  ")[0] == "partition"
    assert line.split()[-1] == "0"
    assert verdict.startswith("balanced: all ")


@pytest.mark.parametrize(
    ("name", "detail"),
    [("mover", "no row, no reject"), ("headless", "no row, no reject"), ("ended", "it is over, but has no row")],
)
def test_a_row_removed_by_hand_is_named(corner: Corner, name: str, detail: str) -> None:
    with without(corner, "interaction_scores", f"interaction_id = '{name}'"):
        code, found = audit(corner)
    ((finding,),) = [one["findings"] for one in found["partitions"]]
    assert (code, found["balanced"]) == (1, False)
    assert (finding["interaction"], finding["detail"], finding["counted"]) == (name, detail, 0)


def test_a_person_reads_what_is_missing_and_where(corner: Corner) -> None:
    with without(corner, "interaction_scores", "interaction_id = 'later'"):
        done = run(corner, "audit")
    *_, line, verdict = done.stdout.splitlines()
    assert done.returncode == 1
    assert line.startswith("partition 0: interaction later, from offset ")
    assert line.endswith(": no row, no reject (4 in the log, 0 accounted for)")
    assert verdict.startswith("NOT balanced: 4 of ")


@pytest.mark.parametrize(
    ("reason", "name"), [("orphan", "orphan"), ("conflict", "good"), ("malformed' AND hash != '", None)]
)
def test_a_reject_removed_by_hand_is_named(corner: Corner, reason: str, name: str | None) -> None:
    with without(corner, "rejected_events", f"reason = '{reason}'"):
        code, found = audit(corner)
    (one,) = found["partitions"]
    assert (code, one["difference"] > 0) == (1, True)
    assert name in {finding["interaction"] for finding in one["findings"]}


def test_a_row_that_counts_fewer_records_than_the_log_is_named(corner: Corner) -> None:
    client = corner.stack.client(corner.database)
    one = "interaction_id = 'later'"
    client.execute(f"CREATE OR REPLACE TABLE kept ENGINE = Memory AS SELECT * FROM interactions WHERE {one}")
    client.execute(
        "INSERT INTO interaction_scores SELECT * REPLACE (events - 1 AS events, version + 1 AS version)"
        " FROM interactions WHERE interaction_id = 'later'"
    )
    try:
        code, found = audit(corner)
    finally:
        # All of it: a merge may have left the newest version only.
        client.execute(f"ALTER TABLE interaction_scores DELETE WHERE {one} SETTINGS mutations_sync = 2")
        client.execute("INSERT INTO interaction_scores SELECT * FROM kept")
        client.execute("DROP TABLE kept")
        client.disconnect()
    ((finding,),) = [one["findings"] for one in found["partitions"]]
    assert (code, finding["interaction"], finding["records"], finding["counted"]) == (1, "later", 4, 3)


def test_rows_and_rejects_of_other_logs_and_partitions_do_not_count(corner: Corner) -> None:
    client = corner.stack.client(corner.database)
    for change in ("'another' AS topic_id", "partition + 1 AS partition"):
        client.execute(
            "INSERT INTO interaction_scores"
            f" SELECT * REPLACE (concat(interaction_id, '-copy') AS interaction_id, {change})"
            " FROM interactions WHERE NOT endsWith(interaction_id, '-copy')"
        )
        client.execute(f"INSERT INTO rejected_events SELECT * REPLACE ({change}) FROM rejects WHERE partition = 0")
    client.disconnect()
    code, found = audit(corner)
    assert code == 0, found


def test_what_retention_removed_is_taken_from_the_last_audit(corner: Corner) -> None:
    other = make_corner(corner.stack, PARTITIONS="1")
    with Log(other) as log:
        send_forgotten(log)
        send_held(log)
    drain(other)
    before = audit(other)[1]["partitions"][0]
    admin = KafkaAdminClient(bootstrap_servers=other.stack.kafka)
    admin.delete_records({TopicPartition(other.topic, 0): 8})
    admin.close()

    code, found = audit(other)
    after = found["partitions"][0]
    assert (code, after["records"]) == (0, before["records"])
    assert (after["removed_by_retention"], after["removed_and_never_counted"]) == (8, 0)
    client = other.stack.client(other.database)
    client.execute("TRUNCATE TABLE audited")
    client.disconnect()
    code, found = audit(other)
    after = found["partitions"][0]
    assert (code, after["removed_by_retention"], after["removed_and_never_counted"]) == (0, 8, 8)


def test_audits_beside_a_working_worker_balance(corner: Corner, tmp_path: Path) -> None:
    other = make_corner(corner.stack, PARTITIONS="1", FLUSH_INTERVAL_SECONDS="0.3")
    with Log(other) as log, started(other, tmp_path, "worker") as worker:
        send_forgotten(log)
        wait_until(lambda: bool(audit(other)[1]["partitions"]), worker.said)
        send_held(log)
        found = [audit(other) for _ in range(3)]
    assert [code for code, _ in found] == [0, 0, 0]


def test_without_a_commit_there_is_nothing_to_audit(corner: Corner) -> None:
    done = run(sibling(corner), "audit")
    assert (done.returncode, done.stdout.count("\n")) == (0, 1)
    assert "nothing to audit" in done.stdout


def test_a_commit_that_no_worker_made_is_refused_with_what_to_do(corner: Corner) -> None:
    foreign = sibling(corner)
    consumer = KafkaConsumer(bootstrap_servers=corner.stack.kafka, group_id=foreign.group, enable_auto_commit=False)
    partition = TopicPartition(corner.topic, 0)
    consumer.assign([partition])
    consumer.commit({partition: OffsetAndMetadata(10, "", -1)})
    consumer.close()
    done = run(foreign, "audit")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "Let a worker of this group commit once" in done.stderr


@pytest.mark.parametrize("service", ["KAFKA", "CLICKHOUSE"])
def test_a_service_that_does_not_answer_is_exit_code_3(corner: Corner, service: str) -> None:
    away = Corner(corner.stack, corner.prefix, corner.database, {service: "127.0.0.1:1"})
    done = run(away, "audit")
    assert (done.returncode, done.stdout) == (3, "")
    assert "Traceback" not in done.stderr
