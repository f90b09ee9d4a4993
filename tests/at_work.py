"""The pipeline at work, driven from outside as its users do: commands as processes, tables and commits read back.

A `Corner` is a log with its tables and group; `sibling` is another database and group over the same log. Imports
nothing of the pipeline but where a stack runs.
"""

import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Final, Self

from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.errors import RetriableError

from tests.integration.conftest import RunningStack

PREFIX: Final = "TOUCHPOINT_"
COMMAND: Final = (sys.executable, "-m", "pipeline.cli.main")
MAPPING: Final = Path(__file__).parents[1] / "examples" / "bank_call_center.yaml"
# Short enough to see partitions move within seconds, long enough for a machine that others use, too.
NIMBLE: Final = {"SESSION_TIMEOUT_SECONDS": "3", "HEARTBEAT_SECONDS": "0.5", "FLUSH_INTERVAL_SECONDS": "0.5"}

Rows = dict[tuple[Any, ...], dict[str, Any]]


@dataclass(frozen=True)
class Corner:
    """A log with its tables and its group on a running stack; `settings` without their prefix."""

    stack: RunningStack
    prefix: str
    database: str
    settings: Mapping[str, str]

    @property
    def group(self) -> str:
        """The consumer group."""
        return f"{self.database}-scores"

    @property
    def topic(self) -> str:
        """The log."""
        return f"{self.prefix}.events"

    def environment(self) -> dict[str, str]:
        """For processes that work here."""
        mine = {
            "STATE_DIR": str(self.stack.state_dir),
            "TOPIC_PREFIX": self.prefix,
            "DATABASE": self.database,
            "GROUP": self.group,
            "METRICS_PORT": "0",  # other tests look at the one that everybody takes
            **self.settings,
        }
        outside = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
        return outside | {f"{PREFIX}{name}": value for name, value in mine.items()}


def make_corner(stack: RunningStack, **settings: str) -> Corner:
    """A new log with migrated tables."""
    name = f"t{secrets.token_hex(4)}"
    corner = Corner(stack, name, name, settings)
    with ThreadPoolExecutor() as both:
        list(both.map(lambda words: succeed(corner, *words), (("topics", "apply"), ("migrate",))))
    return corner


def sibling(corner: Corner) -> Corner:
    """New tables and a new group over the same log."""
    other = replace(corner, database=f"t{secrets.token_hex(4)}")
    succeed(other, "migrate")
    return other


# ---- processes ----


@dataclass(frozen=True)
class Process:
    """A command at work. What it prints goes to files, so that it never waits for a reader."""

    TERM: ClassVar = signal.SIGTERM
    popen: subprocess.Popen[bytes]
    output: Path
    errors: Path

    def signal(self, number: signal.Signals) -> None:
        """Send a signal; the process must still be there."""
        assert self.popen.poll() is None, self.said()
        self.popen.send_signal(number)

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        self.signal(signal.SIGKILL)
        self.popen.wait(60)

    def end(self, seconds: float = 60) -> int:
        """Wait for its end; the exit code."""
        return self.popen.wait(seconds)

    def said(self) -> str:
        """What it printed to stderr."""
        return self.errors.read_text()

    def summary(self) -> dict[str, Any]:
        """The object that --json ends with."""
        found: dict[str, Any] = json.loads(self.output.read_text().strip().splitlines()[-1])
        return found


@contextmanager
def started(corner: Corner, folder: Path, *arguments: str) -> Iterator[Process]:
    """Run `touchpoint …`; it is gone afterwards, frozen or not."""
    name = f"{arguments[0]}-{secrets.token_hex(3)}"
    output, errors = folder / f"{name}.out", folder / f"{name}.err"
    with output.open("wb") as out, errors.open("wb") as err:
        popen = subprocess.Popen([*COMMAND, *arguments], env=corner.environment(), stdout=out, stderr=err)
    try:
        yield Process(popen, output, errors)
    finally:
        popen.kill()
        popen.wait(60)


def run(corner: Corner, *arguments: str, seconds: float = 120) -> subprocess.CompletedProcess[str]:
    """Run `touchpoint …` to its end."""
    return subprocess.run(
        [*COMMAND, *arguments], env=corner.environment(), capture_output=True, text=True, timeout=seconds, check=False
    )


def succeed(corner: Corner, *arguments: str) -> str:
    """Run `touchpoint …`, which must exit 0; what it printed."""
    done = run(corner, *arguments)
    assert done.returncode == 0, (arguments, done.stderr)
    return done.stdout


def drain(corner: Corner) -> dict[str, Any]:
    """`worker --drain`; its summary."""
    summary: dict[str, Any] = json.loads(succeed(corner, "worker", "--drain", "--json"))
    return summary


def wait_until(true: Callable[[], bool], what: Callable[[], str], seconds: float = 60, pause: float = 0.02) -> None:
    """Look again and again until it is true; fails at the deadline."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"waited {seconds} s in vain: {what()}"
        time.sleep(pause)


# ---- the log ----


class LogWatch:
    """Looks at the ends of a log and at what a group has committed on it."""

    def __init__(self, corner: Corner) -> None:
        self._group = corner.group
        self._topic = corner.topic
        self._admin = KafkaAdminClient(bootstrap_servers=corner.stack.kafka)
        self._consumer = KafkaConsumer(bootstrap_servers=corner.stack.kafka, enable_auto_commit=False)
        self._partitions = [
            TopicPartition(self._topic, number) for number in self._consumer.partitions_for_topic(self._topic)
        ]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._admin.close()
        self._consumer.close()

    def committed(self) -> dict[int, int]:
        """Committed position by partition; 0 where nothing is committed."""
        commits = self._commits()
        return {one.partition: max(0, commits[one].offset) if one in commits else 0 for one in self._partitions}

    def _commits(self) -> Mapping[TopicPartition, Any]:
        deadline = time.monotonic() + 60
        while True:
            try:
                return self._admin.list_group_offsets(self._group)[self._group]  # type: ignore[no-any-return]
            except RetriableError:  # a young broker has no place for commits yet, a frozen one is asked again
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)

    def ends(self) -> dict[int, int]:
        """End offset by partition."""
        return {one.partition: end for one, end in self._consumer.end_offsets(self._partitions).items()}

    def beyond(self, ends: Mapping[int, int] | None = None) -> int:
        """Records between what is committed and the ends, those of now or those given."""
        committed = self.committed()
        return sum(max(0, end - committed[number]) for number, end in (ends or self.ends()).items())


# ---- the tables ----


def tables(corner: Corner) -> dict[str, Rows]:
    """Every column but insertion time of every table, current rows only, by the table's sorting key."""
    client = corner.stack.client(corner.database)
    try:
        found: dict[str, Rows] = {}
        for name, key in client.execute(
            "SELECT name, sorting_key FROM system.tables"
            " WHERE database = currentDatabase() AND engine LIKE '%MergeTree' AND has_own_data"
            " AND name != 'schema_versions' ORDER BY name"
        ):
            rows, columns = client.execute(
                f"SELECT ({key}) AS sorting_key_, * EXCEPT ({_insertion_time(client, name)}) FROM `{name}` FINAL",
                with_column_types=True,
            )
            names = [column for column, _ in columns][1:]
            found[name] = {_hashable(row[0]): dict(zip(names, row[1:], strict=True)) for row in rows}
            assert len(found[name]) == len(rows), f"{name}: two current rows of one key"
        return found
    finally:
        client.disconnect()


def _insertion_time(client: Any, table: str) -> str:  # noqa: ANN401 - the driver ships no types
    """The one column that the server fills in with its clock."""
    columns = client.execute(
        "SELECT name FROM system.columns WHERE database = currentDatabase() AND table = %(table)s"
        " AND startsWith(default_expression, 'now64')",
        {"table": table},
    )
    assert len(columns) == 1, (table, columns)
    return str(columns[0][0])


def _hashable(key: Any) -> tuple[Any, ...]:  # noqa: ANN401 - whatever the table is sorted by
    return key if isinstance(key, tuple) else (key,)


def assert_equal_tables(rough: Corner, calm: Corner) -> dict[str, Rows]:
    """Every row of every table is the same, and equal versions carry equal content; the tables."""
    found, expected = tables(rough), tables(calm)
    assert found.keys() == expected.keys()
    for name, rows in expected.items():
        differences = _differences(found[name], rows)
        assert not differences, "\n".join((name, *differences))
    _assert_versions_agree(rough, calm)
    return found


def _differences(found: Rows, expected: Rows) -> list[str]:
    """The first few differences in words, without the values of personal columns."""
    lines = [f"missing: {key}" for key in expected.keys() - found.keys()]
    lines += [f"too many: {key}" for key in found.keys() - expected.keys()]
    for key in expected.keys() & found.keys():
        mine, theirs = found[key], expected[key]
        if mine != theirs:
            columns = [name for name in theirs if mine[name] != theirs[name]]
            shown = {name: (mine[name], theirs[name]) for name in columns if name not in {"customer", "staff"}}
            lines.append(f"{key}: {columns}: {shown}")
    return [f"{len(lines)} differences", *sorted(lines)[:10]] if lines else []


def _assert_versions_agree(rough: Corner, calm: Corner) -> None:
    """No two rows of one interaction and version, superseded ones included, differ in content."""
    client = rough.stack.client(rough.database)
    try:
        columns = "* EXCEPT (inserted_at, interaction_id, version, points_lost, signals, system_seconds)"
        maps = "mapSort(points_lost), mapSort(signals), mapSort(system_seconds)"
        both = " UNION ALL ".join(
            f"SELECT interaction_id, version, cityHash64(toString(tuple({maps}, {columns}))) AS content"
            f" FROM `{corner.database}`.interaction_scores"
            for corner in (rough, calm)
        )
        found = client.execute(
            f"SELECT interaction_id, version, uniqExact(content) FROM ({both})"
            " GROUP BY interaction_id, version HAVING uniqExact(content) > 1 LIMIT 5"
        )
        assert found == [], "one version, two contents"
    finally:
        client.disconnect()


def forget(corner: Corner) -> None:
    """Remove log and tables."""
    admin = KafkaAdminClient(bootstrap_servers=corner.stack.kafka)
    admin.delete_topics([topic for topic in admin.list_topics() if topic.startswith(f"{corner.prefix}.")])
    admin.close()
    client = corner.stack.client()
    client.execute(f"DROP DATABASE IF EXISTS `{corner.database}`")
    client.disconnect()
