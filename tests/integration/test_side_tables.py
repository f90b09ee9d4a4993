"""Conditions, feedback and outcomes from their topics into their tables, through a real worker."""

import hashlib
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import pytest
from kafka import KafkaAdminClient, KafkaProducer

from pipeline.core.side_events import Condition, CustomerOutcome, Feedback, SideEvent
from pipeline.core.vocabulary import Measure
from pipeline.source.encode import encode_side
from tests.at_work import (
    NIMBLE,
    Corner,
    Rows,
    drain,
    forget,
    make_corner,
    run,
    sibling,
    started,
    succeed,
    tables,
    wait_until,
)
from tests.integration.conftest import RunningStack
from tests.log_contents import records_of

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]

SETTINGS: Final = {"PARTITIONS": "4", **NIMBLE}
NOW: Final = int(time.time() * 1000)
SIDE: Final = ("conditions", "feedback", "outcomes")
CUSTOMER: Final = "customer 4711"
Sent = tuple[str, bytes | None, bytes, list[tuple[str, bytes]]]  # topic's kind, key, value, headers


@pytest.fixture
def corner(stack: RunningStack) -> Iterator[Corner]:
    made = make_corner(stack, **SETTINGS)
    yield made
    forget(made)


def events() -> dict[str, list[SideEvent]]:
    """Answers over three months, outcomes over five years, and a day of conditions."""
    day = 86_400_000
    return {
        "conditions": [
            Condition(subject="branch/042", kind="line_length", value=n, time=NOW - n * 60_000, valid_for=900)
            for n in range(50)
        ],
        "feedback": [
            Feedback(interaction=f"i{n}", measure=Measure.CSAT_1_5, value=1 + n % 5, time=NOW - n * day)
            for n in range(90)
        ],
        "outcomes": [
            CustomerOutcome(
                customer=CUSTOMER if n else None, interaction=f"i{n}", kind="left", value=None, time=NOW - n * 31 * day
            )
            for n in range(150)
        ],
    }


def encoded(made: dict[str, list[SideEvent]]) -> list[Sent]:
    return [
        (kind, *encode_side(event, f"{kind}-{number}", "test"))
        for kind, several in made.items()
        for number, event in enumerate(several)
    ]


def send(corner: Corner, messages: Sequence[Sent]) -> None:
    producer = KafkaProducer(bootstrap_servers=corner.stack.kafka, acks="all")
    for kind, key, value, headers in messages:
        producer.send(f"{corner.prefix}.{kind}", key=key, value=value, headers=headers)
    producer.flush(30)
    producer.close()


def query(corner: Corner, sql: str) -> list[tuple[Any, ...]]:
    client = corner.stack.client(corner.database)
    try:
        rows: list[tuple[Any, ...]] = client.execute(sql)
        return rows
    finally:
        client.disconnect()


def counts(corner: Corner) -> list[int]:
    return [query(corner, f"SELECT count() FROM {name} FINAL")[0][0] for name in SIDE]


def side(found: dict[str, Rows]) -> dict[str, Rows]:
    return {name: found[name] for name in SIDE}


def test_a_drain_works_off_every_topic_and_counts_duplicates_once(corner: Corner) -> None:
    messages = encoded(events())
    send(corner, [*messages, *messages[::3], *messages])

    drain(corner)

    assert counts(corner) == [50, 90, 150]
    [condition] = query(corner, "SELECT * EXCEPT inserted_at FROM conditions FINAL WHERE value = 7")
    assert condition[:2] == ("branch/042", "line_length")
    assert (condition[4:7], condition[9:11]) == ((900.0, "test", "conditions-7"), (0, 7))
    assert query(corner, "SELECT max(offset) FROM conditions FINAL") == [(49,)]  # the first of its kind counts
    [answer] = query(corner, "SELECT interaction_id, measure, value FROM feedback FINAL WHERE event_id = 'feedback-8'")
    assert answer == ("i8", "csat_1_5", 4.0)


def send_in_transaction(corner: Corner, messages: Sequence[Sent], *, aborts: bool = False) -> None:
    producer = KafkaProducer(bootstrap_servers=corner.stack.kafka, transactional_id=corner.prefix)
    producer.init_transactions()
    producer.begin_transaction()
    for kind, key, value, headers in messages:
        producer.send(f"{corner.prefix}.{kind}", key=key, value=value, headers=headers)
    producer.flush(30)
    if aborts:
        producer.abort_transaction()
    else:
        producer.commit_transaction()
    producer.close()


def test_transactions_are_read_once_committed_also_where_a_fetch_brings_nothing_else(corner: Corner) -> None:
    messages = encoded(events())
    send_in_transaction(corner, messages)
    drain(corner)
    drain(corner)  # begins with the markers alone
    send_in_transaction(corner, messages[::3], aborts=True)

    drain(corner)

    assert counts(corner) == [50, 90, 150]


def test_customers_leave_only_as_pseudonyms(corner: Corner) -> None:
    send(corner, encoded(events()))

    drain(corner)

    found = query(corner, "SELECT customer, count() FROM outcomes FINAL GROUP BY customer ORDER BY count()")
    assert [(name is None or len(name), count) for name, count in found] == [(True, 1), (64, 149)]
    assert CUSTOMER not in str(query(corner, "SELECT * FROM outcomes"))
    assert query(corner, "SELECT DISTINCT length(key_id) FROM outcomes") == [(12,)]


def test_a_replay_of_the_whole_topics_leaves_equal_tables(corner: Corner) -> None:
    messages = encoded(events())
    send(corner, [*messages, *messages[::2]])
    drain(corner)
    before = side(tables(corner))

    again = Corner(corner.stack, corner.prefix, corner.database, {**corner.settings, "MAX_BLOCK_ROWS": "17"})
    succeed(replay := Replay(again.stack, again.prefix, again.database, again.settings), "worker", "--drain")
    other = sibling(corner)
    drain(other)

    assert side(tables(replay)) == before
    assert side(tables(other)) == before
    forget(Corner(other.stack, "nothing", other.database, {}))


class Replay(Corner):
    """The same tables, read into by another group from the beginning."""

    @property
    def group(self) -> str:
        return f"{self.database}-again"


def test_bad_records_are_kept_with_their_bytes_and_harm_no_neighbour(corner: Corner) -> None:
    good = encoded(events())
    kind, key, value, headers = good[60]
    bad: list[Sent] = [
        ("feedback", key, value[:-2], headers),
        ("feedback", None, value.replace(b"csat_1_5", b"stars"), headers),
        ("feedback", key, value, []),
        ("outcomes", key, value, headers),
        ("conditions", b"elsewhere", good[0][2], good[0][3]),
    ]
    assert kind == "feedback"
    send(corner, [*good[:100], *bad, *good[100:]])

    drain(corner)

    assert counts(corner) == [50, 90, 150]
    rejected = query(corner, "SELECT topic, reason, size, hash FROM rejects ORDER BY topic, reason, size")
    reasons = [("conditions", "misplaced"), *[("feedback", "malformed")] * 2, ("feedback", "schema")]
    assert [(topic.removeprefix(f"{corner.prefix}."), reason) for topic, reason, _, _ in rejected] == [
        *reasons,
        ("outcomes", "unknown_type"),
    ]
    assert {one[3] for one in rejected} == {hashlib.sha256(one[2]).hexdigest() for one in bad}
    assert sorted(kept_bytes(corner)) == sorted(one[2] for one in bad)


def kept_bytes(corner: Corner) -> list[bytes]:
    return [record.value for record in records_of(corner.stack.kafka, f"{corner.prefix}.rejected")]


def test_rows_show_while_a_worker_runs_and_sigterm_leaves_nothing_to_repeat(corner: Corner, tmp_path: Path) -> None:
    messages = encoded(events())
    with started(corner, tmp_path, "worker") as worker:
        send(corner, messages[:200])
        wait_until(lambda: sum(counts(corner)) == 200, worker.said, seconds=60)
        send(corner, messages[200:])
        worker.signal(worker.TERM)
        assert worker.end() == 0, worker.said()
    drain(corner)

    assert counts(corner) == [50, 90, 150]
    assert query(corner, "SELECT count() FROM interaction_scores") == [(0,)]


def test_idle_topics_cause_no_insert(corner: Corner, tmp_path: Path) -> None:
    send(corner, encoded(events()))
    with started(corner, tmp_path, "worker") as worker:
        wait_until(lambda: counts(corner) == [50, 90, 150], worker.said, seconds=60)
        before = query(corner, "SELECT count(), max(inserted_at) FROM feedback")
        time.sleep(2)  # four times as long as a block waits
        assert query(corner, "SELECT count(), max(inserted_at) FROM feedback") == before


def test_a_killed_worker_repeats_without_a_trace(corner: Corner, tmp_path: Path) -> None:
    messages = encoded(events())
    send(corner, messages)
    with started(corner, tmp_path, "worker") as worker:
        wait_until(lambda: sum(counts(corner)) > 0, worker.said, seconds=60)
        worker.kill()
    drain(corner)
    calm = sibling(corner)
    drain(calm)

    assert side(tables(corner)) == side(tables(calm))
    forget(Corner(calm.stack, "nothing", calm.database, {}))


def test_a_missing_table_stops_the_worker_with_one_line(corner: Corner) -> None:
    query(corner, "DROP TABLE feedback")

    done = run(corner, "worker", "--drain")

    assert done.returncode == 2, done.stderr
    assert "feedback" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_missing_topic_stops_the_worker_with_one_line(corner: Corner) -> None:
    admin = KafkaAdminClient(bootstrap_servers=corner.stack.kafka)
    admin.delete_topics([f"{corner.prefix}.outcomes"])
    admin.close()

    done = run(corner, "worker", "--drain")

    assert (done.returncode, "topics apply" in done.stderr) == (2, True), done.stderr


def test_a_worker_without_a_broker_says_so_once_and_leaves_nothing_open(corner: Corner) -> None:
    away = Corner(corner.stack, corner.prefix, corner.database, {**corner.settings, "KAFKA": "127.0.0.1:1"})

    done = run(away, "worker", "--drain")

    assert done.returncode == 3
    assert [line for line in done.stderr.splitlines() if "pipeline.telemetry.http" not in line] == [
        "touchpoint: no Kafka broker answers at 127.0.0.1:1"
    ]
