from collections.abc import Callable

import orjson
import pytest
from aiokafka import ConsumerRecord

from pipeline.core.events import Arrived, Event, InteractionEvent, Operation, Queued, RejectReason
from pipeline.core.record import Decoded, Reject
from pipeline.source.encode import encode
from pipeline.stream.decode import USUAL
from pipeline.stream.identify import MAX_CACHED, Identifier, event_type_of
from tests.contract.records import (
    FUTURE_CHANGE,
    KINDS,
    PAIRS,
    PARTITION,
    SOURCE,
    STAMP,
    Header,
    encoded,
    example,
    kafka_record,
    replaced,
    small_decoder,
)  # fmt: skip
from tests.unit.stream.cases import (
    DATA,
    ENVELOPE,
    HEADERS,
    STRUCTURED,
    TYPE,
    accepted,
    binary,
    decode,
    structured,
    without,
)


@pytest.mark.parametrize("kind", KINDS)
def test_every_published_example_is_read_back_as_sent(kind: str) -> None:
    event, channel = example(kind)
    key, value, headers = encode(event, channel, "id-1", SOURCE)

    result = accepted(decode(value, headers, key))

    assert (result.event, result.unknown_fields) == (event, False)
    assert (result.touch_point is None) == (kind == Operation.kind)


@pytest.mark.parametrize(("channel", "kind"), PAIRS)
def test_every_type_of_every_channel_is_known(channel: str, kind: str) -> None:
    _, value, headers = encoded(kind)
    place = {
        "branch": "branch/7/teller",
        "call_center": "call_center/x/line",
        "online_form": "online_form/health_claim",
    }
    data = orjson.dumps({**orjson.loads(value), "interaction": "call-1", "touch_point": place[channel]})

    result = accepted(decode(data, replaced(headers, ce_type=f"touchpoint.{channel}.{kind}.v1".encode())))

    assert result.touch_point is not None
    assert (result.touch_point.name, result.touch_point.channel.name) == (place[channel], channel)


def test_decoded_record_carries_place_identity_and_times() -> None:
    result = accepted(binary())

    assert (result.offset, result.stamp, result.time) == (7, STAMP, STAMP - 1000)
    assert (result.interaction, result.key) == ("call-1", "test/source\x1fid-1")
    assert result.event == Queued(
        interaction="call-1", touch_point="call_center/retail/line", time=STAMP - 1000, queue="retail"
    )


def test_both_modes_say_the_same() -> None:
    one, other = accepted(binary()), accepted(structured())

    assert (one.event, one.key, one.time, one.touch_point) == (other.event, other.key, other.time, other.touch_point)


def test_structured_mode_reads_no_attribute_from_headers() -> None:
    headers = [*STRUCTURED, ("ce_id", b"other"), ("ce_type", b"other")]

    assert accepted(decode(orjson.dumps(ENVELOPE), headers)).key == "test/source\x1fid-1"


@pytest.mark.parametrize("content_type", [None, b"application/json; charset=utf-8", b"text/json"])
def test_binary_mode_needs_no_certain_content_type(content_type: bytes | None) -> None:
    accepted(decode(orjson.dumps(DATA), replaced(HEADERS, **{"content-type": content_type})))


def test_records_of_the_high_level_client_are_read_too() -> None:
    key, value, headers = encoded("queued")
    record = ConsumerRecord(
        topic="t", partition=3, offset=9, timestamp=STAMP, timestamp_type=1, key=key, value=value, checksum=None,
        serialized_key_size=0, serialized_value_size=0, headers=headers,
    )  # fmt: skip

    assert accepted(small_decoder().decode(record, PARTITION, 0, ())).offset == 9


@pytest.mark.parametrize(
    "text", ["2025-03-04T09:00:00.5Z", "2025-03-04T10:00:00.500+01:00", "2025-03-04T04:00:00.500999-05:00"]
)
def test_zoned_times_become_whole_milliseconds(text: str) -> None:
    result = accepted(binary(time=text))

    assert (result.time, result.event.time) == (1_741_078_800_500, 1_741_078_800_500)


def test_one_string_names_the_touch_point_of_all_its_events() -> None:
    decoder = small_decoder()
    events = [
        accepted(decoder.decode(kafka_record(b"call-1", orjson.dumps(DATA), HEADERS), PARTITION, 0, ())).event
        for _ in range(2)
    ]

    first, second = (event.touch_point for event in events if isinstance(event, InteractionEvent))
    assert first is second


def test_digest_tells_the_same_bytes_from_others() -> None:
    same = [accepted(binary()).digest for _ in range(2)]
    other_value = accepted(binary(queue="other")).digest
    other_type = accepted(decode(without(DATA, "queue"), replaced(HEADERS, ce_type=TYPE.replace(b"queued", b"held"))))
    bare = accepted(decode(without(DATA, "queue")))

    assert same[0] == same[1] != other_value
    assert other_type.digest != bare.digest


def test_source_and_id_never_run_together() -> None:
    shifted = decode(orjson.dumps(DATA), replaced(HEADERS, ce_source=b"test/source\x1fid", ce_id=b"-1"))

    assert isinstance(shifted, Reject)
    assert shifted.reason is RejectReason.MALFORMED


@pytest.mark.parametrize("read", [binary, lambda **new: structured(data={**DATA, **new})])
def test_unknown_fields_are_dropped_and_flagged(read: Callable[..., Decoded | Reject]) -> None:
    result = accepted(read(new_field={"deep": [1, 2]}))

    assert result.unknown_fields
    assert result.event == accepted(binary()).event


def test_an_unknown_field_excuses_no_mistake() -> None:
    result = binary(new_field=1, estimated_wait="long")

    assert isinstance(result, Reject)
    assert (result.reason, result.detail) == (
        RejectReason.SCHEMA,
        "$.estimated_wait: expected `float | null`, got `str`",
    )


def test_a_channel_added_in_the_catalog_reuses_types() -> None:
    event = Arrived(interaction="call-1", touch_point="kiosk/1", time=STAMP)

    result = accepted(decode(*reordered(event, "kiosk")))

    assert result.touch_point is not None
    assert result.touch_point.channel.name == "kiosk"


def test_the_catalog_is_read_at_the_clock_after_the_record() -> None:
    event = Arrived(interaction="call-1", touch_point="kiosk/late", time=FUTURE_CHANGE)
    value, headers = reordered(event, "kiosk")
    stamped = kafka_record(b"call-1", value, headers, stamp=FUTURE_CHANGE)

    assert isinstance(small_decoder().decode(stamped, PARTITION, 0, ()), Decoded)
    assert isinstance(decode(value, headers, clock=0), Reject)
    assert isinstance(decode(value, headers, clock=FUTURE_CHANGE), Decoded)


def reordered(event: Event, channel: str) -> tuple[bytes, list[Header]]:
    _, value, headers = encode(event, channel, "id-1", SOURCE)
    return value, [*headers]


@pytest.mark.parametrize("schema", [b"urn:touchpoint:queued:1-4-2", b"https://example.org/any", b"1-0", b"\xff"])
def test_revisions_additions_and_foreign_schemas_are_read(schema: bytes) -> None:
    accepted(decode(orjson.dumps(DATA), [*HEADERS, ("ce_dataschema", schema)]))


@pytest.mark.parametrize("schema", ["urn:touchpoint:queued:2-0-0", "https://example.org/queued/12-0-1.json"])
def test_a_higher_model_is_an_unknown_type(schema: str) -> None:
    results = [
        decode(orjson.dumps(DATA), [*HEADERS, ("ce_dataschema", schema.encode())]),
        structured(dataschema=schema),
    ]

    assert [result.reason for result in results if isinstance(result, Reject)] == [RejectReason.UNKNOWN_TYPE] * 2


def test_the_partition_of_a_held_interaction_is_not_computed_again() -> None:
    record = kafka_record(b"elsewhere-1", orjson.dumps({**DATA, "interaction": "elsewhere-1"}), HEADERS)

    assert isinstance(small_decoder().decode(record, PARTITION, 0, {"elsewhere-1"}), Decoded)


def test_endlessly_many_types_and_sources_cost_no_memory() -> None:
    identifier = Identifier(event_type_of)
    for number in range(2 * MAX_CACHED):
        name = str(number).encode()
        identifier.identify(b"1.0", b"touchpoint." + name + b".arrived.v1", name, b"1", None)

    assert len(identifier.types) <= MAX_CACHED  # the bound is the promise
    assert len(identifier.sources) <= MAX_CACHED  # the same


def test_headers_say_the_same_in_any_order() -> None:
    """As many as we send: read by place in our order, by name in all others; of equal names the last counts."""
    event = Queued(interaction="call-1", touch_point="call_center/retail/line", time=STAMP - 1000, queue="retail")
    key, value, headers = encode(event, "call_center", "id-1", SOURCE)
    decoder = small_decoder()

    def read(mixed: list[Header]) -> Decoded:
        decoder.decode(kafka_record(key, value, headers), PARTITION, 0, ())  # its type and source are known then
        return accepted(decoder.decode(kafka_record(key, value, mixed), PARTITION, 0, ()))

    usual = read(list(headers))
    assert usual.key.endswith("id-1")
    assert len(headers) == USUAL
    for turned in range(1, len(headers)):
        assert read([*headers[turned:], *headers[:turned]]) == usual
    twice: list[Header] = [("ce_id", b"id-0") if name == "ce_time" else (name, content) for name, content in headers]
    assert read(twice[::-1]).key == usual.key
    assert read([*twice[1:], *twice[:1]]).key == usual.key
    assert read(list(twice)).key.endswith("id-0")
