"""Reads the records of one interaction back from the log, for somebody who wants to see what happened.

Owns how records are found and told apart; shows nothing that identifies a customer or staff.
"""

from collections.abc import Callable, Iterable
from typing import Final

import msgspec
from msgspec import Struct

from pipeline.core.catalog import Catalog
from pipeline.core.events import RANKS, Event
from pipeline.core.record import Decoded, Reject
from pipeline.settings import Settings
from pipeline.stream.decode import Decoder, Record
from pipeline.stream.kafka_client import LogReader, partition_of, read_commits
from pipeline.stream.log_topic import read_log

TRACEPARENT: Final = "traceparent"
CLOCK_DIFFERENCE_MS: Final = 5 * 60 * 1000  # between Kafka's clock and ClickHouse's
# Listed one by one, so that a new field is not shown before somebody has thought of customers and staff.
SHOWN_FIELDS: Final = (
    "service", "queue", "estimated_wait", "counter", "transfer", "contained", "name", "step", "field", "code", "system",
    "operation", "bytes", "seconds", "status", "ok", "outcome", "by", "attempt",
)  # fmt: skip


class Moment(Struct, frozen=True, kw_only=True):
    """One record: `time` in epoch ms, `kind` such as `served`, the fields that say more.

    `remark` is empty for an event that counts, else what became of the record.
    """

    offset: int
    time: int
    kind: str
    fields: dict[str, str | float | bool]
    traceparent: str | None = None
    remark: str = ""


class Timeline(Struct, frozen=True):
    """Moments in the order in which they are read for scoring; `gap` says why some are missing, if so."""

    moments: tuple[Moment, ...]
    gap: str = ""


class Wanted(Struct, frozen=True, kw_only=True):
    """Whose records: `records` of them count, the first at `first_offset`, the last stamped before `stamped_until`."""

    interaction: str
    topic_id: str
    partition: int
    first_offset: int
    records: int
    stamped_until: int


class _Search:
    """Takes records of the log in their order, and keeps those of one interaction."""

    def __init__(self, wanted: Wanted, decoder: Decoder) -> None:
        self.left = wanted.records
        self._wanted = wanted
        self._key = wanted.interaction.encode()
        self._decoder = decoder
        self._digests: dict[str, int] = {}
        self._found: list[tuple[int, int, int, Moment]] = []

    def read(self, records: Iterable[Record]) -> None:
        """Look through a batch."""
        for record in records:
            if record.key == self._key and self.left:
                outcome = self._decoder.decode(record, self._wanted.partition, -1, (self._wanted.interaction,))
                if isinstance(outcome, Decoded):
                    self._keep(record, outcome)
                else:
                    self._keep_reject(record, outcome)

    def moments(self) -> tuple[Moment, ...]:
        """What was found, in the order of scoring."""
        return tuple(found[-1] for found in sorted(self._found, key=lambda found: found[:-1]))

    def _keep(self, record: Record, decoded: Decoded) -> None:
        remark = ""
        first = self._digests.get(decoded.key)
        if first is None:
            self._digests[decoded.key] = first = decoded.digest
        else:
            remark = "duplicate" if first == decoded.digest else "conflict: not used"
        self.left -= first == decoded.digest
        event = decoded.event
        moment = Moment(
            offset=record.offset,
            time=decoded.time,
            kind=event.kind,
            fields=shown_fields(event),
            traceparent=trace_of(record),
            remark=remark,
        )
        self._found.append((decoded.time, RANKS[type(event)], record.offset, moment))

    def _keep_reject(self, record: Record, reject: Reject) -> None:
        remark = f"{reject.reason}: not used"
        moment = Moment(offset=record.offset, time=record.timestamp, kind="record", fields={}, remark=remark)
        self._found.append((record.timestamp, len(RANKS), record.offset, moment))


def shown_fields(event: Event) -> dict[str, str | float | bool]:
    """What an event says beyond who, where and when."""
    values = {name: getattr(event, name, None) for name in SHOWN_FIELDS}
    return {name: value for name, value in values.items() if value is not None}


def trace_of(record: Record) -> str | None:
    """The W3C trace context that came with a record, in a header or as an attribute of a structured event."""
    header = dict(record.headers).get(TRACEPARENT)
    if header is not None:
        return header.decode(errors="replace")
    try:
        return msgspec.json.decode(record.value or b"", type=_Traced).traceparent
    except msgspec.DecodeError:
        return None


class _Traced(Struct):
    traceparent: str | None = None


async def read_timeline(
    settings: Settings, catalog: Catalog, wanted: Wanted, watch: Callable[[int, int], None]
) -> Timeline:
    """The records behind a row, as far as the log still has them. Raises KafkaError; `watch` hears of progress."""
    log = await read_log(settings, catalog)
    if log.topic_id != wanted.topic_id:
        return Timeline((), f"the events are gone: {log.topic} was made anew since")
    brokers, partition = settings.kafka_address(), wanted.partition
    partition_by = partition_of(settings.partitioner, log.partition_count)
    decoder = Decoder(catalog, partition_by, settings.max_record_bytes, int(settings.max_ahead_seconds * 1000))
    search = _Search(wanted, decoder)
    commits = await read_commits(brokers, settings.group, log.topic)
    async with LogReader(brokers, log.topic) as reader:
        kept_from, end = (await reader.bounds({partition}))[partition]
        later = await reader.offset_at(partition, wanted.stamped_until + CLOCK_DIFFERENCE_MS)
        stop = min(end if later is None else later, commits[partition].position if partition in commits else end)
        start = max(wanted.first_offset, kept_from)
        if start < stop:
            async for records in reader.read(partition, start, stop):
                search.read(records)
                watch(records[-1].offset - start, stop - start)
                if not search.left:
                    break
    return Timeline(search.moments(), _gap(wanted, kept_from, search.left))


def _gap(wanted: Wanted, kept_from: int, left: int) -> str:
    if not left:
        return ""
    if kept_from > wanted.first_offset:
        return f"{left} of {wanted.records} records are gone: retention has removed those before offset {kept_from}"
    return f"{left} of {wanted.records} records were not found in the log up to the commit"
