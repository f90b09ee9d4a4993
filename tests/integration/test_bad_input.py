"""Records that cannot be used: counted, kept with their bytes, and without effect on their neighbours."""

import hashlib
import json
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final, NamedTuple

import pytest
from kafka import KafkaProducer
from kafka.partitioner import murmur2

from tests.at_work import Corner, LogWatch, Rows, drain, forget, make_corner, run, tables
from tests.integration.conftest import RunningStack
from tests.log_contents import records_of
from tests.traffic import Message, orderly, send

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]

LIMIT_BYTES: Final = 4096
ROOM_BYTES: Final = 64 * 1024
SETTINGS: Final = {"PARTITIONS": "4", "REJECT_SHARE_LIMIT": "0.9", "MAX_RECORD_BYTES": f"{LIMIT_BYTES}"}
STRUCTURED: Final = b"application/cloudevents+json"
FUTURE: Final = 3_600_000
PARTITIONS: Final = 4
# What says where a record stood, or counts records; all else must be as if the bad ones had never come.
DUPLICATES: Final = 30
HEAD_BYTES: Final = 1000
OF_THE_LOG: Final = {"topic_id", "first_offset", "duplicates", "version"}


class Bad(NamedTuple):
    """A message that must be rejected, on the partition of its key unless said otherwise."""

    reason: str
    sent: Message
    partition: int | None = None

    @property
    def source(self) -> str:
        """What the table must say of its producer."""
        structured = dict(self.sent.headers).get("content-type") == STRUCTURED
        return "tests/envelope" if structured else dict(self.sent.headers).get("ce_source", b"").decode()

    @property
    def fits(self) -> bool:
        """Whether the topic of rejects takes it whole."""
        return len(self.sent.value) <= LIMIT_BYTES + ROOM_BYTES // 2


class Rejected(NamedTuple):
    """A message in the topic of rejects."""

    value: bytes
    headers: list[tuple[str, bytes]]

    @property
    def said(self) -> dict[str, bytes]:
        return dict(self.headers)


def home(one: Message) -> int:
    """The partition of its key."""
    return int(murmur2(one.key) & 0x7FFFFFFF) % PARTITIONS


def bad_messages(good: Message) -> list[Bad]:
    """Each way to be bad, made of a good event; most claim to belong to its interaction."""
    data = json.loads(good.value)
    headers = dict(good.headers)

    def other(**changed: object) -> bytes:
        return json.dumps({name: value for name, value in {**data, **changed}.items() if value is not None}).encode()

    def typed(name: str) -> list[tuple[str, bytes]]:
        return list((headers | {"ce_type": name.encode()}).items())

    def fresh(value: bytes, name: str) -> Message:
        return good._replace(value=value, headers=list((headers | {"ce_id": name.encode()}).items()))

    long = json.dumps(data | {"task": "x" * LIMIT_BYTES}).encode()
    envelope = json.dumps(
        {"specversion": "1.0", "id": "e1", "source": "tests/envelope", "type": headers["ce_type"].decode(), "data": {}}
    ).encode()
    huge = json.dumps(data | {"task": "x" * (LIMIT_BYTES + ROOM_BYTES)}).encode()
    return [
        Bad("malformed", fresh(good.value[:-9], "truncated")),
        Bad("malformed", fresh(b"", "empty")),
        Bad("malformed", fresh(good.value.replace(b'"g', b'"\xff\xfeg'), "no text")),
        Bad("malformed", fresh(b'{"time": NaN}', "no number")),
        Bad("malformed", good._replace(headers=[])),
        Bad("schema", fresh(other(time="yesterday"), "wrong type")),
        Bad("schema", fresh(other(touch_point=None), "missing field")),
        Bad("schema", fresh(b"[1, 2]", "no object")),
        Bad("schema", good._replace(value=envelope, headers=[("content-type", STRUCTURED)])),
        Bad("unknown_type", good._replace(headers=typed("touchpoint.call_center.teleported.v1"))),
        Bad("unknown_touch_point", fresh(other(touch_point="call_center/retail/nowhere"), "nowhere")),
        Bad("bad_time", fresh(other(time=int(time.time() * 1000) + FUTURE), "tomorrow")),
        Bad("too_large", fresh(long, "long")),
        Bad("too_large", fresh(huge, "huge")),
        Bad("misplaced", fresh(good.value, "no key")._replace(key=None), partition=0),
        Bad("misplaced", fresh(good.value, "foreign key")._replace(key=b"somebody else")),
        Bad("misplaced", fresh(good.value, "foreign partition"), partition=(home(good) + 1) % PARTITIONS),
        Bad("conflict", good._replace(value=other(task="another task"))),
    ]


class Run(NamedTuple):
    """Good records mixed with bad ones, where the bad ones stand, and what became of it all."""

    corner: Corner
    bad: dict[tuple[int, int], Bad]
    summary: dict[str, Any]
    tables: dict[str, Rows]
    rejected: dict[tuple[int, int], Rejected]


@pytest.fixture(scope="module")
def mixed(stack: RunningStack) -> Iterator[Run]:
    # The topic takes larger records than this worker: its limit is another process's setting.
    corner = make_corner(stack, PARTITIONS="4")
    corner = replace(corner, settings=SETTINGS)
    good = orderly(60)
    send(corner, good[:2])
    bad = send_bad(corner, bad_messages(good[0]))
    # Duplicates within the window of correction, of interactions that have ended.
    send(corner, [*good[2:40], *good[:DUPLICATES], *good[40:]])
    yield Run(corner, bad, drain(corner), tables(corner), read_rejected(corner))
    forget(corner)


@pytest.fixture(scope="module")
def pure(stack: RunningStack) -> Iterator[Rows]:
    corner = make_corner(stack, PARTITIONS="4")
    send(corner, orderly(60))
    drain(corner)
    yield tables(corner)["interaction_scores"]
    forget(corner)


def send_bad(corner: Corner, bad: list[Bad]) -> dict[tuple[int, int], Bad]:
    """Send them; by the place where each stands."""
    producer = KafkaProducer(bootstrap_servers=corner.stack.kafka, acks="all", max_request_size=1 << 20)
    stands: dict[tuple[int, int], Bad] = {}
    for one in bad:
        sent = producer.send(
            corner.topic, key=one.sent.key, value=one.sent.value, headers=one.sent.headers, partition=one.partition
        ).get(20)
        stands[sent.partition, sent.offset] = one
    producer.close()
    return stands


def read_rejected(corner: Corner) -> dict[tuple[int, int], Rejected]:
    """The topic of rejects, by the place where each record stood."""
    found: dict[tuple[int, int], Rejected] = {}
    for record in records_of(corner.stack.kafka, f"{corner.prefix}.rejected"):
        one = Rejected(record.value, list(record.headers))
        place = int(one.said["reject_partition"]), int(one.said["reject_offset"])
        assert place not in found
        found[place] = one
    return found


def test_each_bad_record_is_counted_by_its_reason(mixed: Run) -> None:
    reasons = Counter(one.reason for one in mixed.bad.values())
    assert mixed.summary["rejected"] == reasons
    found = {(row["partition"], row["offset"]): row["reason"] for row in mixed.tables["rejected_events"].values()}
    assert found == {place: one.reason for place, one in mixed.bad.items()}


def test_the_table_of_rejects_holds_size_and_hash_and_no_payload(mixed: Run) -> None:
    for row in mixed.tables["rejected_events"].values():
        sent = mixed.bad[row["partition"], row["offset"]].sent
        assert (row["size"], row["hash"]) == (len(sent.value), hashlib.sha256(sent.value).hexdigest())
        assert row["topic"] == mixed.corner.topic
        assert not any(word in str(row) for word in ("another task", "xxxx", "yesterday", "nowhere", "teleported"))


def test_rejects_can_be_counted_by_source(mixed: Run) -> None:
    found = {(row["partition"], row["offset"]): row["source"] for row in mixed.tables["rejected_events"].values()}
    assert found == {place: one.source for place, one in mixed.bad.items()}
    assert Counter(found.values()) == {"tests/traffic": len(mixed.bad) - 2, "tests/envelope": 1, "": 1}


def test_original_bytes_headers_and_key_are_kept_in_the_topic_of_rejects(mixed: Run) -> None:
    assert mixed.rejected.keys() == mixed.bad.keys()
    for place, one in mixed.bad.items():
        kept = mixed.rejected[place]
        assert kept.said["reject_reason"] == one.reason.encode()
        assert kept.said["reject_topic"] == mixed.corner.topic.encode()
        if one.fits:
            assert kept.value == one.sent.value
            assert kept.headers[: len(one.sent.headers)] == one.sent.headers
            assert kept.said.get("reject_key") == one.sent.key


def test_of_a_record_that_does_not_fit_head_length_and_hash_are_kept(mixed: Run) -> None:
    ((place, one),) = [(place, one) for place, one in mixed.bad.items() if not one.fits]
    kept = mixed.rejected[place]
    assert one.sent.value.startswith(kept.value)
    assert len(kept.value) >= HEAD_BYTES
    assert kept.said["reject_length"] == str(len(one.sent.value)).encode()
    assert kept.said["reject_sha256"] == hashlib.sha256(one.sent.value).hexdigest().encode()


def test_duplicate_ids_are_counted_and_nothing_is_lost(mixed: Run) -> None:
    assert mixed.summary["duplicate"] == DUPLICATES
    assert sum(row["duplicates"] for row in mixed.tables["interaction_scores"].values()) == DUPLICATES
    applied = len(orderly(60))
    assert mixed.summary["applied"] == applied
    assert mixed.summary["consumed"] == applied + DUPLICATES + len(mixed.bad)


def test_neighbours_are_scored_as_if_no_bad_record_had_come(mixed: Run, pure: Rows) -> None:
    found = mixed.tables["interaction_scores"]
    assert len(found) == 60
    assert without_log(found) == without_log(pure)
    assert all(row["score"] is not None for row in pure.values())


def without_log(rows: Rows) -> dict[tuple[Any, ...], dict[str, Any]]:
    return {key: {name: value for name, value in row.items() if name not in OF_THE_LOG} for key, row in rows.items()}


def test_poison_alone_stops_the_worker_before_it_is_committed(stack: RunningStack) -> None:
    corner = make_corner(stack, PARTITIONS="1", REJECT_RUN_LIMIT="200")
    good = orderly(60)
    poison = [one._replace(value=b"{") for one in good] * 10
    send(corner, [*good, *poison])

    for _ in range(2):
        done = run(corner, "worker", "--drain")

        assert done.returncode == 1
        assert "200 records in a row were rejected" in done.stderr
        assert "Traceback" not in done.stderr
        with LogWatch(corner) as watch:
            assert sum(watch.committed().values()) <= len(good) + 200
    forget(corner)


def test_the_rejects_that_stopped_the_worker_can_be_looked_at(stack: RunningStack) -> None:
    corner = make_corner(stack, PARTITIONS="1", REJECT_RUN_LIMIT="200")
    send(corner, [one._replace(value=b"{") for one in orderly(60)] * 10)

    assert run(corner, "worker", "--drain").returncode == 1

    assert len(tables(corner)["rejected_events"]) >= 199
    forget(corner)
