"""What a sink and an analyst rely on when they speak ClickHouse's native protocol: the embedded server keeps to it.

Written against a client only, so the same suite can be pointed at a real server.
"""

import datetime as dt
import socket
import time

import pytest
from clickhouse_driver import Client
from clickhouse_driver.errors import ServerException

from tests.integration.conftest import Place

pytestmark = pytest.mark.integration


def test_many_blocks_arrive_whole_in_both_directions(client: Client) -> None:
    client.execute("CREATE TABLE t (n UInt32, s String) ENGINE = MergeTree ORDER BY n")
    rows = [(number, f"value {number}") for number in range(200_000)]

    client.execute("INSERT INTO t VALUES", rows, settings={"insert_block_size": 30_000})

    assert client.execute("SELECT * FROM t ORDER BY n") == rows


def test_one_insert_becomes_one_part(client: Client) -> None:
    client.execute("CREATE TABLE t (n UInt32) ENGINE = MergeTree ORDER BY n")

    client.execute("INSERT INTO t VALUES", [list(range(50_000))], columnar=True)

    assert client.execute("SELECT count() FROM system.parts WHERE table = 't' AND database = currentDatabase()") == [
        (1,)
    ]


def test_columns_may_be_named_in_any_order_and_left_out(client: Client) -> None:
    client.execute("CREATE TABLE t (a UInt8, b String DEFAULT 'none', c UInt8) ENGINE = Memory")

    client.execute("INSERT INTO t (c, a) VALUES", [(3, 1)])

    assert client.execute("SELECT a, b, c FROM t") == [(1, "none", 3)]


def test_insert_with_settings_in_the_statement(client: Client) -> None:
    client.execute("CREATE TABLE t (a UInt8) ENGINE = Memory")

    client.execute("INSERT INTO t (a) SETTINGS async_insert = 0 VALUES", [(1,)])

    assert client.execute("SELECT a FROM t") == [(1,)]


def test_insert_from_select_and_from_values_in_the_text(client: Client) -> None:
    client.execute("CREATE TABLE t (a UInt8) ENGINE = Memory")

    client.execute("INSERT INTO t SELECT number FROM numbers(2)")
    client.execute("INSERT INTO t VALUES (2), (3)")

    assert client.execute("SELECT a FROM t ORDER BY a") == [(0,), (1,), (2,), (3,)]


def test_empty_result_has_its_columns(client: Client) -> None:
    rows, columns = client.execute("SELECT 1 AS a, toLowCardinality('') AS b WHERE 0", with_column_types=True)

    assert (rows, columns) == ([], [("a", "UInt8"), ("b", "LowCardinality(String)")])


def test_result_tells_how_much_was_read(client: Client) -> None:
    client.execute("SELECT number FROM numbers(1000)")

    assert client.last_query.profile_info.rows == 1000
    assert client.last_query.progress.rows == 1000


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("SELEC 1", 62),
        ("SELECT * FROM missing", 60),
        ("SELECT missing", 47),
        ("SELECT missing()", 46),
        ("SELECT * FROM missing.missing", 81),
        ("SELECT toUInt8('x')", 6),
        ("SELECT throwIf(1)", 395),
        ("SELECT 1 SETTINGS missing = 1", 115),
        ("CREATE TABLE t (a Missing) ENGINE = Memory", 50),
        ("DROP TABLE missing", 60),
        ("INSERT INTO missing VALUES (1)", 60),
    ],
)
def test_error_carries_the_real_code(client: Client, statement: str, code: int) -> None:
    with pytest.raises(ServerException) as caught:
        client.execute(statement)

    assert caught.value.code == code
    assert client.execute("SELECT 1") == [(1,)]


def test_insert_into_a_missing_table_or_column_keeps_the_connection(client: Client) -> None:
    client.execute("CREATE TABLE t (a UInt8) ENGINE = Memory")
    found = []

    for statement in ("INSERT INTO missing (a) VALUES", "INSERT INTO t (b) VALUES"):
        with pytest.raises(ServerException) as caught:
            client.execute(statement, [(1,)])
        found.append(caught.value.code)

    assert found == [60, 47]
    client.execute("INSERT INTO t VALUES", [(1,)])
    assert client.execute("SELECT * FROM t") == [(1,)]


def test_insert_that_fails_while_rows_come_is_drained_and_writes_nothing(client: Client) -> None:
    client.execute("CREATE TABLE t (a Date) ENGINE = MergeTree PARTITION BY a ORDER BY a")
    days = [dt.date(2020, 1, 1) + dt.timedelta(days=day) for day in range(300)]

    with pytest.raises(ServerException) as caught:
        client.execute("INSERT INTO t VALUES", [days * 100], columnar=True, settings={"insert_block_size": 1000})

    assert caught.value.code == 252
    assert client.execute("SELECT count() FROM t") == [(0,)]


def test_error_in_the_middle_of_a_result_is_told(client: Client) -> None:
    with pytest.raises(ServerException) as caught:
        client.execute("SELECT throwIf(number = 150000) FROM numbers(200000)", settings={"max_block_size": 10_000})

    assert caught.value.code == 395
    assert client.execute("SELECT 1") == [(1,)]


def test_constraint_names_the_failing_insert_and_the_next_one_works(client: Client) -> None:
    client.execute("CREATE TABLE t (a UInt8, CONSTRAINT small CHECK a < 10) ENGINE = MergeTree ORDER BY a")

    with pytest.raises(ServerException) as caught:
        client.execute("INSERT INTO t VALUES", [(1,), (200,)])
    client.execute("INSERT INTO t VALUES", [(2,)])

    assert caught.value.code == 469
    assert client.execute("SELECT a FROM t") == [(2,)]


def test_settings_hold_for_one_query_only(client: Client) -> None:
    asked = "SELECT getSetting('max_block_size')"
    before = client.execute(asked)

    during = client.execute(asked, settings={"max_block_size": 77})

    assert (during, client.execute(asked)) == ([(77,)], before)


def test_set_lasts_beyond_a_query_that_sets_otherwise(client: Client) -> None:
    client.execute("SET max_block_size = 55")
    asked = "SELECT getSetting('max_block_size')"
    during = client.execute(asked, settings={"max_block_size": 77})

    assert (during, client.execute(asked)) == ([(77,)], [(55,)])


def test_sessions_do_not_share_settings_or_database(client: Client, place: Place) -> None:
    client.execute("SET max_block_size = 55")
    other = place.stack.client()

    assert other.execute("SELECT getSetting('max_block_size') = 55, currentDatabase()") == [(0, "default")]
    other.disconnect()


def test_unknown_setting_is_an_error_when_important(place: Place) -> None:
    strict = Client(*place.stack.clickhouse, settings={"missing": 1}, settings_is_important=True)
    lenient = Client(*place.stack.clickhouse, settings={"missing": 1})

    with pytest.raises(ServerException) as caught:
        strict.execute("SELECT 1")

    assert caught.value.code == 115
    assert lenient.execute("SELECT 1") == [(1,)]
    strict.disconnect()
    lenient.disconnect()


def test_unknown_database_is_refused_at_the_door(place: Place) -> None:
    stranger = place.stack.client("missing")

    with pytest.raises(ServerException) as caught:
        stranger.execute("SELECT 1")

    assert caught.value.code == 81


@pytest.mark.parametrize("on_server", [True, False])
def test_parameters_arrive_as_they_are(place: Place, *, on_server: bool) -> None:
    text = "it's a \\ \n 'quote'"
    client = Client(*place.stack.clickhouse, settings={"server_side_params": on_server})
    statement = "SELECT {text:String}, {list:Array(UInt8)}" if on_server else "SELECT %(text)s, %(list)s"

    assert client.execute(statement, {"text": text, "list": [1, 2]}) == [(text, [1, 2])]
    client.disconnect()


def test_final_shows_the_newest_version(client: Client) -> None:
    client.execute("CREATE TABLE t (k UInt8, v UInt64) ENGINE = ReplacingMergeTree(v) ORDER BY k")
    for version in (2, 3, 1):
        client.execute("INSERT INTO t VALUES", [(1, version)])

    assert client.execute("SELECT v FROM t FINAL") == [(3,)]


def test_statements_without_result_and_listings(client: Client) -> None:
    client.execute("CREATE TABLE t (a UInt8) ENGINE = MergeTree ORDER BY a -- a comment")
    client.execute("/* leading */ ALTER TABLE t ADD COLUMN b String")

    assert client.execute("SHOW TABLES") == [("t",)]
    assert [row[:2] for row in client.execute("DESCRIBE TABLE t")] == [("a", "UInt8"), ("b", "String")]
    assert client.execute("EXISTS TABLE t") == [(1,)]
    assert client.execute("SELECT 1 FORMAT JSON;") == [(1,)]
    assert client.execute("WITH 2 AS x SELECT x") == [(2,)]


def wait_for_queries(client: Client, text: str, number: int) -> None:
    asked = "SELECT count() FROM system.processes WHERE query LIKE %(text)s AND query NOT LIKE '%%system.processes%%'"
    deadline = time.monotonic() + 20
    while client.execute(asked, {"text": f"%{text}%"}) != [(number,)]:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def long_query(client: Client, place: Place) -> Client:
    """Another client, whose query of a minute has begun; it is known by the database's name."""
    other = place.stack.client()
    other.execute("SELECT 1")
    sleeping = f"SELECT sleepEachRow(0.1), '{place.database}' FROM numbers(600) SETTINGS max_block_size = 1"
    other.connection.send_query(sleeping)
    other.connection.send_external_tables(None)
    wait_for_queries(client, place.database, 1)
    return other


def test_insert_and_select_go_on_beside_a_long_query(client: Client, place: Place) -> None:
    client.execute("CREATE TABLE t (a UInt32) ENGINE = MergeTree ORDER BY a")
    other = long_query(client, place)

    client.execute("INSERT INTO t VALUES", [list(range(1000))], columnar=True)
    assert client.execute("SELECT count() FROM t") == [(1000,)]
    wait_for_queries(client, place.database, 1)
    other.disconnect()


def test_hanging_up_ends_the_query(client: Client, place: Place) -> None:
    other = long_query(client, place)

    other.disconnect()

    wait_for_queries(client, place.database, 0)


def test_cancel_ends_the_query_and_the_connection_goes_on(client: Client, place: Place) -> None:
    mark = f"cancel{place.database}"
    other = place.stack.client()
    progress = other.execute_iter(f"SELECT sleepEachRow(0.05), '{mark}' FROM numbers(2000) SETTINGS max_block_size = 1")
    next(progress)

    other.cancel()

    wait_for_queries(client, mark, 0)
    assert other.execute("SELECT 1") == [(1,)]
    other.disconnect()


def test_stranger_who_speaks_http_is_shown_the_door(place: Place, client: Client) -> None:
    with socket.create_connection(place.stack.clickhouse, timeout=10) as stranger:
        stranger.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert stranger.recv(100) == b""

    assert client.execute("SELECT 1") == [(1,)]


def test_compression_is_refused_with_the_setting_to_change(place: Place) -> None:
    compressing = place.stack.client()
    compressing.execute("SELECT 1")
    compressing.connection.compression = 1

    with pytest.raises(ServerException, match="switch compression off"):
        compressing.execute("SELECT 1")

    compressing.disconnect()


def test_leaving_in_the_middle_of_an_insert_writes_nothing(client: Client, place: Place) -> None:
    client.execute("CREATE TABLE t (a UInt32) ENGINE = MergeTree ORDER BY a")
    other = place.stack.client(place.database)
    other.execute("SELECT 1")
    connection = other.connection
    connection.send_query("INSERT INTO t (a) VALUES")
    connection.send_external_tables(None)
    connection.receive_packet()

    other.disconnect()

    assert client.execute("SELECT count() FROM t") == [(0,)]
