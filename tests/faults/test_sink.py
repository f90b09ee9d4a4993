"""The sink under faults C1 and C2: a server killed at any moment, an answer that never arrives."""

import contextlib
import enum
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pipeline.settings import Settings
from pipeline.sink.block import Block, Patience, Written
from pipeline.sink.clickhouse import ClickHouse, connect
from pipeline.sink.migrations import apply_pending
from pipeline.sink.verdicts import Answer
from tests.scored_rows import LOG, PSEUDONYMS, scored

pytestmark = [pytest.mark.fault, pytest.mark.integration, pytest.mark.timeout(120)]

ROWS = 2000
END_OF_STREAM = b"\x05"  # the packet that says that the rows are stored


class Server:
    """The embedded ClickHouse server as a process of this test's own."""

    def __init__(self, data: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = int(free.getsockname()[1])
        self._data = data
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "pipeline.embedded.clickhouse_server", str(self._data), str(self.port)]
        self._process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return
            time.sleep(0.05)
        pytest.fail("the server does not listen")

    def kill(self) -> None:
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGKILL)
        self._process.wait(60)


class Cut(enum.Enum):
    """Which way is cut once so many bytes of the client have passed."""

    ROWS = "the rows are half sent"
    ANSWER = "the rows are stored, the answer is on its way"


class CuttingProxy:
    """Passes bytes both ways until `cut` after `bytes_sent` by the client; later connections are whole."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.cut: Cut | None = None
        self.bytes_sent = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._target))
                for source, sink, way in ((client, server, Cut.ROWS), (server, client, Cut.ANSWER)):
                    threading.Thread(target=self._pass, args=(source, sink, way), daemon=True).start()

    def _pass(self, source: socket.socket, sink: socket.socket, way: Cut) -> None:
        with contextlib.suppress(OSError), source, sink:
            while data := source.recv(1 << 14):
                if way is Cut.ROWS:
                    self.bytes_sent -= len(data)
                last = way is Cut.ROWS or data.endswith(END_OF_STREAM)
                if way is self.cut and self.bytes_sent < 0 and last:
                    self.cut = None
                    source.shutdown(socket.SHUT_RDWR)
                    sink.shutdown(socket.SHUT_RDWR)
                    return
                sink.sendall(data)

    def close(self) -> None:
        self._listener.close()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    running = Server(tmp_path / "clickhouse")
    running.start()
    apply_pending(settings(running.port))
    yield running
    running.kill()


def settings(port: int) -> Settings:
    return Settings(clickhouse=f"127.0.0.1:{port}", database="faults")


def block() -> Block:
    made = Block()
    made.add(LOG, [scored(str(number), first_offset=number, served_at=None) for number in range(ROWS)])
    return made


def patience(heard: list[Answer]) -> Patience:
    return Patience(threading.Event(), heard.append, first_seconds=0.01, longest_seconds=0.2)


def current_rows(clickhouse: ClickHouse) -> list[tuple[object, ...]]:
    return clickhouse.query(
        "SELECT count(), uniqExact(interaction_id), countIf(served_at IS NULL) FROM interactions"
    ).rows


@pytest.mark.parametrize("milliseconds", [0, 2, 5, 10, 20, 40])
def test_a_server_killed_around_an_insert_costs_no_row_and_doubles_none(server: Server, milliseconds: int) -> None:
    heard: list[Answer] = []
    with connect(settings(server.port)) as clickhouse, ThreadPoolExecutor(1) as thread:
        writing = thread.submit(block().write, clickhouse, PSEUDONYMS, patience(heard))
        time.sleep(milliseconds / 1000)  # where in the INSERT the kill falls is the point of this test
        server.kill()
        server.start()

        assert writing.result(60) == Written(ROWS, 0, ())
        assert current_rows(clickhouse) == [(ROWS, ROWS, ROWS)]


def test_a_server_that_is_away_is_waited_for(server: Server) -> None:
    heard: list[Answer] = []
    server.kill()
    with connect(settings(server.port)) as clickhouse, ThreadPoolExecutor(1) as thread:
        writing = thread.submit(block().write, clickhouse, PSEUDONYMS, patience(heard))
        while len(heard) < 3:
            assert not writing.done()
            time.sleep(0.01)
        server.start()

        assert writing.result(60) == Written(ROWS, 0, ())
        assert current_rows(clickhouse) == [(ROWS, ROWS, ROWS)]


@pytest.mark.parametrize(("cut", "stored"), [(Cut.ROWS, ROWS), (Cut.ANSWER, 2 * ROWS)])
def test_a_connection_cut_during_an_insert_doubles_no_row(server: Server, cut: Cut, stored: int) -> None:
    heard: list[Answer] = []
    proxy = CuttingProxy(server.port)
    with connect(settings(proxy.port)) as clickhouse, contextlib.closing(proxy):
        clickhouse.command("SYSTEM STOP MERGES interaction_scores")
        proxy.cut, proxy.bytes_sent = cut, 100_000

        assert block().write(clickhouse, PSEUDONYMS, patience(heard)) == Written(ROWS, 0, ())

        assert len(heard) == 1
        assert clickhouse.query("SELECT count() FROM interaction_scores").rows == [(stored,)]
        assert current_rows(clickhouse) == [(ROWS, ROWS, ROWS)]
