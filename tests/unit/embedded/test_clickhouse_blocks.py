"""The walk over native blocks: it ends exactly where a block ends, however the bytes arrive."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.embedded.clickhouse_blocks import UnsupportedColumnError, arguments, layout, read_block, read_blocks
from pipeline.embedded.clickhouse_wire import Reader, text, varint

STRINGS = b"\x02ab\x00" + varint(200) + b"x" * 200
# As ClickHouse writes them: kind of type, three rows, their bytes.
COLUMNS = {
    "String": STRINGS,
    "UInt8": b"\x01\x02\x03",
    "DateTime64(3, 'Europe/Zurich')": bytes(24),
    "Decimal(18, 3)": bytes(24),
    "Decimal(19, 3)": bytes(48),
    "FixedString(5)": bytes(15),
    "Enum8('a, (b' = 1, 'it\\'s' = 2)": bytes(3),
    "Nullable(UInt16)": bytes(3 + 6),
    "Array(UInt16)": struct.pack("<3Q", 1, 1, 3) + bytes(6),
    "Array(Array(UInt8))": struct.pack("<3Q", 1, 1, 2) + struct.pack("<2Q", 0, 2) + bytes(2),
    "Tuple(a UInt8, `b, c` String)": bytes(3) + STRINGS,
    "Map(String, UInt8)": struct.pack("<3Q", 0, 2, 2) + b"\x01a\x01b" + bytes(2),
    "Point": bytes(48),
    "LowCardinality(String)": struct.pack("<4Q", 1, 0x600, 2, 0)[:24] + b"\x00\x01a" + struct.pack("<Q", 3) + bytes(3),
    "LowCardinality(Nullable(UInt32))": struct.pack("<3Q", 1, 0x601, 2) + bytes(8) + struct.pack("<Q", 3) + bytes(6),
    "Array(LowCardinality(String))": struct.pack("<Q", 1) + struct.pack("<3Q", 0, 0, 0),
    "SimpleAggregateFunction(sum, UInt64)": bytes(24),
    "IntervalDay": bytes(24),
}


def block(columns: dict[str, bytes], *, versioned: bool) -> bytes:
    encoding = b"\0" if versioned else b""
    parts = [text(f"c {kind}") + text(kind) + encoding + values for kind, values in columns.items()]
    return varint(len(columns)) + varint(3) + b"".join(parts)


@pytest.mark.parametrize("kind", list(COLUMNS))
def test_column_ends_where_it_ends(kind: str) -> None:
    column, reader = layout(kind), Reader(COLUMNS[kind] + b"next")

    reader.skip(column.prefix)
    column.skip(reader, 3)

    assert reader.raw(4) == b"next"


@given(st.lists(st.integers(1, 50)))
def test_torn_packets_give_the_same_block(sizes: list[int]) -> None:
    data = block(COLUMNS, versioned=True) + b"next"
    pieces, start = [], 0
    for size in sizes:
        pieces.append(data[start : start + size])
        start += size
    pieces.append(data[start:])
    arriving = iter([piece for piece in pieces if piece])

    def refill(buffer: bytearray) -> None:
        buffer += next(arriving)

    reader = Reader(bytearray(), refill)
    found = read_block(reader, versioned=True)

    assert reader.raw(4) == b"next"
    assert found.rows == 3
    assert found.plain() == block(COLUMNS, versioned=False)
    assert found.versioned() == block(COLUMNS, versioned=True)


def test_result_is_cut_into_its_blocks() -> None:
    one = block({"String": STRINGS}, versioned=False)

    found = read_blocks(one * 3)

    assert [each.plain() for each in found] == [one] * 3
    assert found[0].strings() == [["ab", "", "x" * 200]]


def test_cut_off_block_is_an_end_of_file() -> None:
    with pytest.raises(EOFError):
        read_blocks(block({"String": STRINGS}, versioned=False)[:-1])


@pytest.mark.parametrize("kind", ["JSON", "Variant(String, UInt8)", "Dynamic", "AggregateFunction(uniq, String)"])
def test_types_whose_end_is_unknown_are_refused(kind: str) -> None:
    with pytest.raises(UnsupportedColumnError, match="not supported"):
        layout(kind)


def test_arguments_are_split_at_outermost_commas_only() -> None:
    assert arguments("a Map(String, UInt8), `b, c` Enum8('x, (' = 1), d UInt8") == [
        "a Map(String, UInt8)",
        "`b, c` Enum8('x, (' = 1)",
        "d UInt8",
    ]


@given(st.integers(0, 2**63))
def test_varint_is_read_as_written(number: int) -> None:
    assert Reader(varint(number)).varint() == number
