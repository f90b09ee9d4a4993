"""The embedded stack as its users meet it: the session's own one, and others beside it that get killed."""

import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import clickhouse_driver
import psutil
import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition

from pipeline.embedded.stack import Part, Stack
from tests.integration.conftest import Place, RunningStack, taken_down

pytestmark = pytest.mark.integration

COMMAND = (sys.executable, "-m", "pipeline.cli.main", "stack")


def running(state: Path) -> list[int]:
    """Processes whose command line names that directory."""
    found = psutil.process_iter(["cmdline"])
    lines = {process.pid: " ".join(process.info["cmdline"] or []) for process in found}
    return [pid for pid, line in lines.items() if f"{state}/" in line]


def kill(part: Part) -> None:
    process = psutil.Process(part.pid or 0)
    process.kill()
    process.wait(10)


def address(parts: tuple[Part, ...], name: str) -> str:
    return next(part.address or "" for part in parts if part.name == name)


def touchpoint_stack(state: Path, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    variables = {**os.environ, "TOUCHPOINT_STATE_DIR": str(state), **environment}
    return subprocess.run(
        [*COMMAND, *arguments], env=variables, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    directory = tmp_path / "state"
    with taken_down(directory):
        yield directory
    assert running(directory) == []


def test_kafka_answers_and_has_no_topics_that_nobody_made(place: Place) -> None:
    admin = KafkaAdminClient(bootstrap_servers=place.settings.kafka_address())

    topics = admin.list_topics()

    admin.close()
    assert [topic for topic in topics if topic.startswith(place.prefix)] == []


def test_clickhouse_answers_through_the_settings(place: Place) -> None:
    assert place.settings.clickhouse_address() == "{}:{}".format(*place.stack.clickhouse)

    client = place.stack.client()
    assert client.execute("SELECT 1") == [(1,)]
    client.disconnect()


def test_services_listen_on_loopback_only(stack: RunningStack) -> None:
    pids = [entry["pid"] for entry in json.loads((stack.state_dir / "stack.json").read_bytes()).values()]

    listening = [
        connection.laddr.ip
        for pid in pids
        for connection in psutil.Process(pid).net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    ]

    assert len(listening) >= 2
    assert {ip.removeprefix("::ffff:") for ip in listening} == {"127.0.0.1"}


def test_pseudonym_key_is_readable_by_its_owner_only(stack: RunningStack) -> None:
    key = stack.state_dir / "pseudonym.key"

    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert len(bytes.fromhex(key.read_text())) == 32


def test_second_up_finds_the_running_stack(stack: RunningStack) -> None:
    before = json.loads((stack.state_dir / "stack.json").read_bytes())

    done = touchpoint_stack(stack.state_dir, "up", "--json")

    assert done.returncode == 0
    assert json.loads(done.stdout)["started"] == []
    assert json.loads((stack.state_dir / "stack.json").read_bytes()) == before


def test_status_tells_running_by_its_exit_code(stack: RunningStack, tmp_path: Path) -> None:
    here, nowhere = (
        touchpoint_stack(stack.state_dir, "status", "--json"),
        touchpoint_stack(tmp_path, "status", "--json"),
    )

    assert (here.returncode, json.loads(here.stdout)["running"]) == (0, True)
    assert (nowhere.returncode, json.loads(nowhere.stdout)["running"]) == (1, False)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_killed_services_come_back_with_their_data(state: Path) -> None:
    stack = Stack(state)
    first = stack.up({}, print).parts
    write_kafka(address(first, "kafka"))
    write_clickhouse(address(first, "clickhouse"))
    for part in first:
        kill(part)

    second = stack.up({}, print)

    assert set(second.started) == {"kafka", "clickhouse"}
    assert [part.address for part in second.parts] == [part.address for part in first]
    assert read_kafka(address(second.parts, "kafka")) == [b"kept"]
    assert read_clickhouse(address(second.parts, "clickhouse")) == [(1, "kept")]


def write_kafka(bootstrap: str) -> None:
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    admin.create_topics({"t": {"num_partitions": 1}}, wait_for_metadata=True)
    admin.close()
    producer = KafkaProducer(bootstrap_servers=bootstrap, acks="all")
    producer.send("t", b"kept").get(60)
    producer.close()


def read_kafka(bootstrap: str) -> list[bytes]:
    consumer = KafkaConsumer(bootstrap_servers=bootstrap)
    partition = TopicPartition("t", 0)
    consumer.assign([partition])
    consumer.seek_to_beginning(partition)
    deadline = time.monotonic() + 60
    while not (found := consumer.poll(timeout_ms=1_000)) and time.monotonic() < deadline:
        pass
    consumer.close()
    return [record.value for record in found.get(partition, [])]


def write_clickhouse(server: str) -> None:
    host, _, port = server.rpartition(":")
    client = clickhouse_driver.Client(host, int(port))
    client.execute("CREATE TABLE t (a UInt8, b String) ENGINE = MergeTree ORDER BY a")
    client.execute("INSERT INTO t VALUES", [(1, "kept")])
    client.disconnect()


def read_clickhouse(server: str) -> list[tuple[int, str]]:
    host, _, port = server.rpartition(":")
    client = clickhouse_driver.Client(host, int(port))
    rows: list[tuple[int, str]] = client.execute("SELECT a, b FROM t")
    client.disconnect()
    return rows


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_up_leaves_nothing_running(state: Path, number: signal.Signals) -> None:
    variables = {**os.environ, "TOUCHPOINT_STATE_DIR": str(state)}
    with subprocess.Popen([*COMMAND, "up"], env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as command:
        deadline = time.monotonic() + 100
        while not (state / "run" / "kafka.json").exists():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        command.send_signal(number)
        _, errors = command.communicate(timeout=40)

    assert (command.returncode, errors.splitlines()[-1]) == (130, b"touchpoint: interrupted")
    assert running(state) == []
    assert not (state / "stack.json").exists()


def test_broken_java_home_is_one_clear_line(state: Path) -> None:
    done = touchpoint_stack(state, "up", JAVA_HOME="/nowhere")

    assert done.returncode == 3
    assert "JAVA_HOME=/nowhere has no Java that starts" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert running(state) == []


def test_first_run_without_network_says_so(state: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"

    done = touchpoint_stack(
        state, "up", XDG_CACHE_HOME=str(cache), HTTPS_PROXY="http://127.0.0.1:1", HOME=str(tmp_path)
    )

    assert done.returncode == 3
    assert "the first run needs the network" in done.stderr.splitlines()[-1]
    assert [path.name for path in (cache / "touchpoint").iterdir() if path.is_dir()] == []
    assert running(state) == []
