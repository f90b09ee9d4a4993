"""The pages over real sockets, asked by clients that behave, dawdle, hang or talk nonsense."""

import contextlib
import json
import logging
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from http import HTTPStatus

import pytest

from pipeline.telemetry import http
from pipeline.telemetry.http import Reply, Server, check_page

LOCAL = "127.0.0.1"
LARGE = b"x" * 30_000_000  # more than the buffers of any socket


class Serving:
    """A server on a free port, with pages that a test may exchange."""

    def __init__(self) -> None:
        self.made = 0
        self.reasons: list[str] = []
        self.body = b"touchpoint_one 1\n"
        self.server = Server({"/metrics": self._page, "/ready": check_page("ready", lambda: self.reasons)})
        port = self.server.start(LOCAL, 0)
        assert port is not None
        self.port = port

    def _page(self) -> Reply:
        self.made += 1
        return Reply(HTTPStatus.OK, "text/plain", self.body)

    def connect(self) -> socket.socket:
        return socket.create_connection((LOCAL, self.port), timeout=10)

    def get(self, path: str) -> tuple[int, bytes]:
        try:
            with urllib.request.urlopen(f"http://{LOCAL}:{self.port}{path}", timeout=10) as reply:
                return reply.status, reply.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()

    def say(self, request: bytes) -> bytes:
        with self.connect() as client:
            client.sendall(request)
            return read_all(client)


def read_all(client: socket.socket) -> bytes:
    parts = []
    try:
        while part := client.recv(65_536):
            parts.append(part)
    except ConnectionResetError:
        pass
    return b"".join(parts)


@pytest.fixture
def serving() -> Iterator[Serving]:
    one = Serving()
    yield one
    one.server.stop()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "DEADLINE_SECONDS", 0.5)


def test_a_page_is_served(serving: Serving) -> None:
    assert serving.get("/metrics?name=x") == (200, b"touchpoint_one 1\n")


def test_a_check_is_200_or_503_and_says_why(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "FRESH_SECONDS", 0.0)
    status, body = serving.get("/ready")
    assert (status, json.loads(body)) == (200, {"ready": True, "reasons": []})
    serving.reasons = ["no partition is assigned"]
    status, body = serving.get("/ready")
    assert (status, json.loads(body)) == (503, {"ready": False, "reasons": ["no partition is assigned"]})


def test_an_unknown_path_is_told_which_there_are(serving: Serving) -> None:
    assert serving.get("/") == (404, b"there are: /metrics, /ready\n")


@pytest.mark.parametrize("method", [b"POST", b"PUT", b"DELETE", b"HEAD", b"OPTIONS"])
def test_only_get_is_answered(serving: Serving, method: bytes) -> None:
    answer = serving.say(method + b" /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 405 ")
    assert b"\r\nAllow: GET\r\n" in answer


@pytest.mark.parametrize(
    "nonsense", [b"\r\n\r\n", b"GET\r\n\r\n", b"\x16\x03\x01\x02\r\n\r\n", b"GET /metrics FTP/1\r\n\r\n"]
)
def test_what_is_no_request_is_refused(serving: Serving, nonsense: bytes) -> None:
    assert serving.say(nonsense).startswith(b"HTTP/1.1 400 ")


def test_a_path_that_is_no_ascii_is_not_found(serving: Serving) -> None:
    assert serving.say(b"GET /\xff\xfe HTTP/1.1\r\n\r\n").startswith(b"HTTP/1.1 404 ")


def test_a_head_without_end_is_cut_off(serving: Serving) -> None:
    try:
        answer = serving.say(b"GET /metrics HTTP/1.1\r\n" + b"X: y\r\n" * 100_000)
    except (BrokenPipeError, ConnectionResetError):
        answer = b""
    assert answer == b""
    assert serving.get("/metrics")[0] == 200


def test_a_page_that_raises_is_500_and_the_next_one_works(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "FRESH_SECONDS", 0.0)
    serving.reasons = None  # type: ignore[assignment]  # the page cannot be made of this
    status, body = serving.get("/ready")
    assert (status, json.loads(body)["reasons"]) == (200, None)
    monkeypatch.setattr(serving.server, "_pages", {"/metrics": lambda: 1 / 0})
    assert serving.get("/metrics")[0] == 500


def test_a_flood_of_requests_makes_a_page_once_a_second(serving: Serving) -> None:
    started = time.monotonic()
    for _ in range(50):
        serving.get("/metrics")
    assert serving.made <= 1 + (time.monotonic() - started) / http.FRESH_SECONDS


@pytest.mark.usefixtures("impatient")
def test_clients_that_say_nothing_are_hung_up_on(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    clients = [serving.connect() for _ in range(http.MAX_CONNECTIONS)]
    started = time.monotonic()
    assert [read_all(client) for client in clients] == [b""] * len(clients)
    assert time.monotonic() - started < 30
    for client in clients:
        client.close()
    monkeypatch.undo()
    assert serving.get("/metrics")[0] == 200


def being_answered(serving: Serving) -> socket.socket:
    """A client that has its first byte. Kept from it until the deadline, by a machine that stalls, it asks again."""
    client = serving.connect()
    client.sendall(b"GET /metrics HTTP/1.1\r\n\r\n")
    with contextlib.suppress(ConnectionResetError):
        if client.recv(1):
            return client
    client.close()
    return being_answered(serving)


@pytest.mark.usefixtures("impatient")
def test_a_client_that_never_reads_is_hung_up_on(serving: Serving) -> None:
    serving.body = LARGE
    with being_answered(serving) as client:
        wait_until(lambda: serving.server._open == 0)  # noqa: SLF001 - how many connections it holds
        assert len(read_all(client)) < len(LARGE)


def test_a_slow_reader_does_not_keep_others_waiting(serving: Serving) -> None:
    serving.body = LARGE
    with serving.connect() as slow:
        slow.sendall(b"GET /metrics HTTP/1.1\r\n\r\n")
        slow.recv(1)
        assert serving.get("/ready")[0] == 200


def test_more_clients_than_it_takes_are_turned_away_and_no_memory_grows(serving: Serving) -> None:
    first = [serving.connect() for _ in range(http.MAX_CONNECTIONS)]
    wait_until(lambda: serving.server._open == http.MAX_CONNECTIONS)  # noqa: SLF001 - as above
    with serving.connect() as one_more:
        assert read_all(one_more) == b""
    for client in first:
        client.close()
    wait_until(lambda: serving.server._open == 0)  # noqa: SLF001 - as above
    assert serving.get("/metrics")[0] == 200


def test_a_taken_port_is_a_warning_and_nothing_else(serving: Serving, caplog: pytest.LogCaptureFixture) -> None:
    second = Server({})
    with caplog.at_level(logging.WARNING):
        assert second.start(LOCAL, serving.port) is None
    second.stop()
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert f"port {serving.port} (Address already in use)" in caplog.text
    assert "TOUCHPOINT_METRICS_PORT" in caplog.text


@pytest.mark.parametrize("address", ["192.0.2.1", "not an address", "nowhere.invalid"])
def test_an_address_that_is_not_ours_is_a_warning(address: str, caplog: pytest.LogCaptureFixture) -> None:
    assert Server({}).start(address, 0) is None
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_stopping_cuts_off_whoever_hangs_and_frees_the_port(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "STOP_SECONDS", 20.0)
    one = Serving()
    with one.connect():
        wait_until(lambda: one.server._open == 1)  # noqa: SLF001 - as above
        started = time.monotonic()
        one.server.stop()
        assert time.monotonic() - started < http.STOP_SECONDS
    assert "metrics" not in [thread.name for thread in threading.enumerate()]
    again = Server({})
    assert again.start(LOCAL, one.port) == one.port
    again.stop()


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.005)
