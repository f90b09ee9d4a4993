"""Workers over what a broker keeps: header names that are no text, any compression, batches that its disk changed."""

import asyncio
import json
import time
from dataclasses import dataclass
from typing import Any, Final

import pytest
from aiokafka import AIOKafkaProducer
from kafka import KafkaAdminClient, TopicPartition

from pipeline.source.encode import encode
from tests.at_work import Corner, drain, make_corner, run, succeed, tables
from tests.integration.conftest import RunningStack
from tests.integration.nasty_log import HOUR, SOURCE, Log, call
from tests.log_contents import records_of
from tests.raw_records import RawName

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(120)]

NAME: Final = RawName(b"x\xff")
UNREACHABLE: Final = 3


@dataclass(frozen=True)
class Damaged:
    """A log with damaged names, worked off; `value` and `headers` are what was sent with one more header."""

    corner: Corner
    summary: dict[str, Any]
    value: bytes
    headers: list[tuple[str, bytes]]


@pytest.fixture(scope="module")
def damaged(stack: RunningStack) -> Damaged:
    """Two calls, and twice an event of the second under a name that is no text."""
    corner = make_corner(stack, PARTITIONS="1")
    with Log(corner) as log:
        second = call("second", two_hours_ago())
        key, value, headers = encode(second[1], "call_center", "damaged", SOURCE)
        log.send(*call("first", two_hours_ago()), second[0])
        log.raw(key, value, [*headers, (NAME, b"1")])
        log.send(*second[1:])
        log.raw(key, value, [(NAME, b"2"), *headers])
    return Damaged(corner, drain(corner), value, headers)


@pytest.fixture
def corner(stack: RunningStack) -> Corner:
    return make_corner(stack, PARTITIONS="1")


def two_hours_ago() -> int:
    return int(time.time() * 1000) - 2 * HOUR


def scored(corner: Corner) -> set[str]:
    return {row["interaction_id"] for row in tables(corner)["interaction_scores"].values()}


def test_a_header_name_that_is_no_text_makes_a_reject_and_harms_nobody(damaged: Damaged) -> None:
    corner, summary = damaged.corner, damaged.summary
    assert (summary["consumed"], summary["applied"], summary["rejected"]) == (10, 8, {"malformed": 2})
    assert scored(corner) == {"first", "second"}
    rejects = tables(corner)["rejected_events"].values()
    assert {(row["offset"], row["reason"], row["detail"]) for row in rejects} == {
        (5, "malformed", "a header's name is not UTF-8"),
        (9, "malformed", "a header's name is not UTF-8"),
    }
    kept = {one.key: one for one in read_rejects(corner)}
    first, second = kept[f"{corner.topic}/0/5".encode()], kept[f"{corner.topic}/0/9".encode()]
    assert first.value == second.value == damaged.value
    assert originals(first.headers) == [*damaged.headers, ("x\\xff", b"1")]
    assert originals(second.headers) == [("x\\xff", b"2"), *damaged.headers]


def test_the_audit_and_an_explanation_read_past_a_header_name_that_is_no_text(damaged: Damaged) -> None:
    (balance,) = json.loads(succeed(damaged.corner, "audit", "--json"))["partitions"]
    assert (balance["records"], balance["difference"], balance["in_rejects"]) == (10, 0, 2)
    assert "malformed: not used" in succeed(damaged.corner, "explain", "second")


def originals(headers: list[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
    return [(name, value) for name, value in headers if not name.startswith("reject_")]


def read_rejects(corner: Corner) -> list[Any]:
    return records_of(corner.stack.kafka, f"{corner.prefix}.rejected")


def test_calls_of_producers_that_compress_differently_are_all_scored(corner: Corner) -> None:
    codecs = ("gzip", "snappy", "lz4", "zstd")

    async def send(codec: str) -> None:
        async with AIOKafkaProducer(
            bootstrap_servers=corner.stack.kafka, compression_type=codec, linger_ms=1_000
        ) as producer:
            for event in call(codec, two_hours_ago()) * 10:
                key, value, headers = encode(event, "call_center", f"{codec}.{event.kind}", SOURCE)
                await producer.send(corner.topic, key=key, value=value, headers=headers)

    for codec in codecs:
        asyncio.run(send(codec))
    summary = drain(corner)
    assert (summary["consumed"], summary["applied"], summary["rejected"]) == (160, 16, {})
    assert scored(corner) == set(codecs)


def test_a_batch_changed_on_the_brokers_disk_ends_the_worker_with_one_line_and_can_be_removed(corner: Corner) -> None:
    with Log(corner) as log:
        log.send(*call("before", two_hours_ago()))
    drain(corner)
    with Log(corner) as log:
        log.send(*call("damaged", two_hours_ago())[:1])
        log.send(*call("after", two_hours_ago()))
    (segment,) = corner.stack.state_dir.glob(f"kafka/data/{corner.topic}-0/*.log")
    kept = bytearray(segment.read_bytes())
    kept[kept.index(b'"damaged"') + 1] ^= 1
    with segment.open("r+b") as file:
        file.write(kept)

    done = run(corner, "worker", "--drain")
    (line,) = [line for line in done.stderr.splitlines() if "cannot be read" in line]
    assert done.returncode == UNREACHABLE
    assert f"{corner.topic}/0: the records at offset 4 or soon after" in line
    assert "Traceback" not in done.stderr
    assert scored(corner) == {"before"}

    admin = KafkaAdminClient(bootstrap_servers=corner.stack.kafka)
    admin.delete_records({TopicPartition(corner.topic, 0): 5})
    admin.close()
    done = run(corner, "worker", "--drain")
    assert done.returncode == 0
    assert f"DATA GAP: {corner.topic}/0: offsets 4 to 4 were removed" in done.stderr
    audit = run(corner, "audit")  # nobody read it, so it stays missing
    assert audit.returncode == 1, audit.stdout
    assert scored(corner) == {"before", "after"}
