"""Pages over HTTP from a thread of its own: whoever asks, however slowly, never disturbs the path.

Bounded in connections, bytes and time; a page is made at most once a second. Knows neither metrics nor health.
"""

import asyncio
import json
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Final

from msgspec import Struct

log = logging.getLogger(__name__)

MAX_CONNECTIONS: Final = 16
MAX_HEAD_BYTES: Final = 16_384
DEADLINE_SECONDS: Final = 10.0  # from the connection to the last byte of the answer; Prometheus waits as long
FRESH_SECONDS: Final = 1.0
STOP_SECONDS: Final = 2.0
JSON: Final = "application/json"
TEXT: Final = "text/plain; charset=utf-8"


class Reply(Struct, frozen=True):
    """An answer before it is sent."""

    status: HTTPStatus
    content_type: str
    body: bytes

    def encode(self) -> bytes:
        """The bytes of an HTTP/1.1 response after which the connection ends."""
        head = (
            f"HTTP/1.1 {self.status.value} {self.status.phrase}\r\nContent-Type: {self.content_type}\r\n"
            f"Content-Length: {len(self.body)}\r\nCache-Control: no-store\r\nConnection: close\r\n"
        )
        if self.status is HTTPStatus.METHOD_NOT_ALLOWED:
            head += "Allow: GET\r\n"
        return head.encode() + b"\r\n" + self.body


Page = Callable[[], Reply]


def check_page(what: str, reasons: Callable[[], list[str]]) -> Page:
    """200 while there is no reason against it, else 503; the body tells in JSON."""

    def page() -> Reply:
        found = reasons()
        status = HTTPStatus.SERVICE_UNAVAILABLE if found else HTTPStatus.OK
        return Reply(status, JSON, json.dumps({what: not found, "reasons": found}).encode() + b"\n")

    return page


class Server:
    """Answers GET for each path of `pages`, until stopped."""

    def __init__(self, pages: Mapping[str, Page]) -> None:
        self._pages = pages
        self._made: dict[str, tuple[float, Reply]] = {}
        self._open = 0
        self._stop = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop
        self._thread: threading.Thread | None = None

    def start(self, address: str, port: int) -> int | None:
        """Listen; the port, or None when it cannot be had: then a warning says so, and nothing else suffers."""
        try:
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            listener = socket.create_server((address, port), family=family, backlog=MAX_CONNECTIONS)
        except OSError as error:
            why = os.strerror(error.errno) if error.errno is not None and error.errno > 0 else error.strerror
            log.warning(
                "no metrics: cannot listen on %s port %d (%s). Set TOUCHPOINT_METRICS_PORT to a free port, to 0 for"
                " any, or to off",
                address, port, why,
            )  # fmt: skip
            return None
        found: int = listener.getsockname()[1]
        log.info("metrics at http://%s:%d/metrics", f"[{address}]" if ":" in address else address, found)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, args=(listener,), name="metrics", daemon=True)
        self._thread.start()
        return found

    def stop(self) -> None:
        """Listen no more; what is still being answered is cut off."""
        if self._thread is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(STOP_SECONDS)
            self._thread = None

    def _run(self, listener: socket.socket) -> None:
        try:
            with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
                runner.run(self._listen(listener))
        except Exception:
            log.exception("no metrics any more: the thread that serves them ended")

    async def _listen(self, listener: socket.socket) -> None:
        server = await asyncio.start_server(self._connected, sock=listener, limit=MAX_HEAD_BYTES)
        await self._stop.wait()
        server.close()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        transport = writer.transport
        if self._open >= MAX_CONNECTIONS:
            transport.abort()
            return
        self._open += 1
        transport.set_write_buffer_limits(high=0)  # so that drain() waits for the last byte
        try:
            async with asyncio.timeout(DEADLINE_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
                writer.write(self._answer(head).encode())
                await writer.drain()
                writer.close()
                await writer.wait_closed()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # a client that went away, dawdles or talks without end
        finally:
            self._open -= 1
            transport.abort()

    def _answer(self, head: bytes) -> Reply:
        words = head.split(b"\r\n", 1)[0].split(b" ")
        if len(words) != 3 or not words[2].startswith(b"HTTP/1."):  # noqa: PLR2004  # method, target, version
            return Reply(HTTPStatus.BAD_REQUEST, TEXT, b"this is no HTTP/1.1 request\n")
        if words[0] != b"GET":
            return Reply(HTTPStatus.METHOD_NOT_ALLOWED, TEXT, b"only GET\n")
        path = words[1].split(b"?", 1)[0].decode("ascii", "replace")
        if path not in self._pages:
            return Reply(HTTPStatus.NOT_FOUND, TEXT, f"there are: {', '.join(self._pages)}\n".encode())
        return self._fresh(path)

    def _fresh(self, path: str) -> Reply:
        made = self._made.get(path)
        if made is None or time.monotonic() - made[0] > FRESH_SECONDS:
            made = self._made[path] = (time.monotonic(), self._make(path))
        return made[1]

    def _make(self, path: str) -> Reply:
        try:
            return self._pages[path]()
        except Exception:
            log.exception("%s cannot be answered", path)
            return Reply(HTTPStatus.INTERNAL_SERVER_ERROR, TEXT, b"see the worker's log\n")
