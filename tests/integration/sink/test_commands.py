"""`touchpoint migrate` and `touchpoint sql` as scripts and people use them."""

from collections.abc import Callable

import orjson
import pytest
from typer.testing import CliRunner, Result

from pipeline.cli.main import app
from pipeline.settings import Settings
from pipeline.sink.clickhouse import ClickHouse
from tests.integration.sink.test_block import write
from tests.scored_rows import LINE, scored

pytestmark = pytest.mark.integration

Run = Callable[..., Result]


@pytest.fixture
def run(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command line on this test's database."""
    monkeypatch.setenv("TOUCHPOINT_CLICKHOUSE", settings.clickhouse_address())
    monkeypatch.setenv("TOUCHPOINT_DATABASE", settings.database)
    return lambda *arguments: CliRunner().invoke(app, arguments)


def test_dry_run_says_what_is_pending_and_applies_nothing(run: Run) -> None:
    for _ in range(2):
        found = orjson.loads(run("migrate", "--dry-run", "--json").stdout)
        assert {each["status"] for each in found["migrations"]} == {"pending"}


def test_migrate_applies_once_and_writes_the_owners_of_the_elements(run: Run) -> None:
    first = orjson.loads(run("migrate", "--json").stdout)
    second = orjson.loads(run("migrate", "--json").stdout)
    owners = orjson.loads(run("sql", "SELECT model, element, owner FROM elements FINAL", "--json").stdout)

    assert {each["status"] for each in first["migrations"]} == {"applied now"}
    assert {each["status"] for each in second["migrations"]} == {"applied"}
    assert owners
    assert all(each["owner"] for each in owners)
    assert len({(each["model"], each["element"]) for each in owners}) == len(owners)


def test_json_is_one_array_of_objects(run: Run, clickhouse: ClickHouse) -> None:
    write(clickhouse, scored(points_lost={"wait.queue": 70.0}, version=2**63))

    found = run(
        "sql",
        "SELECT interaction_id, opened_at, served_at, score, points_lost, active_conditions, version, partial,"
        " toDecimal64('1.25', 2) AS exact, toUUID('00000000-0000-0000-0000-000000000001') AS id,"
        " toInt128('-170141183460469231731687303715884105728') AS wide FROM interactions",
        "--json",
    )

    assert orjson.loads(found.stdout) == [
        {
            "interaction_id": "call-1",
            "opened_at": "1999-02-03T12:00:00.000Z",
            "served_at": None,
            "score": 30.0,
            "points_lost": {"wait.queue": 70.0},
            "active_conditions": [],
            "version": 2**63,
            "partial": False,
            "exact": "1.25",
            "id": "00000000-0000-0000-0000-000000000001",
            "wide": "-170141183460469231731687303715884105728",
        }
    ]


def test_no_rows_are_an_empty_array(run: Run, clickhouse: ClickHouse) -> None:
    assert clickhouse.query("SELECT 1").rows == [(1,)]
    assert run("sql", "SELECT * FROM interactions", "--json").stdout == "[]\n"


def test_a_table_has_its_columns_as_heads(run: Run, clickhouse: ClickHouse) -> None:
    write(clickhouse, scored())

    lines = run("sql", "SELECT touch_point, local_hour, mean_score FROM hourly").stdout.splitlines()

    assert lines[0].split() == ["touch_point", "local_hour", "mean_score"]
    assert lines[1].split() == [LINE.name, "1999-02-03", "14:00", "30"]
    assert lines[2] == "1 rows"


@pytest.mark.parametrize(
    "statement",
    [
        "DROP TABLE interaction_scores",
        "INSERT INTO elements (model) SELECT 'x'",
        "ALTER TABLE interaction_scores DELETE WHERE 1",
        "CREATE TABLE mine (a UInt8) ENGINE = Memory",
        "TRUNCATE TABLE interaction_scores",
        "SELECT 1; DROP TABLE interaction_scores",
        "SELECT 1 SETTINGS readonly = 0",
    ],
)
def test_whatever_writes_is_refused(run: Run, clickhouse: ClickHouse, statement: str) -> None:
    write(clickhouse, scored())

    refused = run("sql", statement)

    assert refused.exit_code != 0
    assert refused.stderr.startswith("touchpoint: ClickHouse: ")
    assert clickhouse.query("SELECT count() FROM interactions").rows == [(1,)]
    assert clickhouse.query("SELECT count() FROM elements").rows == [(0,)]


def test_a_mistake_is_answered_with_the_words_of_the_server(run: Run, clickhouse: ClickHouse) -> None:
    assert clickhouse.query("SELECT 1").rows == [(1,)]

    refused = run("sql", "SELECT skore FROM interactions")

    assert refused.exit_code == 3
    assert "skore" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1
