"""Where a block of the native format ends: the protocol gives blocks no length, so each column is walked over.

Values are never decoded, only passed over, which is what lets a Python server take tens of thousands of rows a second.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from pipeline.embedded.clickhouse_wire import Reader, text, varint

Skip = Callable[[Reader, int], None]

NOT_IMPLEMENTED: Final = 48

_WIDTHS: Final = {
    "Bool": 1, "Int8": 1, "UInt8": 1, "Enum8": 1, "Nothing": 1,
    "Int16": 2, "UInt16": 2, "Enum16": 2, "Date": 2, "BFloat16": 2,
    "Int32": 4, "UInt32": 4, "Float32": 4, "Date32": 4, "DateTime": 4, "IPv4": 4, "Decimal32": 4, "Time": 4,
    "Int64": 8, "UInt64": 8, "Float64": 8, "DateTime64": 8, "Decimal64": 8, "Time64": 8,
    "Int128": 16, "UInt128": 16, "UUID": 16, "IPv6": 16, "Decimal128": 16,
    "Int256": 32, "UInt256": 32, "Decimal256": 32,
}  # fmt: skip
_ALIASES: Final = {
    "Point": "Tuple(Float64, Float64)",
    "Ring": "Array(Point)",
    "LineString": "Array(Point)",
    "Polygon": "Array(Ring)",
    "MultiLineString": "Array(LineString)",
    "MultiPolygon": "Array(Polygon)",
}
_FIELD_NAME: Final = re.compile(r"\s*(?:`(?:[^`\\]|\\.)*`|[A-Za-z_]\w*)\s+(?=[A-Z])")
# Precision up to which a Decimal(P, S) fits into so many bytes.
_DECIMALS: Final = ((9, 4), (18, 8), (38, 16), (76, 32))
_ADDITIONAL_KEYS: Final = 1 << 9
_GLOBAL_DICTIONARY: Final = 1 << 8


class UnsupportedColumnError(Exception):
    """A column type or encoding that this server cannot pass on."""


@dataclass(frozen=True, slots=True)
class Column:
    """How to pass over one column: the bytes of its state before the values, then the values."""

    prefix: int
    skip: Skip


@dataclass(frozen=True, slots=True)
class Block:
    """One block: per column its name and type as they stand on the wire, and its values."""

    rows: int
    columns: tuple[tuple[bytes, bytes], ...]

    def plain(self) -> bytes:
        """The native format as files and the engine have it."""
        return self._compose(self.rows, b"")

    def versioned(self) -> bytes:
        """The native format as the protocol has it: with a byte per column that says how it is encoded."""
        return self._compose(self.rows, b"\0")

    def header(self) -> bytes:
        """The columns alone, as the protocol has them."""
        return header([heading for heading, _values in self.columns])

    def strings(self) -> list[list[str]]:
        """The values, column by column, of a block that holds nothing but plain strings."""
        readers = [Reader(values) for _heading, values in self.columns]
        return [[reader.text() for _ in range(self.rows)] for reader in readers]

    def _compose(self, rows: int, encoding: bytes) -> bytes:
        parts = [varint(len(self.columns)), varint(rows)]
        for heading, values in self.columns:
            parts += (heading, encoding, values)
        return b"".join(parts)


def read_block(reader: Reader, *, versioned: bool) -> Block:
    """The next block, from its column count on. Raises UnsupportedColumnError where its end cannot be found."""
    columns, rows = reader.varint(), reader.varint()
    return Block(rows, tuple(_read_column(reader, rows, versioned=versioned) for _ in range(columns)))


def read_blocks(native: bytes) -> list[Block]:
    """All blocks of a result in the engine's native format."""
    reader, found = Reader(native), []
    while reader.position < len(native):
        found.append(read_block(reader, versioned=False))
    return found


def heading(name: str, kind: str) -> bytes:
    """Name and type of a column as they stand on the wire."""
    return text(name) + text(kind)


def header(headings: list[bytes]) -> bytes:
    """A block without rows as the protocol has it: names and types of a result or of a table."""
    return varint(len(headings)) + varint(0) + b"".join(found + b"\0" for found in headings)


def _read_column(reader: Reader, rows: int, *, versioned: bool) -> tuple[bytes, bytes]:
    name, kind = reader.text(), reader.text()
    if versioned and reader.byte():
        message = f"column {name} has an encoding of its own: send it plain"
        raise UnsupportedColumnError(message)
    start = reader.position
    if rows:
        column = layout(kind)
        reader.skip(column.prefix)
        column.skip(reader, rows)
    return heading(name, kind), bytes(reader.data[start : reader.position])


@lru_cache(maxsize=1024)
def layout(kind: str) -> Column:
    """How to pass over a column of this type. Raises UnsupportedColumnError for types such as JSON."""
    name, _, rest = kind.partition("(")
    inner = rest[:-1]
    if name in _ALIASES:
        return layout(_ALIASES[name])
    if name.startswith("Interval"):
        return Column(0, _fixed(8))
    if name == "String":
        return Column(0, _strings)
    if builder := _NESTED.get(name):
        return builder(inner)
    width = _width(name, inner)
    if width is None:
        message = f"columns of type {kind} are not supported by the embedded server"
        raise UnsupportedColumnError(message)
    return Column(0, _fixed(width))


def _width(name: str, inner: str) -> int | None:
    if name == "FixedString":
        return int(inner)
    if name == "Decimal":
        precision = int(inner.partition(",")[0])
        return next(size for limit, size in _DECIMALS if precision <= limit)
    return _WIDTHS.get(name)


def _fixed(width: int) -> Skip:
    def skip(reader: Reader, rows: int) -> None:
        reader.skip(rows * width)

    return skip


def _strings(reader: Reader, rows: int) -> None:
    """The hot loop: one step per string, bounds checked by the index itself."""
    data, position, left = reader.data, reader.position, rows
    while left:
        try:
            length = data[position]
        except IndexError:
            reader.need(position + 1)
            continue
        if length > 127:  # noqa: PLR2004 - the eighth bit says that the length goes on
            reader.position = position
            length = reader.varint()
            position = reader.position + length
        else:
            position += length + 1
        left -= 1
    reader.need(position)
    reader.position = position


def _nullable(inner: str) -> Column:
    column = layout(inner)

    def skip(reader: Reader, rows: int) -> None:
        reader.skip(rows)
        column.skip(reader, rows)

    return Column(column.prefix, skip)


def _array(inner: str) -> Column:
    column = layout(inner)

    def skip(reader: Reader, rows: int) -> None:
        if not rows:
            return
        reader.skip(8 * (rows - 1))
        column.skip(reader, reader.uint64())

    return Column(column.prefix, skip)


def _tuple(inner: str) -> Column:
    columns = [layout(_FIELD_NAME.sub("", field, count=1).strip()) for field in arguments(inner)]

    def skip(reader: Reader, rows: int) -> None:
        for column in columns:
            column.skip(reader, rows)

    return Column(sum(column.prefix for column in columns), skip)


def _map(inner: str) -> Column:
    return _array(f"Tuple({inner})")


def _nested(inner: str) -> Column:
    return _array(f"Tuple({inner})")


def _aggregate(inner: str) -> Column:
    return layout(arguments(inner)[1])


def _low_cardinality(inner: str) -> Column:
    keys = layout(inner.removeprefix("Nullable(")[:-1] if inner.startswith("Nullable(") else inner)

    def skip(reader: Reader, rows: int) -> None:
        while rows > 0:
            kind = reader.uint64()
            if kind & _GLOBAL_DICTIONARY:
                message = "LowCardinality with a dictionary shared between blocks"
                raise UnsupportedColumnError(message)
            if kind & _ADDITIONAL_KEYS:
                keys.skip(reader, reader.uint64())
            indexes = reader.uint64()
            reader.skip(indexes << (kind & 0xF))
            rows -= indexes

    return Column(8 + keys.prefix, skip)


_NESTED: Final[dict[str, Callable[[str], Column]]] = {
    "Nullable": _nullable,
    "Array": _array,
    "Tuple": _tuple,
    "Map": _map,
    "Nested": _nested,
    "LowCardinality": _low_cardinality,
    "SimpleAggregateFunction": _aggregate,
}


def arguments(inner: str) -> list[str]:
    """The arguments of a type, split at its outermost commas; names in quotes stay whole."""
    found, depth, start, quote = [], 0, 0, ""
    previous = ""
    for index, letter in enumerate(inner):
        if quote:
            quote = "" if letter == quote and previous != "\\" else quote
        elif letter in "'`":
            quote = letter
        elif letter in "()":
            depth += 1 if letter == "(" else -1
        elif letter == "," and not depth:
            found.append(inner[start:index].strip())
            start = index + 1
        previous = letter
    found.append(inner[start:].strip())
    return found
