"""The AsyncAPI 3.0 document: topics, keys, headers and messages, from the types and the JSON Schemas.

Seen from the worker: it receives events, conditions, feedback and outcomes, and sends what it had to reject.
"""

from typing import Any, Final

from pipeline.contract.examples import channel_of
from pipeline.contract.json_schema import schemas
from pipeline.core import envelope
from pipeline.core.events import CHANNEL_TYPES, OPERATION_TYPE, TYPES, Operation, RejectReason, type_name
from pipeline.core.side_events import SIDE_EVENTS, side_type_name

Node = dict[str, Any]

VERSION: Final = "1.0.0"
BINDING_VERSION: Final = "0.5.0"
PREFIX: Final = "touchpoint"
INTRODUCTION: Final = (
    "CloudEvents 1.0 over Kafka, in binary mode (attributes as `ce_` headers, the value is the data) or structured "
    f"mode (`{envelope.STRUCTURED_JSON}`, the value is the whole event). An event is known by source and id: sent "
    "twice, it counts once. Unknown fields are ignored and counted; a missing or mistyped field is a reject. "
    "Channels added in the catalog reuse these types as `touchpoint.<channel>.<kind>.v1`."
)
REJECT_HEADERS: Final = {
    "reject_reason": "Why: one of the closed set of reasons.",
    "reject_detail": "Field path or sentence; never content of the record.",
    "reject_topic": "Topic it was read from.",
    "reject_partition": "Partition it stood in.",
    "reject_offset": "Its offset.",
    "reject_timestamp": "Its time stamp, in epoch milliseconds.",
    "reject_key": "Its key, if it had one.",
    "reject_length": "Length in bytes of a value that did not fit: only its head is kept.",
    "reject_sha256": "Hash of a value that did not fit.",
}
TOPICS: Final[dict[str, tuple[str, str]]] = {
    "events": (
        "The log: what happened between customer and organisation, and what backend systems did for it.",
        "The interaction id; it decides the partition, so producers must share the partitioner that is set.",
    ),
    "conditions": (
        "States that touch many interactions for a while. One partition, compacted, read whole by every worker.",
        "Subject and kind, joined by a slash.",
    ),
    "feedback": ("The customer's own answer, minutes to days later.", "The interaction id."),
    "outcomes": ("What became of customers, days and weeks later.", "The customer, else the interaction id."),
    "rejected": (
        "Records that could not be used: original value and headers, with reason and place in further headers.",
        "Where the record stood: topic/partition/offset.",
    ),
}


def asyncapi() -> Node:
    """The whole document."""
    messages = _messages()
    members = {topic: [name for name, (of, _) in messages.items() if of == topic] for topic in TOPICS}
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Touch-point telemetry", "version": VERSION, "description": INTRODUCTION},
        "defaultContentType": envelope.JSON,
        "channels": {topic: _channel(topic, members[topic]) for topic in TOPICS},
        "operations": {topic: _operation(topic) for topic in TOPICS},
        "components": {
            "messages": {name: message for name, (_, message) in messages.items()},
            "messageTraits": {"cloudEvent": {"headers": _headers()}},
        },
    }


def _channel(topic: str, messages: list[str]) -> Node:
    policy = "compact" if topic == "conditions" else "delete"
    binding: Node = {"bindingVersion": BINDING_VERSION, "topicConfiguration": {"cleanup.policy": [policy]}}
    if topic == "conditions":
        binding["partitions"] = 1
    return {
        "address": f"{PREFIX}.{topic}",
        "description": TOPICS[topic][0],
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
        "bindings": {"kafka": binding},
    }


def _operation(topic: str) -> Node:
    action = "send" if topic == "rejected" else "receive"
    return {"action": action, "channel": {"$ref": f"#/channels/{topic}"}, "summary": TOPICS[topic][0]}


def _messages() -> dict[str, tuple[str, Node]]:
    """Topic and message by the message's name."""
    known = schemas()
    found: dict[str, tuple[str, Node]] = {}
    for channel, kinds in CHANNEL_TYPES.items():
        for kind in TYPES:
            if kind in kinds:
                shown = channel_of(kind) == channel
                name = type_name(channel, kind)
                found[f"{channel}.{kind}"] = "events", _message("events", name, kind, known[kind], with_example=shown)
    operation = known[Operation.kind]
    found[Operation.kind] = "events", _message("events", OPERATION_TYPE, Operation.kind, operation)
    for topic, event_class in SIDE_EVENTS.items():
        kind = event_class.kind_name
        found[kind] = topic, _message(topic, side_type_name(event_class), kind, known[kind])
    found["rejected"] = (
        "rejected",
        {
            "name": "rejected",
            "title": "Rejected record",
            "summary": TOPICS["rejected"][0],
            "contentType": "application/octet-stream",
            "headers": {"type": "object", "properties": _reject_headers()},
            "payload": {"type": "string", "format": "binary"},
            "bindings": {"kafka": _key("rejected")},
        },
    )
    return found


def _message(topic: str, name: str, kind: str, schema: Node, *, with_example: bool = True) -> Node:
    message = {
        "name": name,
        "title": schema["title"],
        "summary": schema["description"],
        "contentType": envelope.JSON,
        "traits": [{"$ref": "#/components/messageTraits/cloudEvent"}],
        "payload": {"$ref": f"events/{kind}.json"},
        "bindings": {"kafka": _key(topic)},
    }
    if with_example:
        headers = {
            envelope.SPEC_VERSION_HEADER: envelope.SPEC_VERSION,
            envelope.ID_HEADER: "0c7e1a52",
            envelope.TYPE_HEADER: name,
            envelope.SOURCE_HEADER: "example/front-end",
            envelope.SCHEMA_HEADER: schema["$id"],
            envelope.CONTENT_TYPE_HEADER: envelope.JSON,
        }
        message["examples"] = [{"headers": headers, "payload": schema["examples"][0]}]
    return message


def _reject_headers() -> Node:
    headers: Node = {name: {"type": "string", "description": text} for name, text in REJECT_HEADERS.items()}
    headers["reject_reason"]["enum"] = [reason.value for reason in RejectReason]
    return headers


def _key(topic: str) -> Node:
    return {"bindingVersion": BINDING_VERSION, "key": {"type": "string", "description": TOPICS[topic][1]}}


def _headers() -> Node:
    limit = {"type": "string", "minLength": 1, "maxLength": envelope.MAX_ATTRIBUTE_BYTES}
    return {
        "type": "object",
        "required": [
            envelope.SPEC_VERSION_HEADER, envelope.ID_HEADER, envelope.TYPE_HEADER, envelope.SOURCE_HEADER,
        ],
        "properties": {
            envelope.SPEC_VERSION_HEADER: {"type": "string", "const": envelope.SPEC_VERSION},
            envelope.ID_HEADER: {**limit, "description": "Id of the event, unique within its source."},
            envelope.TYPE_HEADER: {**limit, "description": "The event's type: the name of the message."},
            envelope.SOURCE_HEADER: {**limit, "description": "Who sends it."},
            envelope.TIME_HEADER: {
                "type": "string", "format": "date-time", "description": "For readers; the field `time` decides.",
            },
            envelope.SCHEMA_HEADER: {
                "type": "string",
                "description": "Name of the schema, ending in its SchemaVer MODEL-REVISION-ADDITION. A MODEL above 1"
                " is rejected as an unknown type; other revisions and additions are read.",
            },
            envelope.CONTENT_TYPE_HEADER: {"type": "string", "description": f"`{envelope.JSON}`, also if missing."},
            "traceparent": {"type": "string", "description": "W3C trace context, passed through."},
        },
    }  # fmt: skip
