"""A recorded file read whole: its events in the order of their time, and the report of what was skipped and repaired.

The path: table -> rows -> events -> external sort -> events in order. Nothing leaves before the whole file is read, so
a file with a mistake sends nothing. Must not know Kafka.
"""

import time
from collections.abc import Callable, Iterator
from hashlib import blake2b
from pathlib import Path
from struct import Struct
from typing import Final, NamedTuple, Self

import msgspec

from pipeline.core.events import ORDER, Event, event_time
from pipeline.errors import ImportFileError
from pipeline.source.external_sort import ExternalSort
from pipeline.source.mapping_file import MappingFile
from pipeline.source.report import ImportReport
from pipeline.source.rows import BadRow, ReadRow, RowReader, SkippedRow, rank
from pipeline.source.table import TableFile

SORT_MEMORY_BYTES: Final = 256 * 1024 * 1024

# (done, of) in bytes of the file; called every few hundred rows.
Watcher = Callable[[int, int], None]
_ROWS_BETWEEN_CALLS: Final = 500
# time, rank, line, place in the row: ascending bytes are ascending events.
_PLACE: Final = Struct(">QBQH")
# hash of the identity, line, hash of the row.
_IDENTITY: Final = Struct(">16sQ16s")
_ENCODER: Final = msgspec.msgpack.Encoder()
_DECODERS: Final[tuple[msgspec.msgpack.Decoder[tuple[str, Event]], ...]] = tuple(
    msgspec.msgpack.Decoder(tuple[str, event_type])  # type: ignore[valid-type] # a type for msgspec, not for mypy
    for event_type in ORDER
)


class TimedEvent(NamedTuple):
    """One event of the recording, in its turn."""

    time: int
    event_id: str
    event: Event


class Recording:
    """A file that has been read. A context manager: leaving drops what the sort holds."""

    def __init__(self, report: ImportReport, memory_bytes: int) -> None:
        """Empty; `read_recording` fills it."""
        self.report = report
        self._events = ExternalSort(memory_bytes // 2)
        self._identities = ExternalSort(memory_bytes // 4)
        self._interactions = ExternalSort(memory_bytes // 4)
        self._dropped = bytearray()

    def events(self) -> Iterator[TimedEvent]:
        """The events by time, then by the fixed order of types, then by line; the same at every reading."""
        for record in self._events.merged():
            moment, place, line, _ = _PLACE.unpack_from(record)
            if not self._is_dropped(line):
                event_id, event = _DECODERS[place].decode(memoryview(record)[_PLACE.size :])
                yield TimedEvent(moment, event_id, event)

    def close(self) -> None:
        """Give memory and files back."""
        for sort in (self._events, self._identities, self._interactions):
            sort.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def add(self, line: int, cells: list[str], row: ReadRow) -> None:
        """Take what a row gives."""
        content = _hash("\x1f".join(cells))
        self._identities.add(_IDENTITY.pack(content if row.identity is None else _hash(row.identity), line, content))
        self._interactions.add(_hash(row.interaction))
        for place, (event_id, event) in enumerate(row.events):
            head = _PLACE.pack(event_time(event), rank(event), line, place)
            self._events.add(head + _ENCODER.encode((event_id, event)))

    def settle(self) -> None:
        """Find repeated rows and identities with two contents; complete the report."""
        report = self.report
        dropped_events = 0
        first = (b"", 0, b"")
        for record in self._identities.merged():
            identity, line, content = _IDENTITY.unpack(record)
            if identity != first[0]:
                first = (identity, line, content)
            elif content == first[2]:
                report.duplicate_rows += 1
                self._drop(line)
            else:
                report.conflicts += 1
                report.mistake(f"lines {first[1]} and {line}: the same id, but other content")
        if report.duplicate_rows:
            dropped_events = sum(self._is_dropped(_PLACE.unpack_from(record)[2]) for record in self._events.merged())
        report.events = self._events.records - dropped_events
        former = b""
        for interaction in self._interactions.merged():
            report.interactions += interaction != former
            former = interaction
        report.spilled_bytes = sum(sort.spilled_bytes for sort in (self._events, self._identities, self._interactions))

    def _drop(self, line: int) -> None:
        index = line // 8
        if index >= len(self._dropped):
            self._dropped.extend(bytes(index + 1 - len(self._dropped)))
        self._dropped[index] |= 1 << line % 8

    def _is_dropped(self, line: int) -> bool:
        index = line // 8
        return index < len(self._dropped) and bool(self._dropped[index] >> line % 8 & 1)


def read_recording(
    path: Path,
    mapping: MappingFile,
    *,
    limit: int | None = None,
    memory_bytes: int = SORT_MEMORY_BYTES,
    watch: Watcher = lambda _done, _of: None,
) -> Recording:
    """Read a file, or its first `limit` rows. Raises ImportFileError that names the first mistakes by line.

    The caller closes the recording. Above `memory_bytes` the sort writes to the directory for temporary files.
    """
    began = time.monotonic()
    recording = Recording(ImportReport(file=str(path)), memory_bytes)
    try:
        with TableFile(path, mapping.mapping.table) as table:
            _read_rows(recording, table, RowReader(mapping, table.columns), limit, watch)
        recording.settle()
        _refuse(path, mapping, recording.report)
    except BaseException:
        recording.close()
        raise
    recording.report.read_seconds = round(time.monotonic() - began, 3)
    return recording


def _read_rows(recording: Recording, table: TableFile, reader: RowReader, limit: int | None, watch: Watcher) -> None:
    report = recording.report
    report.skipped.update(dict.fromkeys(reader.skip_rules, 0))
    report.repaired = reader.repaired
    for line, cells in table.rows():
        if report.rows == limit:
            break
        report.rows += 1
        if report.rows % _ROWS_BETWEEN_CALLS == 0:
            watch(table.read_bytes(), table.bytes)
        row = reader.read(line, cells)
        if isinstance(row, ReadRow):
            recording.add(line, cells, row)
        elif isinstance(row, SkippedRow):
            report.skipped[row.rule] += 1
        else:
            _note(report, line, row)


def _note(report: ImportReport, line: int, row: BadRow) -> None:
    report.bad_rows += 1
    report.mistake(f"line {line}: {row.reason}")


def _refuse(path: Path, mapping: MappingFile, report: ImportReport) -> None:
    """Raise ImportFileError if ids collide or more rows are bad than the mapping allows."""
    allowance = mapping.mapping.bad_rows_allowed
    allowed = float(allowance[:-1]) / 100 * report.rows if allowance.endswith("%") else float(allowance)
    if report.conflicts == 0 and report.bad_rows <= allowed:
        return
    problems = []
    if report.bad_rows > allowed:
        problems.append(
            f"{report.bad_rows} of {report.rows} rows cannot be read, {allowance} allowed by {mapping.path}"
        )
    if report.conflicts:
        problems.append(f"{report.conflicts} rows have an id that another row has with other content")
    shown = "" if report.bad_rows + report.conflicts <= len(report.mistakes) else f"; the first {len(report.mistakes)}"
    message = f"{path}: nothing was sent: {' and '.join(problems)}{shown}:"
    raise ImportFileError("\n".join([message, *report.mistakes]))


def _hash(text: str) -> bytes:
    return blake2b(text.encode("utf-8", "surrogateescape"), digest_size=16).digest()
