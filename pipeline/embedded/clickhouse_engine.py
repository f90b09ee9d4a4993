"""The embedded ClickHouse engine, one `Engine` per client: statements, inserts, settings, errors with their real code.

The only module that imports chdb. Must not know the protocol or sockets.
"""

import re
import tempfile
from collections.abc import Generator
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import chdb

from pipeline.embedded.clickhouse_blocks import UnsupportedColumnError, heading, read_blocks
from pipeline.embedded.clickhouse_wire import Query, Setting

UNKNOWN_SETTING: Final = 115
NOT_IMPLEMENTED: Final = 48
_UNKNOWN_EXCEPTION: Final = 1002
_NOT_ENOUGH_SPACE: Final = 243
_MARK: Final = "log_comment"

_ERROR: Final = re.compile(r"Code: (\d+)\. (DB::.*)", re.DOTALL)
_COMMENTS: Final = r"(?:\s+|--[^\n]*\n|/\*.*?\*/)*"
_READING: Final = re.compile(rf"{_COMMENTS}(?:select|with|from|values|\()", re.IGNORECASE | re.DOTALL)
_SETTING: Final = re.compile(rf"{_COMMENTS}set\b", re.IGNORECASE | re.DOTALL)
_FORMAT: Final = re.compile(r"\s+format\s+\w+\s*;?\s*$", re.IGNORECASE)
_NAME: Final = r"(?:`(?:[^`\\]|\\.)+`|\"(?:[^\"\\]|\\.)+\"|\w+)"
_INSERT: Final = re.compile(
    rf"{_COMMENTS}insert\s+into\s+(?:table\s+)?(?P<table>{_NAME}(?:\.{_NAME})?)\s*(?P<columns>\([^()]*\))?"
    r"(?P<settings>\s*settings\s+(?:(?!\bvalues\b|\bselect\b|\bformat\b).)*)?\s*(?:values|format\s+\w+)\s*;?\s*",
    re.IGNORECASE | re.DOTALL,
)


class EngineError(Exception):
    """The engine refused a statement. `code` is ClickHouse's own number."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


def failure(error: Exception) -> EngineError:
    """Any exception out of the engine, with the code that its message names."""
    if isinstance(error, EngineError):
        return error
    if isinstance(error, UnsupportedColumnError):
        return EngineError(NOT_IMPLEMENTED, f"DB::Exception: {error}. (NOT_IMPLEMENTED)")
    found = _ERROR.search(str(error))
    if found is None:
        return EngineError(_UNKNOWN_EXCEPTION, f"DB::Exception: {error}. (UNKNOWN_EXCEPTION)")
    return EngineError(int(found[1]), found[2])


class Insert:
    """An INSERT whose rows come in blocks. They are kept in a file without a name until `finish`: all of them, or none.

    chdb's own streaming insert is of no use: it reports success for rows that the table refused.
    """

    def __init__(self, engine: "Engine", statement: str, folder: Path) -> None:
        self._engine = engine
        self._statement = statement
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed by `close`

    def append(self, native: bytes) -> None:
        """Add a block in the native format. Raises EngineError when the disk is full."""
        try:
            self._file.write(native)
        except OSError as error:
            message = f"DB::Exception: Cannot keep the block: {error.strerror}. (NOT_ENOUGH_SPACE)"
            raise EngineError(_NOT_ENOUGH_SPACE, message) from error

    def finish(self) -> None:
        """Write all rows. Raises EngineError."""
        self._file.flush()
        self._file.seek(0)
        self._engine.execute(self._statement.format(file=f"/dev/fd/{self._file.fileno()}"))

    def close(self) -> None:
        """Let the rows go."""
        self._file.close()


class Engine:
    """One connection to the engine: its own session, current database and settings. Used by one thread at a time."""

    def __init__(self, path: Path, name: str) -> None:
        self._connection = chdb.connect(str(path))
        self._path = path
        self._name = name
        self._base: dict[str, tuple[str, bool]] = {}
        self._applied: dict[str, str] = {}
        self.execute(f"SET {_MARK} = {literal(name)}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Release the connection; the engine shuts down with its last one."""
        self._connection.close()

    def execute(self, sql: str) -> bytes:
        """Run one statement and return its whole result in the native format. Raises EngineError."""
        try:
            return bytes(self._connection.query(sql, "Native").bytes())
        except Exception as error:
            raise failure(error) from error

    def rows(self, sql: str) -> list[list[str]]:
        """Run one statement of our own, all of whose columns are strings, and return its rows. Raises EngineError."""
        return [list(row) for block in read_blocks(self.execute(sql)) for row in zip(*block.strings(), strict=True)]

    def stream(self, sql: str) -> Generator[bytes, None, None]:
        """The result in pieces of whole native blocks, in one where it cannot stream. Raises EngineError."""
        sql = _FORMAT.sub("", sql)
        if not _READING.match(sql):
            yield self.execute(sql)
            return
        try:
            result = self._connection.send_query(sql, "Native")
        except Exception as error:
            if "Streaming query is not supported" not in str(error):
                raise failure(error) from error
            yield self.execute(sql)
            return
        try:
            for piece in result:
                yield bytes(piece.bytes())
        except Exception as error:
            raise failure(error) from error
        finally:
            result.cancel()

    def columns(self, sql: str) -> list[bytes]:
        """Names and types of what a reading statement returns; none for other statements."""
        sql = _FORMAT.sub("", sql).rstrip().rstrip(";")
        if not _READING.match(sql):
            return []
        return self._describe(sql)

    def insert(self, sql: str) -> tuple[Insert, list[bytes]] | None:
        """Where the rows of an INSERT go that follow it in blocks, and the columns it expects. Raises EngineError."""
        found = _INSERT.fullmatch(sql)
        if found is None:
            return None
        table, columns, settings = found["table"], found["columns"] or "", found["settings"] or ""
        wanted = columns[1:-1] if columns[1:-1].strip() else "*"
        expected = self._describe(f"SELECT {wanted} FROM {table}")  # noqa: S608 - the client may run any statement anyway
        target = _braced(f"INSERT INTO {table} {columns} FROM INFILE")
        statement = f"{target} '{{file}}' COMPRESSION 'none' {_braced(settings)} FORMAT Native"
        return Insert(self, statement, self._path), expected

    def _describe(self, sql: str) -> list[bytes]:
        rows = self.rows(f"DESCRIBE TABLE (\n{sql}\n) SETTINGS print_pretty_type_names = 0")
        return [heading(row[0], row[1]) for row in rows]

    def prepare(self, query: Query) -> None:
        """Put a query's settings and parameters in force, and take back those of the query before."""
        # A SET of the client's own must not be undone by what an earlier query had set for itself alone.
        wanted = {} if _SETTING.match(query.sql) else {setting.name: setting for setting in query.settings}
        for name in [name for name in self._applied if name not in wanted]:
            self._restore(name)
        for setting in wanted.values():
            if self._applied.get(setting.name) != setting.value:
                self._apply(setting)
        for name, value in query.parameters:
            self.execute(f"SET param_{name} = {value}")

    def _apply(self, setting: Setting) -> None:
        name = setting.name
        if name not in self._base:
            sql = f"SELECT value, toString(changed) FROM system.settings WHERE name = {literal(name)}"  # noqa: S608 - quoted
            before = self.rows(sql)
            if not before and not setting.important:
                return
            if before:
                self._base[name] = (before[0][0], before[0][1] == "1")
        self.execute(f"SET `{name}` = {literal(setting.value)}")
        self._applied[name] = setting.value

    def _restore(self, name: str) -> None:
        value, changed = self._base.pop(name, ("", False))
        del self._applied[name]
        self.execute(f"SET `{name}` = {literal(value) if changed else 'DEFAULT'}")

    def kill(self, name: str) -> None:
        """End whatever the client of that name runs now. Called from another client's engine."""
        self.execute(f"KILL QUERY WHERE Settings['{_MARK}'] = {literal(name)}")


def literal(value: str) -> str:
    """A string as a SQL literal."""
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _braced(text: str) -> str:
    """Text that `str.format` leaves as it is."""
    return text.replace("{", "{{").replace("}", "}}")
