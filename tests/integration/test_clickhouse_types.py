"""Each column type that we use, and its neighbours, goes through the embedded server unchanged in both directions."""

import datetime as dt
import uuid
from decimal import Decimal
from typing import Any

import pytest
from clickhouse_driver import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytestmark = pytest.mark.integration

UTC = dt.UTC

VALUES: dict[str, list[Any]] = {
    "Bool": [True, False],
    "UInt8": [0, 255],
    "Int64": [-(2**63), 2**63 - 1],
    "UInt64": [0, 2**64 - 1],
    "UInt128": [0, 2**128 - 1],
    "Float64": [0.0, -1.5e300],
    "Decimal(12, 3)": [Decimal("-1.250"), Decimal("99999.999")],
    "String": ["", "grüezi", "x" * 200, "y" * 70_000],
    "FixedString(3)": ["abc", "xyz"],
    "Date": [dt.date(1999, 2, 28), dt.date(2100, 1, 1)],
    "DateTime": [dt.datetime(1999, 2, 28, 12)],  # noqa: DTZ001 - the client gives it without a zone
    "DateTime64(3, 'UTC')": [dt.datetime(1999, 2, 28, 12, 0, 0, 123000, tzinfo=UTC)],
    "UUID": [uuid.UUID(int=7)],
    "Nullable(Float64)": [None, 1.5],
    "Nullable(String)": [None, "", "a"],
    "LowCardinality(String)": ["a", "b", "a"],
    "LowCardinality(Nullable(String))": [None, "a", None],
    "Array(String)": [[], ["a", "b"]],
    "Array(Array(UInt8))": [[], [[1], [], [2, 3]]],
    "Array(LowCardinality(String))": [[], ["a"], ["b", "a"]],
    "Array(Nullable(UInt8))": [[None, 1], []],
    "Map(String, Float64)": [{}, {"a": 1.0, "b": 2.0}],
    "Map(LowCardinality(String), Float64)": [{}, {"waiting.time": 12.5}],
    "Map(LowCardinality(String), Array(String))": [{"a": ["x"]}, {}],
    "Tuple(UInt8, String)": [(1, "a")],
    "Tuple(a UInt8, `b c` LowCardinality(String))": [(1, "a"), (2, "b")],
    "SimpleAggregateFunction(max, UInt64)": [1, 2],
}


@pytest.mark.parametrize("kind", list(VALUES))
def test_values_come_back_as_they_went_in(client: Client, kind: str) -> None:
    values = VALUES[kind]
    client.execute(f"CREATE TABLE t (n UInt16, v {kind}) ENGINE = MergeTree ORDER BY n")

    client.execute("INSERT INTO t (n, v) VALUES", [list(range(len(values))), values], columnar=True)

    assert [row[0] for row in client.execute("SELECT v FROM t ORDER BY n")] == values


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(
        st.tuples(
            st.text(max_size=300),
            st.dictionaries(st.text(max_size=5), st.floats(allow_nan=False), max_size=3),
            st.none() | st.text(max_size=5),
            st.lists(st.text(max_size=3), max_size=4),
        ),
        min_size=1,
        max_size=400,
    )
)
def test_any_block_of_our_types_comes_back(client: Client, rows: list[tuple[Any, ...]]) -> None:
    client.execute("DROP TABLE IF EXISTS t SYNC")
    client.execute(
        "CREATE TABLE t (n UInt32, a String, b Map(LowCardinality(String), Float64), "
        "c LowCardinality(Nullable(String)), d Array(LowCardinality(String))) ENGINE = Memory"
    )

    client.execute("INSERT INTO t VALUES", [(number, *row) for number, row in enumerate(rows)])

    assert client.execute("SELECT * EXCEPT n FROM t ORDER BY n") == rows
