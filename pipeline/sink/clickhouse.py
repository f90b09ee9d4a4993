"""The connection to ClickHouse: insert a block, run a query, and what each error means.

The only module that imports clickhouse_driver. Must not know what the rows say.
"""

import logging
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, NoReturn, Self

from clickhouse_driver import Client, errors
from msgspec import Struct, structs

from pipeline.errors import ClickHouseError, ClickHouseSchemaError, ClickHouseUnavailableError
from pipeline.sink.verdicts import DONE, Answer, Verdict, judge_code, one_line

if TYPE_CHECKING:
    from pipeline.settings import Settings

CONNECT_TIMEOUT_SECONDS: Final = 10.0
ANSWER_TIMEOUT_SECONDS: Final = 60.0
# Reading only: 1 would forbid the views, too, to pin their settings.
READ_ONLY: Final = {"readonly": 2}
LOOKUP_IDS: Final = 300  # of 200 characters, four bytes each: below the server's limit on the length of a query


class _SchemaDiffersError(Exception):
    """The table's columns are not of the types that we write: inserting could store something else."""


# The server is away, or the connection is: a new one may do. A server that is killed shows as a bare EOFError.
_AWAY: Final = (
    EOFError,
    OSError,
    errors.NetworkError,
    errors.SocketTimeoutError,
    errors.PartiallyConsumedQueryError,
    errors.UnexpectedPacketFromServerError,
    errors.UnknownPacketFromServerError,
    errors.ChecksumDoesntMatchError,
)
# The driver cannot write a value into its column; the connection is given up with the half-written block.
_REFUSED_HERE: Final = (
    errors.TypeMismatchError,
    errors.TooLargeStringSize,
    errors.CannotParseUuidError,
    errors.CannotParseDomainError,
    ValueError,  # UnicodeEncodeError among them
    OverflowError,
    TypeError,
    AttributeError,
)
_FAILED: Final = (errors.Error, _SchemaDiffersError, *_AWAY)
_JUDGED: Final = (*_FAILED, *_REFUSED_HERE)

# The driver logs a traceback for every attempt to connect; who tries again reports that itself.
logging.getLogger("clickhouse_driver.connection").setLevel(logging.ERROR)


class Result(Struct, frozen=True):
    """What a query returned. `types` are ClickHouse's names."""

    names: tuple[str, ...]
    types: tuple[str, ...]
    rows: list[tuple[Any, ...]]


class _CheckedClient(Client):  # type: ignore[misc]  # the driver ships no types
    """Refuses an INSERT into columns of other types than expected, before a byte of data is sent."""

    expected: Mapping[str, str] | None = None

    def receive_sample_block(self) -> Any:  # noqa: ANN401 - the driver ships no types
        """The columns of the table, as the server names them in answer to an INSERT."""
        block = super().receive_sample_block()
        if self.expected is not None and block is not None:
            _refuse_other_columns(self.expected, block.columns_with_types)
        return block


class ClickHouse:
    """One connection, made at its first use and again after an error. For one thread only."""

    def __init__(self, host: str, port: int, *, database: str, user: str = "default", password: str = "") -> None:
        self.database = database
        self._client = _CheckedClient(
            host,
            port=port,
            database=database,
            user=user,
            password=password,
            client_name="touchpoint",
            connect_timeout=CONNECT_TIMEOUT_SECONDS,
            send_receive_timeout=ANSWER_TIMEOUT_SECONDS,
            tcp_keepalive=True,
            settings={"async_insert": 0},
            settings_is_important=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def insert(self, table: str, types: Mapping[str, str], columns: Sequence[list[Any]]) -> Answer:
        """Insert the columns named in `types` as one block; a verdict instead of an exception.

        The lists stay as they are, so the same block can be sent again.
        """
        self._client.expected = types
        try:
            self._client.execute(f"INSERT INTO {table} ({', '.join(types)}) VALUES", columns, columnar=True)
        except _JUDGED as error:
            return judge(error)
        finally:
            self._client.expected = None
        return DONE

    def query(self, sql: str, params: Mapping[str, Any] | None = None) -> Result:
        """Run one of our own statements.

        Raises ClickHouseUnavailableError, ClickHouseSchemaError or ClickHouseError.
        """
        with operator_errors():
            return self._query(sql, params)

    def ask(self, sql: str) -> Result:
        """Run a user's statement; the server itself refuses whatever writes.

        Raises ClickHouseUnavailableError, or ClickHouseError with the server's words.
        """
        try:
            return self._query(sql, settings=READ_ONLY)
        except _FAILED as error:
            raise_for(structs.replace(judge(error), remedy=""), error)

    def _query(
        self, sql: str, params: Mapping[str, Any] | None = None, settings: Mapping[str, Any] | None = None
    ) -> Result:
        rows, columns = self._client.execute(sql, params, with_column_types=True, settings=settings)
        return Result(tuple(name for name, _ in columns), tuple(kind for _, kind in columns), rows)

    def command(self, sql: str) -> None:
        """Run a statement that returns no rows. Raises as `query` does."""
        with operator_errors():
            self._client.execute(sql)

    def earlier_lives(
        self, ids: Sequence[str], progress: Callable[[], None] = lambda: None
    ) -> dict[str, list[tuple[str, int]]]:
        """For each id that has rows: topic id and first offset of each life, whichever version the row is.

        `progress` hears of each answer of the server. Raises as `query` does.
        """
        lives: dict[str, list[tuple[str, int]]] = {}
        for start in range(0, len(ids), LOOKUP_IDS):
            wanted = tuple(ids[start : start + LOOKUP_IDS])
            sql = (
                "SELECT DISTINCT interaction_id, topic_id, first_offset FROM interaction_scores"
                " WHERE interaction_id IN %(ids)s"
            )
            for interaction, topic_id, first_offset in self.query(sql, {"ids": wanted}).rows:
                lives.setdefault(interaction, []).append((topic_id, first_offset))
            progress()
        return lives

    def hang_up(self) -> None:
        """Break off what another thread waits for here, if anything: to that thread the server has gone."""
        connected = self._client.connection.socket
        if connected is not None:
            with suppress(OSError):  # gone meanwhile
                connected.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Disconnect; the next use connects again. For the thread that uses it."""
        self._client.disconnect()


def connect(settings: "Settings") -> ClickHouse:
    """A connection as the settings say; opened at its first use."""
    host, port = host_and_port(settings)
    return ClickHouse(
        host,
        port,
        database=settings.database,
        user=settings.clickhouse_user,
        password=settings.clickhouse_password_text(),
    )


def host_and_port(settings: "Settings") -> tuple[str, int]:
    """Where ClickHouse listens. Raises StackError when neither a setting nor a running stack says so."""
    host, _, port = settings.clickhouse_address().rpartition(":")
    return host.strip("[]"), int(port)


def judge(error: Exception) -> Answer:
    """What an exception out of the driver means. One that nobody has judged is fatal."""
    if isinstance(error, errors.ServerException):
        return judge_code(error.code or 0, error.message or "")
    if isinstance(error, _SchemaDiffersError):
        return Answer(Verdict.FATAL, str(error), "table differs", "undo the change, or run the release that fits")
    name = type(error).__name__
    if isinstance(error, _AWAY):
        reason = one_line(str(getattr(error, "message", None) or error)) or "the connection broke"
        return Answer(Verdict.RETRY, f"ClickHouse does not answer: {reason} [{name}]", name)
    if isinstance(error, _REFUSED_HERE):
        return Answer(Verdict.VALUE, f"clickhouse-driver cannot write a value [{name}]", f"clickhouse-driver {name}")
    return Answer(Verdict.FATAL, f"clickhouse-driver: {one_line(str(error))} [{name}]", name)


@contextmanager
def operator_errors() -> Iterator[None]:
    """Turn what the driver raises into our exceptions, each with a line for the operator."""
    try:
        yield
    except _FAILED as error:
        raise_for(judge(error), error)


def raise_for(answer: Answer, cause: BaseException | None = None) -> NoReturn:
    """Raise what the verdict is as an exception."""
    if answer.verdict is Verdict.RETRY:
        raise ClickHouseUnavailableError(answer.message) from cause
    if answer.remedy:
        message = f"{answer.message}; {answer.remedy}"
        raise ClickHouseSchemaError(message) from cause
    raise ClickHouseError(answer.message) from cause


def _refuse_other_columns(expected: Mapping[str, str], found: Sequence[tuple[str, str]]) -> None:
    """Values are sent by position, so the order counts like the types."""
    if list(found) == list(expected.items()):
        return
    kinds = dict(found)
    differing = [
        f"{column} is {kinds.get(column, 'missing')}, expected {kind}"
        for column, kind in expected.items()
        if kinds.get(column) != kind
    ]
    message = f"ClickHouse: the table's columns differ: {'; '.join(differing) or 'another order'}"
    raise _SchemaDiffersError(message)
