"""Sorts more records than memory should hold: sorted runs in an unnamed file, merged when read.

Owns bytes in order, knows nothing of what they mean. The files have no name (the system drops them with the process,
however it ends), so nothing is left behind after Ctrl-C or a kill.
"""

import heapq
import struct
import tempfile
from collections.abc import Iterable, Iterator
from typing import IO, Final, Self

from pipeline.errors import ImportFileError

_LENGTH: Final = struct.Struct(">I")
# What a bytes object and its place in a list cost beside its content.
_OVERHEAD_BYTES: Final = 48
# Open files and read buffers stay bounded: so many runs are merged into one.
_MAX_RUNS: Final = 64
_BUFFER_BYTES: Final = 256 * 1024


class ExternalSort:
    """Records as bytes, given in any order with `add`, read back sorted with `merged`. A context manager."""

    def __init__(self, memory_bytes: int) -> None:
        """`memory_bytes`: what held records may take, about; above it they are written to a file."""
        self.records = 0
        self.spilled_bytes = 0
        self._memory_bytes = memory_bytes
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._runs: list[IO[bytes]] = []

    def add(self, record: bytes) -> None:
        """Take one record. Raises ImportFileError if the disk is full."""
        self._held.append(record)
        self._held_bytes += len(record) + _OVERHEAD_BYTES
        self.records += 1
        if self._held_bytes >= self._memory_bytes:
            self._spill()

    def merged(self) -> Iterator[bytes]:
        """All records in ascending order; may be read again from the start, one reading at a time."""
        self._held.sort()
        return heapq.merge(*(_read_run(run) for run in self._runs), self._held)

    def close(self) -> None:
        """Drop everything held."""
        self._held = []
        for run in self._runs:
            run.close()
        self._runs = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _spill(self) -> None:
        self._held.sort()
        self._runs.append(self._write_run(self._held))
        self._held = []
        self._held_bytes = 0
        if len(self._runs) >= _MAX_RUNS:
            whole = self._write_run(heapq.merge(*(_read_run(run) for run in self._runs)))
            for run in self._runs:
                run.close()
            self._runs = [whole]

    def _write_run(self, records: Iterable[bytes]) -> IO[bytes]:
        try:
            run: IO[bytes] = tempfile.TemporaryFile(prefix="touchpoint-import-", buffering=_BUFFER_BYTES)  # noqa: SIM115 - closed by close()
            for record in records:
                run.write(_LENGTH.pack(len(record)))
                run.write(record)
            run.flush()
        except OSError as error:
            message = (
                f"{tempfile.gettempdir()}: sorting needs room here: {error.strerror}; TMPDIR names another directory"
            )
            raise ImportFileError(message) from error
        self.spilled_bytes += run.tell()
        return run


def _read_run(run: IO[bytes]) -> Iterator[bytes]:
    run.seek(0)
    while head := run.read(_LENGTH.size):
        yield run.read(_LENGTH.unpack(head)[0])
