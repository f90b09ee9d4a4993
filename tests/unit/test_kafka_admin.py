"""An admin client that finds no broker leaves nothing behind."""

import socket
import threading
from pathlib import Path

import pytest
from kafka.errors import KafkaTimeoutError

from pipeline import kafka_admin


def open_files() -> int:
    """How many this process holds, on Linux and macOS."""
    return len(list(Path("/dev/fd").iterdir()))


def test_a_broker_that_never_answers_costs_no_thread_and_no_file() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        threads, files = set(threading.enumerate()), open_files()

        for _ in range(3):
            with pytest.raises(KafkaTimeoutError):
                kafka_admin.connect([f"127.0.0.1:{port}"], connect_ms=100, request_ms=100)

        assert set(threading.enumerate()) <= threads
        assert open_files() <= files
