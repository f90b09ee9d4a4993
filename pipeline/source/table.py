"""Reads delimited text, packed or not, as numbered rows of cells.

Owns bytes, encoding and cutting; must not know what a column means. Memory holds one row at a time.
"""

import csv
import gzip
import io
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Final, Self, cast

from pipeline.errors import ImportFileError
from pipeline.source.mapping import DELIMITERS, Table

_GZIP_MAGIC: Final = b"\x1f\x8b"
_BYTE_ORDER_MARK: Final = "\ufeff"


class TableFile:
    """An open table: its `columns`, its size in `bytes`, and its rows. A context manager that closes the file."""

    def __init__(self, path: Path, form: Table) -> None:
        """Open the file and read the header. Raises ImportFileError if either fails."""
        self.path = path
        self.bytes = 0
        try:
            self._raw: IO[bytes] = path.open("rb")
        except OSError as error:
            message = f"{path}: cannot be read: {error.strerror}"
            raise ImportFileError(message) from error
        try:
            self._start(form)
        except BaseException:
            self._raw.close()
            raise

    def _start(self, form: Table) -> None:
        self.bytes = self._raw.seek(0, io.SEEK_END)
        self._raw.seek(0)
        packed = self._raw.read(len(_GZIP_MAGIC)) == _GZIP_MAGIC
        self._raw.seek(0)
        content = cast("IO[bytes]", gzip.GzipFile(fileobj=self._raw)) if packed else self._raw
        # Bytes that are no text become lone surrogates: a bad row, not a bad file.
        text = io.TextIOWrapper(content, encoding=form.encoding, errors="surrogateescape", newline="")
        self._reader = csv.reader(
            text,
            delimiter=DELIMITERS.get(form.delimiter, form.delimiter),
            quoting=csv.QUOTE_NONE if form.quoting == "none" else csv.QUOTE_MINIMAL,
            strict=True,
        )
        self._lines = self._numbered()
        if form.columns is not None:
            self.columns: Sequence[str] = form.columns
        else:
            self.columns = self._header()

    def _header(self) -> Sequence[str]:
        first = next(self._lines, None)
        if first is None:
            message = f"{self.path}: the file is empty: a header line was expected"
            raise ImportFileError(message)
        columns = [first[1][0].removeprefix(_BYTE_ORDER_MARK), *first[1][1:]]
        twice = sorted({column for column in columns if columns.count(column) > 1})
        if twice:
            message = f"{self.path}:1: the header names {', '.join(twice)} twice"
            raise ImportFileError(message)
        return columns

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """Line number (1 is the file's first line) and cells of each row. Raises ImportFileError if the file breaks."""
        return self._lines

    def read_bytes(self) -> int:
        """How far the file has been read, for showing progress."""
        return self._raw.tell()

    def _numbered(self) -> Iterator[tuple[int, list[str]]]:
        line = 1
        try:
            for cells in self._reader:
                if cells:
                    yield line, cells
                line = self._reader.line_num + 1
        except (csv.Error, EOFError, gzip.BadGzipFile, zlib.error, UnicodeDecodeError, OSError) as error:
            reason = "not text in this encoding" if isinstance(error, UnicodeDecodeError) else error
            message = f"{self.path}:{line}: cannot be read on from here: {reason}"
            raise ImportFileError(message) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._raw.close()
