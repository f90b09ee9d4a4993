"""Migrations: applied once, refused when changed, nothing touched by reading, databases side by side."""

import shutil
from pathlib import Path

import pytest

from pipeline.errors import ClickHouseError, ClickHouseSchemaError
from pipeline.settings import Settings
from pipeline.sink.clickhouse import ClickHouse, connect
from pipeline.sink.clocks import CLOCK_COLUMNS, CLOCKS
from pipeline.sink.migrations import apply_pending, read_status
from pipeline.sink.rows import REJECT_COLUMNS, REJECTS, SCORE_COLUMNS, SCORES
from pipeline.sink.verdicts import MISSING, REFUSED_VALUES, RETRYABLE

pytestmark = pytest.mark.integration


def names(settings: Settings) -> list[str]:
    with connect(settings.model_copy(update={"database": "default"})) as connection:
        return [name for (name,) in connection.query("SHOW DATABASES").rows]


def test_reading_the_status_creates_nothing(settings: Settings) -> None:
    assert not any(migration.applied for migration in read_status(settings))
    assert settings.database not in names(settings)


def test_migrations_are_applied_once(settings: Settings, clickhouse: ClickHouse) -> None:
    assert clickhouse.query("SELECT count() FROM interactions").rows == [(0,)]
    assert apply_pending(settings) == []
    assert all(migration.applied for migration in read_status(settings))


def test_a_migration_changed_after_it_was_applied_is_refused(
    settings: Settings, clickhouse: ClickHouse, tmp_path: Path
) -> None:
    assert clickhouse.database == settings.database
    shutil.copytree(settings.schemas_dir / "clickhouse", tmp_path / "clickhouse")
    with (tmp_path / "clickhouse" / "0003_audited.sql").open("a") as file:
        file.write("-- changed\n")

    with pytest.raises(ClickHouseSchemaError, match="migration 0003 was changed"):
        apply_pending(settings.model_copy(update={"schemas_dir": tmp_path}))


def test_a_migration_without_its_file_is_refused(settings: Settings, clickhouse: ClickHouse, tmp_path: Path) -> None:
    assert clickhouse.database == settings.database
    shutil.copytree(settings.schemas_dir / "clickhouse", tmp_path / "clickhouse")
    (tmp_path / "clickhouse" / "0006_views.sql").unlink()

    with pytest.raises(ClickHouseSchemaError, match="migration 0006 is applied but its file is missing"):
        read_status(settings.model_copy(update={"schemas_dir": tmp_path}))


def test_a_migration_that_failed_half_way_is_applied_again(settings: Settings, tmp_path: Path) -> None:
    shutil.copytree(settings.schemas_dir / "clickhouse", tmp_path / "clickhouse")
    broken = tmp_path / "clickhouse" / "0005_conditions_feedback_outcomes.sql"
    whole = broken.read_text()
    broken.write_text(
        whole.replace("CREATE TABLE IF NOT EXISTS outcomes", "CREATE TABLE IF NOT EXISTS outcomes nonsense")
    )
    moved = settings.model_copy(update={"schemas_dir": tmp_path})

    with pytest.raises(ClickHouseError, match="code 62"):
        apply_pending(moved)
    broken.write_text(whole)

    pending = [migration.version for migration in read_status(moved) if not migration.applied]
    assert pending[:2] == [5, 6]
    assert [migration.version for migration in apply_pending(moved)] == pending
    with connect(moved) as connection:
        connection.command(f"DROP DATABASE {moved.database} SYNC")


@pytest.mark.parametrize(
    ("table", "columns"), [(SCORES, SCORE_COLUMNS), (REJECTS, REJECT_COLUMNS), (CLOCKS, CLOCK_COLUMNS)]
)
def test_the_columns_that_we_write_are_those_of_the_table(
    clickhouse: ClickHouse, table: str, columns: dict[str, str]
) -> None:
    found = clickhouse.query(
        f"SELECT name, type FROM system.columns WHERE table = '{table}' AND database = currentDatabase()"
    )

    assert [column for column in found.rows if column[0] not in {"inserted_at", "updated_at"}] == list(columns.items())


def test_the_codes_that_we_judge_bear_their_real_names(clickhouse: ClickHouse) -> None:
    names = RETRYABLE | REFUSED_VALUES | {code: name for code, (name, _) in MISSING.items()}

    found = clickhouse.query("SELECT number, errorCodeToName(number) FROM numbers(2000)").rows

    assert names == {code: name for code, name in found if code in names}


def test_the_tables_of_two_databases_are_apart(settings: Settings, clickhouse: ClickHouse) -> None:
    other = settings.model_copy(update={"database": f"{settings.database}_other"})
    apply_pending(other)
    clickhouse.command("INSERT INTO elements (model, element) SELECT 'm', 'e'")

    with connect(other) as beside:
        assert beside.query("SELECT count() FROM points_lost_by_element").rows == [(0,)]
        assert beside.query("SELECT count() FROM elements").rows == [(0,)]
        beside.command(f"DROP DATABASE {other.database} SYNC")
