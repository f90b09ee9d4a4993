"""The examples are run as they stand, against the real stack: what they send arrives, is joined and scored."""

import ast
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from kafka import KafkaProducer

from pipeline.core.events import Operation, OperationStatus
from pipeline.source.encode import encode
from tests.at_work import Corner, drain, forget, make_corner, succeed
from tests.integration.conftest import Place, RunningStack
from tests.integration.test_readme import in_a_shell
from tests.readme_blocks import blocks, prints

EXAMPLES: Final = Path(__file__).resolve().parents[2] / "examples"
ALLOWED: Final = {*sys.stdlib_module_names, "kafka", "orjson", "send_events"}
TRACEPARENT: Final = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

needs_kcat = pytest.mark.skipif(
    not (shutil.which("kcat") or shutil.which("kafkacat")),
    reason="kcat is not installed (Debian: apt-get install kcat)",
)


@pytest.fixture
def corner(stack: RunningStack) -> Iterator[Corner]:
    made = make_corner(stack)
    yield made
    forget(made)


def run_example(corner: Corner, name: str, *arguments: str) -> str:
    """Run an example against a corner, as a user of another project would: its environment says nothing of ours."""
    command = [str(EXAMPLES / name)] if name.endswith(".sh") else [sys.executable, str(EXAMPLES / name)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TOUCHPOINT_")}
    done = subprocess.run(
        [*command, corner.stack.kafka, corner.prefix, *arguments],
        env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.strip()


def query(corner: Corner, sql: str) -> list[tuple[Any, ...]]:
    client = corner.stack.client(corner.database)
    try:
        rows: list[tuple[Any, ...]] = client.execute(sql)
        return rows
    finally:
        client.disconnect()


def the_row(corner: Corner, columns: str) -> tuple[Any, ...]:
    [row] = query(corner, f"SELECT {columns} FROM interactions")
    return row


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.name)
def test_an_example_needs_nothing_of_this_project(path: Path) -> None:
    tree = ast.parse(path.read_bytes())
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.partition(".")[0] for name in imported} <= ALLOWED


@pytest.mark.integration
@pytest.mark.timeout(180)
@pytest.mark.parametrize("name", ["send_events.py", pytest.param("send_events.sh", marks=needs_kcat)])
def test_what_an_example_sends_appears_scored_with_its_operation_and_its_line(name: str, corner: Corner) -> None:
    interaction = run_example(corner, name)

    drain(corner)

    assert the_row(corner, "interaction_id, touch_point, outcome, score > 0, events") == (
        interaction, "branch/042/teller", "completed", 1, 5,
    )  # fmt: skip
    signals, system_seconds = the_row(corner, "signals, system_seconds")
    assert system_seconds == {"core_banking": 4.5}
    assert signals["wait_seconds"] == 420
    assert signals["operation_seconds.core_banking"] == 4.5
    assert signals["line_length_at_arrival"] == 9
    assert query(corner, "SELECT * FROM rejects") == []


@pytest.mark.integration
@pytest.mark.timeout(180)
def test_what_the_readme_sends_is_answered_as_shown(place: Place) -> None:
    start, question = blocks("Send your own")
    printed = in_a_shell(start.commands + question.commands, place.environment)
    assert prints(question.output).search(printed), printed


@contextmanager
def backend(corner: Corner) -> Iterator[str]:
    """The example's backend at work; its address. Afterwards all that it reported is in the log."""
    command = [sys.executable, str(EXAMPLES / "correlation_baggage.py"), corner.stack.kafka, corner.prefix, "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0
        finally:
            process.kill()


def post(address: str, headers: dict[str, str]) -> int:
    request = urllib.request.Request(f"{address}/verify", method="POST", headers=headers)  # noqa: S310  # ours
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
        answer.read()  # its end comes when the report is handed over
        return int(answer.status)


@pytest.mark.integration
@pytest.mark.timeout(180)
def test_baggage_carries_the_interaction_into_the_operation_and_the_trace_into_explain(corner: Corner) -> None:
    interaction = run_example(corner, "send_events.py")
    with backend(corner) as address:
        baggage = f"tenant=eu;p=1, touchpoint.interaction={interaction.replace('-', '%2D')} ;p , other=1"
        assert post(address, {"baggage": baggage, "traceparent": TRACEPARENT}) == 200
        assert post(address, {}) == 200
        assert post(address, {"baggage": "touchpoint.interactions=other,touchpoint.interaction="}) == 200

    drain(corner)

    [signals] = the_row(corner, "signals")
    assert 0.05 <= signals["operation_seconds.identity"] < 10
    assert signals["operation_failures.identity"] == 0
    assert TRACEPARENT in succeed(corner, "explain", interaction)
    assert query(corner, "SELECT count() FROM rejects") == [(0,)]


@pytest.mark.integration
@pytest.mark.timeout(180)
def test_a_system_that_knows_only_the_workstation_is_joined_by_what_it_takes_there(corner: Corner) -> None:
    run_example(corner, "correlation_workstation.py", "core_banking", "branch/042/teller", "3.4")
    run_example(corner, "correlation_workstation.py", "core_banking", "branch/007/teller", "9.9")
    run_example(corner, "send_events.py")

    drain(corner)

    [signals] = the_row(corner, "signals")
    assert signals["system_latency_seconds.core_banking"] == 3.4


PAGE: Final = (EXAMPLES.parent / "docs" / "correlation.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def orphaned(stack: RunningStack) -> Iterator[Corner]:
    """A log of one partition with an operation of nobody that is three hours old, worked off."""
    corner = make_corner(stack, PARTITIONS="1")
    operation = Operation(
        interaction="nobody", system="identity", operation="verify", seconds=1, status=OperationStatus.OK,
        time=int(time.time() * 1000) - 3 * 3_600_000,
    )  # fmt: skip
    key, value, headers = encode(operation, None, "1", "/identity")
    producer = KafkaProducer(bootstrap_servers=stack.kafka)
    producer.send(corner.topic, key=key, value=value, headers=headers).get(timeout=30)
    producer.close()
    run_example(corner, "send_events.py")  # moves the clock to now
    drain(corner)
    yield corner
    forget(corner)


@pytest.mark.integration
@pytest.mark.timeout(180)
def test_an_operation_of_nobody_is_found_by_what_the_page_shows(orphaned: Corner) -> None:
    questions = re.findall(r'touchpoint sql "(SELECT[^"]+)"', PAGE)

    found = [succeed(orphaned, "sql", question) for question in questions]

    assert [text.splitlines()[-1] for text in found] == ["1 rows", "1 rows"]
    assert "no event of a customer belongs to this operation" in found[0]
    assert "/identity" in found[0]


@needs_kcat
@pytest.mark.integration
@pytest.mark.timeout(180)
def test_the_record_of_an_orphan_is_found_by_what_the_page_shows(orphaned: Corner) -> None:
    [shown] = re.findall(r"^kcat -C .*$", PAGE, re.MULTILINE)
    command = shown.replace("KAFKA", orphaned.stack.kafka).replace("touchpoint.rejected", f"{orphaned.prefix}.rejected")

    found = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60, check=True)  # noqa: S607

    [(headers, data)] = [line.split("\t") for line in found.stdout.splitlines()]
    assert "ce_source=/identity" in headers
    assert json.loads(data)["interaction"] == "nobody"
