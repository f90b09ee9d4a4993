"""The database's layout: which migrations are applied, and applying those that are not.

The files `schemas/clickhouse/NNNN_name.sql` are numbered, forward-only and name no database, so that several live
side by side. The library keeps their checksums in the table `schema_versions`.
"""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from clickhouse_migrations.clickhouse_cluster import ClickhouseCluster
from clickhouse_migrations.exceptions import MigrationException
from clickhouse_migrations.migrator import STATUS_APPLIED, STATUS_PENDING
from msgspec import Struct

from pipeline.errors import ClickHouseSchemaError, ConfigError
from pipeline.sink.clickhouse import ClickHouse, host_and_port, operator_errors, raise_for
from pipeline.sink.verdicts import DONE

if TYPE_CHECKING:
    from pipeline.core.models import Model
    from pipeline.settings import Settings

_FILE: Final = re.compile(r"(\d+)_(\w+)\.sql")
_CHANGED: Final = {
    "md5-mismatch": "was changed after it was applied: put the applied text back, and add a new migration",
    "unknown": "is applied but its file is missing: run the release that brought it, or a later one",
}

ELEMENT_COLUMNS: Final[dict[str, str]] = {
    "model": "LowCardinality(String)",
    "model_version": "UInt32",
    "element": "LowCardinality(String)",
    "owner": "LowCardinality(String)",
    "element_group": "LowCardinality(String)",
    "weight": "Nullable(Float64)",
    "model_fingerprint": "LowCardinality(String)",
}


class Migration(Struct, frozen=True):
    """One numbered file, and whether the database has it."""

    version: int
    name: str
    applied: bool


def read_status(settings: "Settings") -> list[Migration]:
    """All migrations in order; changes nothing, not even when the database is missing.

    Raises ClickHouseSchemaError when applied migrations and files disagree, and as `ClickHouse.query` does.
    """
    names = _names(_directory(settings))
    with operator_errors():
        rows = _cluster(settings).status(settings.database, _directory(settings))
    for row in rows:
        if row.state not in {STATUS_APPLIED, STATUS_PENDING}:
            message = f"migration {row.version:04} {_CHANGED.get(row.state, row.state)}"
            raise ClickHouseSchemaError(message)
    return [Migration(row.version, names[row.version], row.state == STATUS_APPLIED) for row in rows]


def apply_pending(settings: "Settings") -> list[Migration]:
    """Create the database if need be and apply what is pending; returns what was applied. Safe to run again.

    Raises as `read_status` does.
    """
    pending = [migration for migration in read_status(settings) if not migration.applied]
    if pending:
        try:
            with operator_errors():
                _cluster(settings).migrate(settings.database, _directory(settings))
        except MigrationException as error:
            message = f"migrations of database {settings.database}: {error}"
            raise ClickHouseSchemaError(message) from error
    return [Migration(migration.version, migration.name, applied=True) for migration in pending]


def write_elements(clickhouse: ClickHouse, models: Iterable["Model"]) -> None:
    """Put the elements of these models with their owners into the table `elements`; a later owner wins.

    Raises as `ClickHouse.query` does.
    """
    lines = [line for model in models for line in _lines(model)]
    if not lines:
        return
    answer = clickhouse.insert("elements", ELEMENT_COLUMNS, [list(column) for column in zip(*lines, strict=True)])
    if answer is not DONE:
        raise_for(answer)


def _lines(model: "Model") -> list[tuple[object, ...]]:
    elements = [(element.name, element.owner, element.group, element.weight) for element in model.elements]
    caps = [(cap.line, cap.owner, cap.group, None) for cap in model.caps]
    return [
        (model.name, model.version, name, owner, group, weight, model.fingerprint)
        for name, owner, group, weight in (*elements, *caps)
    ]


def _cluster(settings: "Settings") -> ClickhouseCluster:
    host, port = host_and_port(settings)
    return ClickhouseCluster(
        db_host=host,
        db_port=str(port),
        db_user=settings.clickhouse_user,
        db_password=settings.clickhouse_password_text(),
        settings_is_important=True,
    )


def _directory(settings: "Settings") -> Path:
    directory = settings.schemas_dir / "clickhouse"
    if not any(directory.glob("*.sql")):
        message = f"no migrations in {directory}: TOUCHPOINT_SCHEMAS_DIR must name the release's `schemas` folder"
        raise ConfigError(message)
    return directory


def _names(directory: Path) -> dict[int, str]:
    found = [(file, _FILE.fullmatch(file.name)) for file in sorted(directory.glob("*.sql"))]
    wrong = [file.name for file, match in found if match is None]
    if wrong:
        message = f"{directory / wrong[0]}: migrations are named NNNN_name.sql"
        raise ConfigError(message)
    return {int(match[1]): match[2] for _, match in found if match is not None}
