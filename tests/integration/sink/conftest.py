"""A migrated database of its own for each test, in the real engine."""

import uuid
from collections.abc import Iterator

import pytest

from pipeline.settings import Settings
from pipeline.sink.clickhouse import ClickHouse, connect
from pipeline.sink.migrations import apply_pending
from tests.integration.conftest import RunningStack


@pytest.fixture
def settings(stack: RunningStack) -> Settings:
    """Settings that name a database nobody has used."""
    host, port = stack.clickhouse
    return Settings(clickhouse=f"{host}:{port}", database=f"sink_{uuid.uuid4().hex[:12]}")


@pytest.fixture
def clickhouse(settings: Settings) -> Iterator[ClickHouse]:
    """A connection to the migrated database, dropped afterwards."""
    apply_pending(settings)
    with connect(settings) as connection:
        yield connection
    with connect(settings.model_copy(update={"database": "default"})) as connection:
        connection.command(f"DROP DATABASE IF EXISTS {settings.database} SYNC")
