"""Reads the CloudEvents attributes of a record: which type of event it is, and which event of which source.

Owns attribute rules and their bounded caches; must not know the data of an event. Types and sources repeat, so the
usual record costs two look-ups; a producer that invents new ones endlessly costs time, never memory.
"""

import re
from collections.abc import Callable
from functools import cache
from typing import Final, Generic, TypeVar

import msgspec
from msgspec import Struct, structs

from pipeline.core import envelope
from pipeline.core.events import OPERATION_TYPE, TYPES, Event, Operation, RejectReason
from pipeline.core.record import Reject
from pipeline.core.side_events import SideEvent

E = TypeVar("E", bound=Event | SideEvent)

MAX_CACHED: Final = 4096
SPEC_VERSION: Final = envelope.SPEC_VERSION.encode()
TYPE_PATTERN: Final = re.compile(r"touchpoint\.([^.]{1,100})\.([a-z_]{1,100})\.v1")
SCHEMA_VERSION_PATTERN: Final = re.compile(r"([0-9]{1,9})-[0-9]{1,9}-[0-9]{1,9}(?:\.json)?$")
KNOWN_MODEL: Final = 1
UNKNOWN_TYPE: Final = Reject(RejectReason.UNKNOWN_TYPE, "`type` is not one of the contract")
UNKNOWN_MODEL: Final = Reject(
    RejectReason.UNKNOWN_TYPE, f"`dataschema` names a MODEL above {KNOWN_MODEL}: update the worker first"
)


class EventType(Struct, Generic[E], frozen=True, gc=False):
    """One `type` and how to read its data. `channel` is None for operations and for events beside the log."""

    name: str
    channel: str | None
    kind: str
    event_class: type[E]
    decode: Callable[[bytes], E]
    fields: frozenset[str]
    schema: bytes
    number: int  # tells equal data of two types apart


class Identifier(Generic[E]):
    """Recognises types and sources; one per process and topic is enough. `recognise` tells a type by its name."""

    def __init__(self, recognise: Callable[[str], EventType[E] | None]) -> None:
        self._recognise = recognise
        self.types: dict[bytes | None, EventType[E]] = {}
        self.sources: dict[bytes | None, str] = {}

    def identify(
        self, specversion: bytes | None, ce_type: bytes | None, source: bytes | None, event_id: bytes | None,
        schema: bytes | None,
    ) -> tuple[EventType[E], str] | Reject:  # fmt: skip
        """The type and the identity (source and id), or why the attributes cannot be used."""
        event_type = self.types.get(ce_type)
        prefix = self.sources.get(source)
        if event_type is None or prefix is None or specversion != SPEC_VERSION:
            learnt = self._learn(specversion, ce_type, source)
            if isinstance(learnt, Reject):
                return learnt
            event_type, prefix = learnt
        if schema is not None and schema != event_type.schema and _model(schema) > KNOWN_MODEL:
            return UNKNOWN_MODEL
        try:
            if event_id and len(event_id) <= envelope.MAX_ATTRIBUTE_BYTES:
                return event_type, prefix + event_id.decode()
        except UnicodeDecodeError:
            pass
        return _unusable("id", event_id)

    def _learn(
        self, specversion: bytes | None, ce_type: bytes | None, source: bytes | None
    ) -> tuple[EventType[E], str] | Reject:
        for name, value in (("specversion", specversion), ("type", ce_type), ("source", source)):
            if not value or len(value) > envelope.MAX_ATTRIBUTE_BYTES or not is_text(value):
                return _unusable(name, value)
        if specversion != SPEC_VERSION:
            return malformed(f"the CloudEvents attribute `specversion` is not {envelope.SPEC_VERSION}")
        source_name = (source or b"").decode()
        if envelope.IDENTITY_SEPARATOR in source_name:
            return malformed("the CloudEvents attribute `source` holds a control character")
        event_type = self._recognise((ce_type or b"").decode())
        if event_type is None:
            return UNKNOWN_TYPE
        if len(self.types) >= MAX_CACHED:
            self.types.clear()
        if len(self.sources) >= MAX_CACHED:
            self.sources.clear()
        self.types[ce_type] = event_type
        prefix = self.sources[source] = source_name + envelope.IDENTITY_SEPARATOR
        return event_type, prefix


def event_type_of(name: str) -> EventType[Event] | None:
    """The event type that a `type` attribute names; whether its channel exists is for the catalog to say."""
    if name == OPERATION_TYPE:
        return _of_kind(Operation)
    match = TYPE_PATTERN.fullmatch(name)
    event_class = TYPES.get(match[2]) if match else None
    return (
        structs.replace(_of_kind(event_class), name=name, channel=match[1], number=hash(name))
        if match and event_class
        else None
    )


def reading(name: str, kind: str, event_class: type[E]) -> EventType[E]:
    """How to read the events of one class, under a name and without a channel."""
    schema = envelope.schema_name(kind, event_class.schema_version).encode()
    fields = frozenset(event_class.__struct_encode_fields__)
    return EventType(
        name, None, kind, event_class, msgspec.json.Decoder(event_class).decode, fields, schema, hash(name)
    )


def malformed(detail: str) -> Reject:
    """A record that is no CloudEvent with JSON data."""
    return Reject(RejectReason.MALFORMED, detail)


def is_text(data: bytes) -> bool:
    """Whether bytes are UTF-8."""
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


@cache
def _of_kind(event_class: type[Event]) -> EventType[Event]:
    """What all channels share of a kind."""
    return reading(OPERATION_TYPE, event_class.kind, event_class)


def _model(schema: bytes) -> int:
    """The MODEL part of a schema's name; a name that is not SchemaVer's says nothing."""
    match = SCHEMA_VERSION_PATTERN.search(schema[-envelope.MAX_ATTRIBUTE_BYTES :].decode(errors="replace"))
    return int(match[1]) if match else 0


def _unusable(name: str, value: bytes | None) -> Reject:
    problem = "is not UTF-8"
    if not value:
        problem = "is missing or empty"
    elif len(value) > envelope.MAX_ATTRIBUTE_BYTES:
        problem = f"is longer than {envelope.MAX_ATTRIBUTE_BYTES} bytes"
    return malformed(f"the CloudEvents attribute `{name}` {problem}")
