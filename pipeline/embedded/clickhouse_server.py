"""`python -m pipeline.embedded.clickhouse_server DATA_DIR PORT`: the real engine behind ClickHouse's native protocol.

Listens on 127.0.0.1 only. SIGTERM ends it in order: clients are cut off, the engine is closed.
"""

import logging
import signal
import socket
import sys
import threading
import time
from pathlib import Path
from types import FrameType
from typing import Final

from pipeline.embedded.clickhouse_engine import Engine, EngineError
from pipeline.embedded.clickhouse_session import Session

HOST: Final = "127.0.0.1"
_BACKLOG: Final = 128
_JOIN_SECONDS: Final = 5.0
# Without files left, each attempt to accept fails at once until a client has gone.
_PAUSE_SECONDS: Final = 0.2
_log = logging.getLogger(__name__)


class Server:
    """Accepts clients, one thread each, until `stop`. Owns the data directory while it lives."""

    def __init__(self, path: Path, port: int) -> None:
        self._listener = socket.create_server((HOST, port), backlog=_BACKLOG)
        self._stopped = False
        self._path = path
        self._engine = Engine(path, "server")
        self._lock = threading.Lock()
        self._engine_lock = threading.Lock()
        self._clients: dict[socket.socket, threading.Thread] = {}
        major, minor, patch = self._engine.rows("SELECT version()")[0][0].split(".")[:3]
        self._version = (int(major), int(minor), int(patch))

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._listener.getsockname()[1])

    def serve(self) -> None:
        """Accept clients until `stop`, whatever becomes of a single one."""
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError as error:
                if self._stopped:
                    return
                _log.warning("cannot accept a client, going on: %s", error)
                time.sleep(_PAUSE_SECONDS)
                continue
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            thread = threading.Thread(target=self._serve_client, args=(client,), daemon=True)
            with self._lock:
                self._clients[client] = thread
            thread.start()

    def _serve_client(self, client: socket.socket) -> None:
        try:
            with client:
                Session(client, self._path, self._version, self._kill).serve()
        except Exception:  # noqa: BLE001 - one client's failure must not end the others
            _log.exception("a client's thread failed")
        finally:
            with self._lock:
                self._clients.pop(client, None)

    def _kill(self, name: str) -> None:
        with self._engine_lock:
            try:
                self._engine.kill(name)
            except EngineError as error:
                _log.warning("cannot end the query of %s: %s", name, error)

    def stop(self) -> None:
        """Stop accepting; `serve` returns. May be called again, also by a signal while it runs."""
        if not self._stopped:
            self._stopped = True
            self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()

    def close(self) -> None:
        """Cut off the clients, wait for their threads, close the engine."""
        with self._lock:
            clients = dict(self._clients)
        for client, thread in clients.items():
            try:
                client.shutdown(socket.SHUT_RDWR)
            except OSError:
                _log.debug("a client had left already")
            thread.join(_JOIN_SECONDS)
        self._engine.close()


def main(arguments: list[str]) -> int:
    """Serve until SIGTERM or SIGINT."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    path, port = Path(arguments[0]), int(arguments[1])
    server = Server(path, port)

    def end(_signal: int, _frame: FrameType | None) -> None:
        server.stop()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    _log.info("ready on %s:%d, data in %s", HOST, server.port, path)
    server.serve()
    server.close()
    _log.info("stopped")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
