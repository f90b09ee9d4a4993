"""The CloudEvents SDK reads what we write, and we read what it writes, in both modes."""

from datetime import UTC, datetime
from typing import Any

import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_kafka, to_binary, to_structured
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from jsonschema import Draft7Validator  # type: ignore[import-untyped]  # comes without stubs

from pipeline.contract.json_schema import schemas
from pipeline.core.events import OPERATION_TYPE, Event, event_time, type_name
from pipeline.core.record import Decoded, Reject
from pipeline.source.encode import encode
from tests.contract.records import KINDS, PARTITION, SOURCE, example, kafka_record, small_decoder

FORMAT = JSONFormat()
SCHEMAS = schemas()


def sent(kind: str) -> tuple[Event, KafkaMessage]:
    event, channel = example(kind)
    key, value, headers = encode(event, channel, "id-1", SOURCE)
    return event, KafkaMessage(headers=dict(headers), key=key, value=value)


def read(message: KafkaMessage) -> Decoded | Reject:
    key = message.key.encode() if isinstance(message.key, str) else message.key
    return small_decoder().decode(kafka_record(key, message.value, message.headers.items()), PARTITION, 0, ())


@pytest.mark.parametrize("kind", KINDS)
def test_the_sdk_reads_what_we_send(kind: str) -> None:
    event, message = sent(kind)
    _, channel = example(kind)

    cloud_event = from_kafka(message, FORMAT)

    assert (cloud_event.get_id(), cloud_event.get_source()) == ("id-1", SOURCE)
    assert cloud_event.get_type() == (type_name(channel, kind) if channel else OPERATION_TYPE)
    assert cloud_event.get_time() == datetime.fromtimestamp(event_time(event) / 1000, UTC)
    assert cloud_event.get_datacontenttype() == "application/json"


@pytest.mark.parametrize("kind", KINDS)
def test_our_data_fits_the_schema_it_names(kind: str) -> None:
    _, message = sent(kind)

    cloud_event = from_kafka(message, FORMAT)

    assert cloud_event.get_dataschema() == SCHEMAS[kind]["$id"]
    assert list(Draft7Validator(SCHEMAS[kind]).iter_errors(cloud_event.get_data())) == []


@pytest.mark.parametrize("write", [to_binary, to_structured])
@pytest.mark.parametrize("kind", KINDS)
def test_we_read_what_the_sdk_sends_in_both_modes(kind: str, write: Any) -> None:  # noqa: ANN401  # two functions
    event, message = sent(kind)

    result = read(write(from_kafka(message, FORMAT), FORMAT))

    assert isinstance(result, Decoded), result
    assert (result.event, result.key) == (event, f"{SOURCE}\x1fid-1")


@pytest.mark.parametrize("write", [to_binary, to_structured])
def test_we_read_an_event_that_the_sdk_made(write: Any) -> None:  # noqa: ANN401  # two functions
    attributes = {
        "specversion": "1.0", "id": "1", "source": "https://pbx.example.org/", "partitionkey": "call-1",
        "type": "touchpoint.call_center.held.v1", "time": datetime(2025, 3, 4, 9, tzinfo=UTC),
        "datacontenttype": "application/json",
    }  # fmt: skip
    data = {"interaction": "call-1", "touch_point": "call_center/retail/line", "time": "2025-03-04T09:00:00Z"}

    result = read(write(CloudEvent(attributes, data), FORMAT))

    assert isinstance(result, Decoded), result
    assert (result.key, result.time) == ("https://pbx.example.org/\x1f1", 1_741_078_800_000)
