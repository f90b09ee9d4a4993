"""One real stack for the whole session, and for each test a corner of its own: topic prefix, database, group."""

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import clickhouse_driver
import pytest
from kafka import KafkaAdminClient

from pipeline.embedded.stack import Stack
from pipeline.settings import Settings, load_settings

PREFIX = "TOUCHPOINT_"
ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class RunningStack:
    """The session's stack. `kafka` is host:port, `clickhouse` the native protocol's host and port."""

    state_dir: Path
    kafka: str
    clickhouse: tuple[str, int]

    def client(self, database: str = "default") -> clickhouse_driver.Client:
        """A ClickHouse client of the test's own; ends with `disconnect()`."""
        return clickhouse_driver.Client(*self.clickhouse, database=database, settings_is_important=True)


@dataclass(frozen=True)
class Place:
    """A test's own corner of the stack: nothing in it exists yet. `environment` is for processes that a test starts."""

    stack: RunningStack
    settings: Settings
    prefix: str
    database: str
    group: str
    environment: dict[str, str]


@contextmanager
def running_stack(state_dir: Path) -> Iterator[RunningStack]:
    """The embedded stack on free ports in `state_dir`; gone, with its data, afterwards."""
    with taken_down(state_dir) as mine:
        address = {part.name: part.address or "" for part in mine.up({}, print).parts}
        host, _, port = address["clickhouse"].rpartition(":")
        yield RunningStack(state_dir, address["kafka"], (host, int(port)))


@contextmanager
def taken_down(state_dir: Path) -> Iterator[Stack]:
    """A stack that is gone with its data afterwards, also when the test run is killed or ends in a time-out.

    A process of its own waits for the end of its input, which comes with ours, and takes the stack down then.
    """
    code = "import sys, pathlib; from pipeline.embedded.stack import Stack; sys.stdin.read(); "
    code += "Stack(pathlib.Path(sys.argv[1])).down(delete=True, say=print)"
    command = [sys.executable, "-c", code, str(state_dir)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, start_new_session=True) as guard:
        yield Stack(state_dir)
    assert guard.returncode == 0


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """One stack in a directory of its own for all these tests."""
    with running_stack(tmp_path_factory.mktemp("stack")) as running:
        yield running


@pytest.fixture
def place(stack: RunningStack, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """The settings' environment points to a new prefix, database and group; they are removed after the test."""
    name = f"t{secrets.token_hex(4)}"
    for variable in [found for found in os.environ if found.startswith(PREFIX)]:
        monkeypatch.delenv(variable)
    mine = {
        f"{PREFIX}STATE_DIR": str(stack.state_dir),
        f"{PREFIX}TOPIC_PREFIX": name,
        f"{PREFIX}DATABASE": name,
        f"{PREFIX}GROUP": f"{name}-scores",
        f"{PREFIX}METRICS_PORT": "0",
    }
    for variable, value in mine.items():
        monkeypatch.setenv(variable, value)
    environment = {k: v for k, v in os.environ.items() if not k.startswith(PREFIX) or k in mine}
    yield Place(stack, load_settings(), name, name, f"{name}-scores", environment)
    _forget_topics(stack, name)
    client = stack.client()
    client.execute(f"DROP DATABASE IF EXISTS `{name}`")
    client.disconnect()


@pytest.fixture
def client(place: Place) -> Iterator[clickhouse_driver.Client]:
    """A ClickHouse client in the test's own database, which exists and is empty."""
    admin = place.stack.client()
    admin.execute(f"CREATE DATABASE `{place.database}`")
    admin.disconnect()
    connected = place.stack.client(place.database)
    yield connected
    connected.disconnect()


def _forget_topics(stack: RunningStack, prefix: str) -> None:
    admin = KafkaAdminClient(bootstrap_servers=stack.kafka)
    try:
        mine = [topic for topic in admin.list_topics() if topic.startswith(f"{prefix}.")]
        if mine:
            admin.delete_topics(mine)
    finally:
        admin.close()
