import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import ClassVar

import pytest

from pipeline.demo import worker_page
from pipeline.demo.snapshot import Flow
from pipeline.demo.worker_page import WorkerPage

METRICS = """\
# TYPE touchpoint_records_consumed_total counter
touchpoint_records_consumed_total {consumed}
touchpoint_lag_seconds{{partition="0"}} 0.25
touchpoint_lag_seconds{{partition="1"}} 1.5
"""


class Pages(BaseHTTPRequestHandler):
    answers: ClassVar[dict[str, tuple[int, str]]] = {}

    def do_GET(self) -> None:
        status, body = self.answers[self.path]
        self.send_response(status)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    monkeypatch.setattr(worker_page, "TIMEOUT_SECONDS", 30.0)
    with HTTPServer(("127.0.0.1", 0), Pages) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def serve(path: str, body: str, status: int = 200) -> None:
    Pages.answers[path] = (status, body)


def test_the_flow_is_the_rate_of_what_was_read_and_the_lag_of_the_slowest_partition(port: int) -> None:
    page = WorkerPage(port)
    serve("/metrics", METRICS.format(consumed="1.5e+03"))
    assert page.flow() == Flow(None, 1.5)
    serve("/metrics", METRICS.format(consumed="2500.0"))
    assert (page.flow().events_per_second or 0) > 0


def test_a_worker_that_serves_no_metrics_has_an_unknown_flow() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
    assert WorkerPage(port).flow() == Flow()


def test_a_worker_is_ready_when_its_page_says_so(port: int) -> None:
    serve("/ready", '{"ready": false}', status=503)
    assert not WorkerPage(port).is_ready()
    serve("/ready", '{"ready": true}')
    assert WorkerPage(port).is_ready()
