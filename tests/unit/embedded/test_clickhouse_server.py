"""The embedded server outlives what happens to single clients, and ends when it is told to, as often as it is told."""

import errno
import os
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from pipeline.embedded import clickhouse_server
from pipeline.embedded.clickhouse_server import HOST, Server
from pipeline.embedded.clickhouse_session import Session


class Version:
    """All that a server asks of its engine before somebody has said hello."""

    def __init__(self, path: Path, name: str) -> None:
        """Nothing to open."""

    def rows(self, _sql: str) -> list[list[str]]:
        return [["26.1.2.3"]]

    def close(self) -> None:
        """Nothing to close."""


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(clickhouse_server, "Engine", Version)
    one = Server(tmp_path, 0)
    yield one
    one.stop()
    one.close()


@pytest.fixture
def serving(server: Server) -> Iterator[threading.Thread]:
    thread = threading.Thread(target=server.serve)
    thread.start()
    yield thread
    server.stop()
    thread.join(30)


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ECONNABORTED])
def test_a_client_that_cannot_be_accepted_does_not_end_the_server(
    server: Server, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture, number: int,
) -> None:  # fmt: skip
    accept, failures = socket.socket.accept, [OSError(number, os.strerror(number))]

    def fail_once(listener: socket.socket) -> tuple[socket.socket, Any]:
        if failures:
            raise failures.pop()
        return accept(listener)

    monkeypatch.setattr(socket.socket, "accept", fail_once)
    request.getfixturevalue("serving")

    with socket.create_connection((HOST, server.port), timeout=30) as client:
        client.shutdown(socket.SHUT_WR)
        assert client.recv(1) == b""
    assert f"cannot accept a client, going on: [Errno {number}]" in caplog.text


def test_a_second_signal_ends_the_server_as_the_first_one_did(server: Server, serving: threading.Thread) -> None:
    server.stop()
    server.stop()

    serving.join(30)
    assert not serving.is_alive()


class Done(Future[int]):
    """Done before anybody looks, and called back when all is over."""

    late: Callable[["Future[int]"], object]

    def __init__(self) -> None:
        super().__init__()
        self.set_result(7)

    def add_done_callback(self, fn: Callable[["Future[int]"], object]) -> None:
        self.late = fn


def test_a_query_that_ends_before_it_is_watched_is_answered_without_a_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done, (ours, theirs) = Done(), socket.socketpair()
    with ours, theirs:
        session = Session(ours, tmp_path, (26, 1, 2), lambda _: None)
        monkeypatch.setattr(session._worker, "submit", lambda _: done)  # noqa: SLF001 - the order of two threads

        assert session._run_watched(lambda: 7) == 7  # noqa: SLF001 - as above

        done.late(done)
