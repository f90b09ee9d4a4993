"""The native ClickHouse protocol at one fixed revision: reading what a client sends, composing what it gets.

Bytes in, values out. Must not know the engine, threads or sockets beyond "give me more bytes".
"""

import enum
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

Bytes = bytes | bytearray

# The first revision with query parameters; later ones add chunked packets and sparse columns, which nobody here needs.
REVISION: Final = 54459
SERVER_NAME: Final = "ClickHouse"
IMPORTANT: Final = 1

_BLOCK_INFO: Final = b"\x01\x00\x02\xff\xff\xff\xff\x00"
_INTERFACE_TCP: Final = 1


class ClientPacket(enum.IntEnum):
    """What a client may send."""

    HELLO = 0
    QUERY = 1
    DATA = 2
    CANCEL = 3
    PING = 4


class ServerPacket(enum.IntEnum):
    """What we answer with."""

    HELLO = 0
    DATA = 1
    EXCEPTION = 2
    PROGRESS = 3
    PONG = 4
    END_OF_STREAM = 5
    PROFILE_INFO = 6
    PROFILE_EVENTS = 14


class ProtocolError(Exception):
    """The client speaks something that we cannot follow; the connection must end."""


class Refill(Protocol):
    """Appends at least one byte to the buffer, or raises EOFError."""

    def __call__(self, buffer: bytearray, /) -> None:
        """Wait for more."""
        ...


class Reader:
    """Reads values from a buffer that a `refill` extends when it runs short; without one the end is an EOFError."""

    def __init__(self, data: Bytes, refill: Refill | None = None) -> None:
        self.data = data
        self.position = 0
        self._refill = refill

    def need(self, end: int) -> None:
        """Make sure that `data` reaches `end`."""
        while len(self.data) < end:
            if self._refill is None or not isinstance(self.data, bytearray):
                raise EOFError
            self._refill(self.data)

    def drop(self) -> None:
        """Forget what was read, so that the buffer holds one packet at a time."""
        if isinstance(self.data, bytearray):
            del self.data[: self.position]
            self.position = 0

    def skip(self, size: int) -> None:
        """Pass over `size` bytes."""
        self.need(self.position + size)
        self.position += size

    def raw(self, size: int) -> bytes:
        """The next `size` bytes."""
        start = self.position
        self.skip(size)
        return bytes(self.data[start : start + size])

    def byte(self) -> int:
        """The next byte."""
        self.skip(1)
        return self.data[self.position - 1]

    def uint64(self) -> int:
        """Eight bytes, little-endian."""
        return int.from_bytes(self.raw(8), "little")

    def varint(self) -> int:
        """A LEB128 number."""
        value = shift = 0
        while (byte := self.byte()) > 127:  # noqa: PLR2004 - seven bits carry the number, the eighth says "more"
            value |= (byte & 127) << shift
            shift += 7
        return value | byte << shift

    def text(self) -> str:
        """A length and UTF-8 bytes; bytes that are no UTF-8 are kept as surrogates."""
        return self.raw(self.varint()).decode("utf-8", "surrogateescape")


def varint(value: int) -> bytes:
    """A number as LEB128."""
    out = bytearray()
    while value > 127:  # noqa: PLR2004 - seven bits carry the number, the eighth says "more"
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def text(value: str) -> bytes:
    """A length and UTF-8 bytes."""
    data = value.encode("utf-8", "surrogateescape")
    return varint(len(data)) + data


@dataclass(frozen=True, slots=True)
class Hello:
    """Who connects. Only the database matters: the embedded engine has no users."""

    revision: int
    database: str


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting of a query; an unknown one is an error only if it is `important`."""

    name: str
    value: str
    important: bool


@dataclass(frozen=True, slots=True)
class Query:
    """One statement. Parameter values are SQL literals, as they stand on the wire."""

    sql: str
    settings: tuple[Setting, ...]
    parameters: tuple[tuple[str, str], ...]
    compressed: bool


def read_hello(reader: Reader) -> Hello:
    """The first packet, without its type. Raises ProtocolError for a client older than `REVISION`."""
    reader.text()
    reader.varint()
    reader.varint()
    revision = reader.varint()
    database, _user, _password = reader.text(), reader.text(), reader.text()
    if revision < REVISION:
        message = f"the client's protocol revision {revision} is older than {REVISION}: use a newer client"
        raise ProtocolError(message)
    return Hello(revision, database)


def read_addendum(reader: Reader) -> None:
    """What a client adds once it has seen our revision: its quota key, of no use here."""
    reader.text()


def read_query(reader: Reader) -> Query:
    """A query packet, without its type."""
    reader.text()
    _skip_client_info(reader)
    settings = []
    while name := reader.text():
        flags = reader.varint()
        settings.append(Setting(name, reader.text(), bool(flags & IMPORTANT)))
    reader.text()
    reader.varint()
    compressed = bool(reader.varint())
    sql = reader.text()
    parameters = []
    while name := reader.text():
        reader.varint()
        parameters.append((name, reader.text()))
    return Query(sql, tuple(settings), tuple(parameters), compressed)


def _skip_client_info(reader: Reader) -> None:
    if reader.byte() == 0:
        return
    for _ in range(3):
        reader.text()
    reader.skip(8)
    if reader.byte() != _INTERFACE_TCP:
        message = "the query does not come over the native interface"
        raise ProtocolError(message)
    for _ in range(3):
        reader.text()
    for _ in range(3):
        reader.varint()
    reader.text()
    reader.varint()
    reader.varint()
    if reader.byte():
        reader.skip(16 + 8)
        reader.text()
        reader.skip(1)
    for _ in range(3):
        reader.varint()


def read_block_info(reader: Reader) -> None:
    """The numbered fields before a block; they matter only between servers."""
    while field := reader.varint():
        reader.skip(1 if field == 1 else 4)


def hello(version: Sequence[int], timezone: str) -> bytes:
    """Our answer to the client's hello. `version`: major, minor, patch."""
    major, minor, patch = version
    return b"".join(
        (
            varint(ServerPacket.HELLO),
            text(SERVER_NAME),
            varint(major),
            varint(minor),
            varint(REVISION),
            text(timezone),
            text("embedded"),
            varint(patch),
        )
    )


def client_hello() -> bytes:
    """What a client says first; enough to learn whether a server answers."""
    numbers = varint(0) + varint(1) + varint(REVISION)
    return varint(ClientPacket.HELLO) + text(f"{SERVER_NAME} probe") + numbers + text("") + text("default") + text("")


def pong() -> bytes:
    """The answer to a ping."""
    return varint(ServerPacket.PONG)


def end_of_stream() -> bytes:
    """The end of an answer."""
    return varint(ServerPacket.END_OF_STREAM)


def data(block: bytes) -> bytes:
    """A block in the native format of `REVISION`, as a packet."""
    return varint(ServerPacket.DATA) + text("") + _BLOCK_INFO + block


def progress(rows: int, size: int) -> bytes:
    """What was read since the last such packet."""
    return varint(ServerPacket.PROGRESS) + varint(rows) + varint(size) + varint(0) * 3


def profile_info(rows: int, blocks: int, size: int) -> bytes:
    """What a result held."""
    return varint(ServerPacket.PROFILE_INFO) + varint(rows) + varint(blocks) + varint(size) + b"\0" + varint(0) + b"\0"


def profile_events() -> bytes:
    """What a client waits for after each block that it sends; we count nothing."""
    return varint(ServerPacket.PROFILE_EVENTS) + text("") + _BLOCK_INFO + varint(0) + varint(0)


def exception(code: int, message: str) -> bytes:
    """An error of the engine, with its real code."""
    head = varint(ServerPacket.EXCEPTION) + struct.pack("<i", code)
    return head + text("DB::Exception") + text(message) + text("") + b"\0"
