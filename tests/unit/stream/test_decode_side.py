from collections.abc import Callable, Collection
from typing import Any

import orjson
import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_kafka, to_binary, to_structured
from cloudevents.core.formats.json import JSONFormat

from pipeline.contract.asyncapi import asyncapi
from pipeline.contract.examples import side_event_example
from pipeline.core.conditions import LATEST, ConditionRecord
from pipeline.core.events import RejectReason
from pipeline.core.record import DecodedSide, Reject
from pipeline.core.side_events import SIDE_EVENTS, Condition, CustomerOutcome, Feedback, SideEvent
from pipeline.core.vocabulary import Measure
from pipeline.source.encode import encode_side
from pipeline.stream.decode_side import condition_record, decode_side
from tests.contract.records import MAX_AHEAD, MAX_BYTES, SOURCE, STAMP, Header, kafka_record, replaced

TOPICS = list(SIDE_EVENTS)
FORMAT = JSONFormat()


def decode(topic: str, key: bytes | None, value: bytes | None, headers: Collection[Header]) -> DecodedSide | Reject:
    return decode_side(kafka_record(key, value, headers), topic, MAX_BYTES, MAX_AHEAD)


def sent(event: SideEvent) -> tuple[bytes, bytes, list[tuple[str, bytes]]]:
    return encode_side(event, "id-1", SOURCE)


def changed(topic: str, **changes: object) -> DecodedSide | Reject:
    key, value, headers = sent(side_event_example(SIDE_EVENTS[topic]))
    return decode(topic, key, orjson.dumps({**orjson.loads(value), **changes}), headers)


def accepted(result: DecodedSide | Reject) -> DecodedSide:
    assert isinstance(result, DecodedSide), result
    return result


def refused(result: DecodedSide | Reject) -> tuple[RejectReason, str]:
    assert isinstance(result, Reject), result
    return result.reason, result.detail


@pytest.mark.parametrize("topic", TOPICS)
def test_every_published_example_is_read_back_as_sent(topic: str) -> None:
    event = side_event_example(SIDE_EVENTS[topic])

    result = accepted(decode(topic, *sent(event)))

    assert result == DecodedSide(STAMP - 1000, SOURCE, "id-1", event)


@pytest.mark.parametrize("topic", TOPICS)
def test_events_carry_the_type_that_the_contract_publishes(topic: str) -> None:
    _, _, headers = sent(side_event_example(SIDE_EVENTS[topic]))

    messages = asyncapi()["channels"][topic]["messages"]

    name = asyncapi()["components"]["messages"][next(iter(messages))]["name"]
    assert dict(headers)["ce_type"] == name.encode()


@pytest.mark.parametrize("write", [to_binary, to_structured])
@pytest.mark.parametrize("topic", TOPICS)
def test_both_modes_of_the_sdk_say_the_same(topic: str, write: Any) -> None:  # noqa: ANN401  # two functions
    event = side_event_example(SIDE_EVENTS[topic])
    key, value, headers = sent(event)
    message = write(from_kafka(KafkaMessage(headers=dict(headers), key=key, value=value), FORMAT), FORMAT)

    result = accepted(decode(topic, key, message.value, list(message.headers.items())))

    assert (result.event, result.source, result.event_id) == (event, SOURCE, "id-1")


@pytest.mark.parametrize("topic", TOPICS)
def test_zoned_times_become_whole_milliseconds(topic: str) -> None:
    result = accepted(changed(topic, time="2025-03-04T10:00:00.500+01:00"))

    assert (result.time, result.event.time) == (1_741_078_800_500, 1_741_078_800_500)


@pytest.mark.parametrize("topic", TOPICS)
def test_unknown_fields_are_dropped_and_flagged(topic: str) -> None:
    result = accepted(changed(topic, new_field=[1]))

    assert (result.unknown_fields, result.event) == (True, side_event_example(SIDE_EVENTS[topic]))


@pytest.mark.parametrize("topic", TOPICS)
@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (lambda topic, key, _, headers: decode(topic, key, None, headers), RejectReason.MALFORMED),
        (lambda topic, key, value, headers: decode(topic, key, value[:-3], headers), RejectReason.MALFORMED),
        (lambda topic, key, value, _: decode(topic, key, value, []), RejectReason.MALFORMED),
        (lambda topic, key, _, headers: decode(topic, key, b"{}", headers), RejectReason.SCHEMA),
        (lambda topic, key, value, headers: decode(topic, key, value.ljust(MAX_BYTES + 1), headers), "too_large"),
        (lambda topic, *_: changed(topic, time=STAMP + MAX_AHEAD + 1), RejectReason.BAD_TIME),
        (lambda topic, *_: changed(topic, time="1969-12-31T23:59:59Z"), RejectReason.SCHEMA),
    ],
)
def test_what_cannot_be_used_is_a_reject_as_on_the_log(
    topic: str, bad: Callable[..., DecodedSide | Reject], reason: str
) -> None:
    assert refused(bad(topic, *sent(side_event_example(SIDE_EVENTS[topic]))))[0] == reason


@pytest.mark.parametrize("topic", TOPICS)
@pytest.mark.parametrize("name", ["touchpoint.branch.arrived.v1", "touchpoint.operation.v1", "touchpoint.feedback.v2"])
def test_an_event_of_another_topic_is_an_unknown_type(topic: str, name: str) -> None:
    key, value, headers = sent(side_event_example(SIDE_EVENTS[topic]))

    assert refused(decode(topic, key, value, replaced(headers, ce_type=name.encode())))[0] is RejectReason.UNKNOWN_TYPE


@pytest.mark.parametrize(
    ("topic", "changes", "detail"),
    [
        ("feedback", {"value": 6}, "$: not a value of this field"),
        ("feedback", {"measure": "stars"}, "$.measure: not a value of this field"),
        ("outcomes", {"customer": "", "interaction": None}, "$: not a value of this field"),
        ("conditions", {"value": 1e300}, "$.value: expected `float` <= 1000000000000000.0"),
        ("conditions", {"valid_for": -1}, "$.valid_for: expected `float` >= 0.0"),
    ],
)
def test_a_value_outside_its_limits_is_refused_without_being_quoted(
    topic: str, changes: dict[str, object], detail: str
) -> None:
    assert refused(changed(topic, **changes)) == (RejectReason.SCHEMA, detail)


@pytest.mark.parametrize("key", [None, b"branch/042", b"branch/042/comfort"])
def test_a_condition_under_a_foreign_key_is_misplaced(key: bytes | None) -> None:
    _, value, headers = sent(side_event_example(Condition))

    assert refused(decode("conditions", key, value, headers))[0] is RejectReason.MISPLACED


@pytest.mark.parametrize("topic", ["feedback", "outcomes"])
def test_answers_and_outcomes_are_read_under_any_key(topic: str) -> None:
    _, value, headers = sent(side_event_example(SIDE_EVENTS[topic]))

    accepted(decode(topic, None, value, headers))


@pytest.mark.parametrize(
    ("event", "key"),
    [
        (Condition(subject="branch/042", kind="comfort", value=1, time=1), b"branch/042/comfort"),
        (Feedback(interaction="call-1", measure=Measure.NPS_0_10, value=9, time=1), b"call-1"),
        (CustomerOutcome(customer="c-1", interaction="call-1", kind="left", time=1), b"c-1"),
        (CustomerOutcome(interaction="call-1", kind="left", time=1), b"call-1"),
    ],
)
def test_the_key_is_what_its_topic_is_keyed_by(event: SideEvent, key: bytes) -> None:
    assert sent(event)[0] == key


@pytest.mark.parametrize(("valid_for", "valid_until"), [(None, LATEST), (0, STAMP - 1000), (1.5, STAMP + 500)])
def test_a_condition_holds_so_long(valid_for: float | None, valid_until: int) -> None:
    decoded = accepted(changed("conditions", valid_for=valid_for))

    assert condition_record(decoded, 7, STAMP) == ConditionRecord(
        7, STAMP, "branch/042", "line_length", STAMP - 1000, 14.0, valid_until
    )


def test_only_conditions_are_condition_records() -> None:
    decoded = accepted(changed("feedback"))

    with pytest.raises(TypeError, match="Feedback"):
        condition_record(decoded, 7, STAMP)
