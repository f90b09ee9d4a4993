"""JSON Schemas of the contract, one per kind of event, from its struct and nothing else.

Draft 7, the dialect that AsyncAPI reads, and without references, so that each file stands alone.
"""

from typing import Any, Final

import msgspec

from pipeline.contract.examples import event_example, side_event_example
from pipeline.core import envelope
from pipeline.core.events import TYPES, Event, Operation
from pipeline.core.side_events import SIDE_EVENTS, SideEvent

DIALECT: Final = "http://json-schema.org/draft-07/schema#"
REFERENCE: Final = "#/definitions/"


def schemas() -> dict[str, dict[str, Any]]:
    """Schema by name of kind: every event of the log, then those beside it."""
    log: list[type[Event]] = [*TYPES.values(), Operation]
    found = {each.kind: schema_of(each, each.kind, event_example(each.kind)) for each in log}
    for each in SIDE_EVENTS.values():
        found[each.kind_name] = schema_of(each, each.kind_name, side_event_example(each))
    return found


def schema_of(event_class: type[Event | SideEvent], kind: str, example: Event | SideEvent) -> dict[str, Any]:
    """The schema of one struct. Unknown fields are allowed: the worker ignores and counts them."""
    _, definitions = msgspec.json.schema_components([event_class], ref_template=REFERENCE + "{name}")
    body = definitions.pop(event_class.__name__)
    return {
        "$schema": DIALECT,
        "$id": envelope.schema_name(kind, event_class.schema_version),
        "title": kind.replace("_", " ").capitalize(),
        "description": body["description"],
        "type": "object",
        "required": body["required"],
        "properties": _inlined(body["properties"], definitions),
        "additionalProperties": True,
        "examples": [msgspec.to_builtins(example)],
    }


def _inlined(node: Any, definitions: dict[str, Any]) -> Any:  # noqa: ANN401  # any JSON
    """The same schema with each reference replaced by what it names; a description beside it is kept."""
    if isinstance(node, list):
        return [_inlined(each, definitions) for each in node]
    if not isinstance(node, dict):
        return node
    named = node.get("$ref")
    if named is None:
        return {name: _inlined(each, definitions) for name, each in node.items()}
    beside = {name: each for name, each in node.items() if name != "$ref"}
    return {"type": "string", **definitions[named.removeprefix(REFERENCE)], **beside}
