"""What the contract tests share: a small catalog, and records as the real client parses them."""

from collections.abc import Iterable, Sequence

from aiokafka.record.default_records import DefaultRecord, DefaultRecordBatch, DefaultRecordBatchBuilder

from pipeline.contract.examples import channel_of, event_example
from pipeline.core.catalog import Catalog, Channel, ChannelEntry, TouchPointEntry, Windows
from pipeline.core.events import CHANNEL_TYPES, TYPES, Event, Operation
from pipeline.core.models import Model
from pipeline.source.encode import encode
from pipeline.stream.decode import Decoder

STAMP = 1_741_078_801_000
MAX_AHEAD = 300_000
MAX_BYTES = 100_000
PARTITION = 3
SOURCE = "test/source"
KINDS = [*TYPES, Operation.kind]
PAIRS = [(channel, kind) for channel, kinds in CHANNEL_TYPES.items() for kind in sorted(kinds)]
KIOSK = ("kiosk", frozenset({"arrived", "ended"}))
FUTURE_CHANGE = STAMP + 1_000
WINDOWS = Windows(idle_timeout=900_000, max_open=43_200_000, correction_window=900_000, provisional_after=120_000)
MODEL = Model(
    name="any", version=1, fingerprint="00", description="", applies_to=("*/*", "*/*/*"), elements=(), caps=(),
    coverage_floor=0.5, valid_from=None, systems=frozenset(),
)  # fmt: skip
Header = tuple[str, bytes | None]


def small_catalog() -> Catalog:
    """The three channels and one more; `kiosk/late` exists from FUTURE_CHANGE on."""
    channels = [
        Channel(name=name, opening=frozenset({"arrived"}), types=types, waits_from="", windows=WINDOWS)
        for name, types in (*CHANNEL_TYPES.items(), KIOSK)
    ]
    patterns = ("branch/*/teller", "call_center/*/line", "online_form/health_claim", "kiosk/1", "kiosk/late")
    entries = [
        TouchPointEntry(
            pattern=pattern, channel=pattern.partition("/")[0], emits=frozenset(), systems=(), owner="owner",
            team=None, time_zone="UTC", valid_from=FUTURE_CHANGE if pattern == "kiosk/late" else None,
        )
        for pattern in patterns
    ]  # fmt: skip
    return Catalog([ChannelEntry(channel=each, valid_from=None) for each in channels], entries, [MODEL])


def small_decoder(max_bytes: int = MAX_BYTES) -> Decoder:
    """A decoder for which every key belongs to PARTITION, but for those that begin with `elsewhere`."""
    return Decoder(small_catalog(), lambda key: PARTITION + key.startswith(b"elsewhere"), max_bytes, MAX_AHEAD)


def kafka_record(
    key: bytes | None, value: bytes | None, headers: Iterable[Header], offset: int = 7, stamp: int = STAMP
) -> DefaultRecord:
    """The record as aiokafka's parser hands it out, after a round through Kafka's own format."""
    builder = DefaultRecordBatchBuilder(2, 0, 0, -1, -1, -1, 1 << 24)
    builder.append(offset, stamp, key, value, list(headers))
    return next(iter(DefaultRecordBatch(bytes(builder.build()))))


def example(kind: str) -> tuple[Event, str | None]:
    """The published example of a kind and the channel it plays in."""
    return event_example(kind), None if kind == Operation.kind else channel_of(kind)


def encoded(kind: str, event_id: str = "id-1", source: str = SOURCE) -> tuple[bytes, bytes, list[tuple[str, bytes]]]:
    """The published example of a kind as our own producers send it."""
    event, channel = example(kind)
    return encode(event, channel, event_id, source)


def replaced(headers: Sequence[Header], **changes: bytes | None) -> list[Header]:
    """Headers with some values changed; a value that is None removes the header."""
    kept = [(name, value) for name, value in headers if name not in changes]
    return kept + [(name, value) for name, value in changes.items() if value is not None]
