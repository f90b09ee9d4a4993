"""A migrated database for each test in the real engine: empty, and as the migrations leave it."""

import uuid
from collections.abc import Iterator

import pytest

from pipeline.settings import Settings
from pipeline.sink.clickhouse import ClickHouse, connect
from pipeline.sink.migrations import apply_pending
from tests.integration.conftest import RunningStack

LAYOUT = "SELECT name, create_table_query FROM system.tables WHERE database = currentDatabase() ORDER BY name"
TABLES = (
    "SELECT name FROM system.tables WHERE database = currentDatabase() AND has_own_data AND name != 'schema_versions'"
)


class Databases:
    """Migrates one and hands it out again and again, as long as tests leave nothing but rows in it."""

    def __init__(self, stack: RunningStack) -> None:
        host, port = stack.clickhouse
        self._clickhouse = f"{host}:{port}"
        self._free: list[tuple[Settings, list[tuple[object, ...]]]] = []

    def unused(self) -> Settings:
        """Settings that name a database nobody has made."""
        return Settings(clickhouse=self._clickhouse, database=f"sink_{uuid.uuid4().hex[:12]}")

    def take(self) -> tuple[Settings, list[tuple[object, ...]]]:
        """A migrated database without rows, and its layout."""
        if self._free:
            return self._free.pop()
        settings = self.unused()
        apply_pending(settings)
        with connect(settings) as connection:
            return settings, connection.query(LAYOUT).rows

    def give_back(self, settings: Settings, layout: list[tuple[object, ...]]) -> None:
        """Empty it for the next one, or remove it if its layout has changed."""
        with connect(settings.model_copy(update={"database": "default"})) as connection:
            here = LAYOUT.replace("currentDatabase()", f"'{settings.database}'")
            if connection.query(here).rows != layout:
                self.remove(settings)
                return
        with connect(settings) as connection:
            for (table,) in connection.query(TABLES).rows:
                connection.command(f"SYSTEM START MERGES {table}")
                connection.command(f"TRUNCATE TABLE {table}")
        self._free.append((settings, layout))

    def remove(self, settings: Settings) -> None:
        """Drop it."""
        with connect(settings.model_copy(update={"database": "default"})) as connection:
            connection.command(f"DROP DATABASE IF EXISTS {settings.database} SYNC")

    def close(self) -> None:
        """Drop what is left."""
        for settings, _ in self._free:
            self.remove(settings)


@pytest.fixture(scope="session")
def databases(stack: RunningStack) -> Iterator[Databases]:
    """Where tests have their databases from."""
    made = Databases(stack)
    yield made
    made.close()


@pytest.fixture
def settings(databases: Databases, request: pytest.FixtureRequest) -> Iterator[Settings]:
    """Settings that name the database of `clickhouse`; of a test without it, one that does not exist yet."""
    if "clickhouse" in request.fixturenames:
        mine, layout = databases.take()
        yield mine
        databases.give_back(mine, layout)
    else:
        mine = databases.unused()
        yield mine
        databases.remove(mine)


@pytest.fixture
def clickhouse(settings: Settings) -> Iterator[ClickHouse]:
    """A connection to the migrated database."""
    with connect(settings) as connection:
        yield connection
