"""Decodes a record of the log into an event in its place, or says why it cannot be used.

Owns both CloudEvents modes, for events beside the log too, and every reject that needs nothing but the record and the
catalog; must not know the Kafka client, nor what became of earlier records. Nothing that a producer can write makes it
raise.
"""

from collections.abc import Callable, Collection, Container, Iterable
from typing import Any, Final, Generic, Protocol

import msgspec
import orjson

from pipeline.core import envelope
from pipeline.core.catalog import Catalog, TouchPoint
from pipeline.core.events import MAX_MILLISECONDS, Event, Operation, RejectReason, milliseconds
from pipeline.core.record import Decoded, Reject
from pipeline.stream.identify import SPEC_VERSION, E, EventType, Identifier, event_type_of, is_text, malformed

JSON: Final = envelope.JSON.encode()
STRUCTURED: Final = b"application/cloudevents"
STRUCTURED_JSON: Final = envelope.STRUCTURED_JSON.encode()
# Whoever parses records puts this last when a header's name was no UTF-8. As a content type it costs others nothing.
NAMES_MADE_PRINTABLE: Final = ("content-type", STRUCTURED + b"; a header's name was made printable")
ATTRIBUTES: Final = ("specversion", "type", "source", "id", "dataschema")  # in the order of `identify`

USUAL: Final = 7  # headers of an event that we send

NO_VALUE: Final = malformed("the record has no value")
NO_TEXT_NAME: Final = malformed("a header's name is not UTF-8")
FOREIGN_FORMAT: Final = malformed(f"of the structured formats only {envelope.STRUCTURED_JSON} is read")
NO_ENVELOPE: Final = malformed("the value is no CloudEvents envelope: expected an object")
NO_STRING: Final = malformed("a CloudEvents attribute is no string")
NO_KEY: Final = Reject(RejectReason.MISPLACED, "the record has no key: set it to the interaction id")
NO_TEXT_KEY: Final = malformed("the key is not UTF-8")
FOREIGN_KEY: Final = Reject(RejectReason.MISPLACED, "the key differs from `interaction`: set it to the interaction id")
FOREIGN_PARTITION: Final = Reject(
    RejectReason.MISPLACED,
    "the key belongs to another partition: make the producer's `partitioner` and the setting `partitioner` agree"
    " (librdkafka clients default to CRC32, Java clients and aiokafka to murmur2)",
)
OUTSIDE: Final = Reject(RejectReason.SCHEMA, "$.time: outside the years 1970 to 2255")
NO_TOUCH_POINT: Final = Reject(RejectReason.UNKNOWN_TOUCH_POINT, "$.touch_point: not in the catalog")
FOREIGN_CHANNEL: Final = Reject(RejectReason.UNKNOWN_TOUCH_POINT, "$.touch_point: of another channel than `type` says")
NO_CHANNEL: Final = Reject(RejectReason.UNKNOWN_TYPE, "the catalog has no such channel, or the channel no such type")

Header = tuple[str, bytes | None]

# What decoding a value yields: type, identity, event, whether fields were dropped.
Read = tuple[EventType[E], str, E, bool]


class Record(Protocol):
    """A Kafka record as aiokafka hands it out, its low-level one or `ConsumerRecord`; `timestamp` in epoch ms."""

    @property
    def offset(self) -> int:
        """Position in the partition."""

    @property
    def timestamp(self) -> int:
        """The log's time stamp."""

    @property
    def key(self) -> bytes | None:
        """The interaction id."""

    @property
    def value(self) -> bytes | None:
        """The event's data, or the whole event in structured mode."""

    @property
    def headers(self) -> Collection[Header]:
        """The CloudEvents attributes in binary mode; `NAMES_MADE_PRINTABLE` last if a name was no UTF-8."""


class EventReader(Generic[E]):
    """Reads what a record says, in both modes. Values longer than `max_record_bytes` are rejected unread."""

    def __init__(self, recognise: Callable[[str], EventType[E] | None], max_record_bytes: int) -> None:
        self._max_record_bytes = max_record_bytes
        self._too_large = Reject(RejectReason.TOO_LARGE, f"the value is longer than {max_record_bytes} bytes")
        identifier = Identifier(recognise)
        self._identify, self._types, self._sources = identifier.identify, identifier.types, identifier.sources

    def read(self, record: Record) -> Read[E] | Reject:
        """Type, identity and data of a record, or why it cannot be used; never raises."""
        headers = record.headers
        usual = len(headers) == USUAL
        if usual:  # by place, where they come as `source/encode.py` writes them: tests/bench
            (a, event_id), (b, _), (c, specversion), (d, ce_type), (e, source), (f, schema), (g, content_type) = headers
            usual = (
                a == "ce_id" and b == "ce_time" and c == "ce_specversion" and d == "ce_type" and e == "ce_source"
                and f == "ce_dataschema" and g == "content-type"
            )  # fmt: skip
        if not usual:
            event_id, specversion, ce_type, source, schema, content_type = by_name(headers)
        event_type, prefix, value = self._types.get(ce_type), self._sources.get(source), record.value
        if (
            event_type is not None and prefix is not None and event_id and value is not None
            and schema == event_type.schema and specversion == SPEC_VERSION and content_type == JSON
            and len(event_id) <= envelope.MAX_ATTRIBUTE_BYTES and len(value) <= self._max_record_bytes
        ):  # fmt: skip
            try:
                return event_type, prefix + event_id.decode(), event_type.decode(value), False
            except ValueError:
                pass
        return self._read_any(dict(headers), value)

    def _read_any(self, headers: dict[str, bytes | None], value: bytes | None) -> Read[E] | Reject:
        """Read what is not as usual: something is new, or left out, or wrong."""
        if value is None:
            return NO_VALUE
        if len(value) > self._max_record_bytes:
            return self._too_large
        content_type = headers.get("content-type")
        if content_type is not None and content_type.startswith(STRUCTURED):
            return self._read_structured(content_type, value)
        identified = self._identify(*(headers.get(f"ce_{name}") for name in ATTRIBUTES))
        if isinstance(identified, Reject):
            return identified
        event_type, identity = identified
        try:
            return event_type, identity, event_type.decode(value), False
        except ValueError:  # an unknown field, or something is wrong: the slow way tells which
            return _read_slowly(event_type, identity, value)

    def _read_structured(self, content_type: bytes, value: bytes) -> Read[E] | Reject:
        if content_type.partition(b";")[0].strip().lower() != STRUCTURED_JSON:
            return NO_TEXT_NAME if content_type is NAMES_MADE_PRINTABLE[1] else FOREIGN_FORMAT
        cloud_event = _parse(value)
        if isinstance(cloud_event, Reject):
            return cloud_event
        if not isinstance(cloud_event, dict):
            return NO_ENVELOPE
        attributes = [cloud_event.get(name) for name in ATTRIBUTES]
        if not all(isinstance(attribute, str | None) for attribute in attributes):
            return NO_STRING
        identified = self._identify(*(None if each is None else each.encode() for each in attributes))
        if isinstance(identified, Reject):
            return identified
        return _convert(*identified, cloud_event.get("data"), "$.data")


def by_name(headers: Iterable[Header]) -> tuple[bytes | None, ...]:
    """The attributes id, specversion, type, source, dataschema and the content type; of equal names the last."""
    event_id = specversion = ce_type = source = schema = content_type = None
    for name, content in headers:  # a dictionary of them costs more: tests/bench
        if name == "ce_id":
            event_id = content
        elif name == "ce_type":
            ce_type = content
        elif name == "ce_source":
            source = content
        elif name == "ce_specversion":
            specversion = content
        elif name == "ce_dataschema":
            schema = content
        elif name == "content-type":
            content_type = content
    return event_id, specversion, ce_type, source, schema, content_type


class Decoder:
    """Decodes the records of one log.

    `partition_of` tells to which partition a key belongs. Values longer than `max_record_bytes`, and events more than
    `max_ahead_ms` ahead of their record's time stamp, are rejected.
    """

    def __init__(
        self, catalog: Catalog, partition_of: Callable[[bytes], int], max_record_bytes: int, max_ahead_ms: int
    ) -> None:
        self._catalog = catalog
        self._partition_of = partition_of
        self._max_ahead_ms = max_ahead_ms
        self._bad_time = too_far_ahead(max_ahead_ms)
        self._read = EventReader(event_type_of, max_record_bytes).read

    def decode(  # noqa: C901  # a call costs more: tests/bench
        self, record: Record, shard_partition: int, clock: int, held: Container[str]
    ) -> Decoded | Reject:
        """Decode one record that stood in `shard_partition`; never raises.

        `clock` is the shard's before this record; the catalog is read at the clock after it. `held` holds the ids of
        the interactions known to belong to the shard: their keys are not checked against the partition again.
        """
        read = self._read(record)
        if type(read) is Reject:  # `isinstance` asks the class of a Struct, and its metaclass: tests/bench
            return read
        event_type, identity, event, unknown_fields = read
        stamp = record.timestamp
        time: Any = event.time
        if type(time) is not int:
            time = event.time = milliseconds(time)
        if not 0 <= time <= stamp + self._max_ahead_ms:
            return self._bad_time if 0 <= time <= MAX_MILLISECONDS else OUTSIDE
        interaction = event.interaction
        if interaction not in held or record.key != interaction.encode():
            misplaced = self._misplaced(record.key, interaction, shard_partition)
            if misplaced is not None:
                return misplaced
        touch_point = None
        if type(event) is not Operation:
            now = time if time < stamp else stamp
            if now < clock:
                now = clock
            touch_point = self._catalog.resolve(event.touch_point, now)
            if (
                touch_point is None
                or (channel := touch_point.channel).name != event_type.channel
                or event_type.kind not in channel.types
            ):
                return self._out_of_place(event_type, touch_point, now)
            event.touch_point = touch_point.name  # one string for all events there
        digest = hash(record.value) ^ event_type.number
        return Decoded(record.offset, stamp, time, interaction, identity, digest, event, touch_point, unknown_fields)

    def _misplaced(self, key: bytes | None, interaction: str, shard_partition: int) -> Reject | None:
        if key is None:
            return NO_KEY
        if key != interaction.encode():
            return FOREIGN_KEY if is_text(key) else NO_TEXT_KEY
        return FOREIGN_PARTITION if self._partition_of(key) != shard_partition else None

    def _out_of_place(self, event_type: EventType[Event], touch_point: TouchPoint | None, clock: int) -> Reject:
        known = self._catalog.channel(event_type.channel or "", clock)
        if known is None or event_type.kind not in known.types:
            return NO_CHANNEL
        return NO_TOUCH_POINT if touch_point is None else FOREIGN_CHANNEL


def too_far_ahead(max_ahead_ms: int) -> Reject:
    """The reject of an event that claims to happen after its record was written."""
    return Reject(
        RejectReason.BAD_TIME, f"$.time: more than {max_ahead_ms / 1000:g} s ahead of the record's time stamp"
    )


def _parse(value: bytes) -> object:
    """The JSON in full: its depth and its text are checked also where no field looks at them."""
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError as error:
        return malformed(f"not JSON: {error.msg} (character {error.pos})")


def _read_slowly(event_type: EventType[E], identity: str, value: bytes) -> Read[E] | Reject:
    data = _parse(value)
    return data if isinstance(data, Reject) else _convert(event_type, identity, data, "$")


def _convert(event_type: EventType[E], identity: str, data: object, root: str) -> Read[E] | Reject:
    """Read parsed data; fields that the type does not know are dropped."""
    unknown_fields = False
    if isinstance(data, dict) and not data.keys() <= event_type.fields:
        unknown_fields = True
        data = {name: data[name] for name in event_type.fields & data.keys()}
    try:
        return event_type, identity, msgspec.convert(data, event_type.event_class), unknown_fields
    except msgspec.ValidationError as error:
        return Reject(RejectReason.SCHEMA, _misfit(str(error), root))


def _misfit(message: str, root: str) -> str:
    """Field path and expectation from msgspec's message, without what it quotes of the data."""
    what, _, path = message.rpartition(" - at `$")
    path = root + path.rstrip("`") if what else root
    what = what or message
    if what.startswith("Object missing required field `"):
        return f"{path}.{what.split('`')[1]}: missing"
    return f"{path}: e{what[1:]}" if what.startswith("Expected ") else f"{path}: not a value of this field"
