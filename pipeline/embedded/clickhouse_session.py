"""One client of the embedded ClickHouse server, from hello to goodbye.

The socket is read here; the engine works in a thread of its own, so that a cancel or a hang-up is seen while it does.
"""

import contextlib
import itertools
import logging
import select
import socket
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from pipeline.embedded import clickhouse_wire as wire
from pipeline.embedded.clickhouse_blocks import Block, UnsupportedColumnError, header, read_block, read_blocks
from pipeline.embedded.clickhouse_engine import NOT_IMPLEMENTED, Engine, EngineError, Insert, failure
from pipeline.embedded.clickhouse_wire import ClientPacket, ProtocolError, Query, Reader

_RECEIVE_BYTES: Final = 1 << 20
_KILL_AGAIN_MS: Final = 200
_WANTS_NO_MORE: Final = {b"", bytes([ClientPacket.CANCEL])}
_NAMES: Final = itertools.count(1)
_log = logging.getLogger(__name__)
_T = TypeVar("_T")


class Session:
    """Serves one connected socket until the client leaves. `kill(name)` ends a running query from outside."""

    def __init__(
        self, client: socket.socket, path: Path, version: tuple[int, int, int], kill: Callable[[str], None]
    ) -> None:
        self._client = client
        self._path = path
        self._version = version
        self._kill = kill
        self._name = f"client-{next(_NAMES)}"
        self._reader = Reader(bytearray(), self._receive)
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix=self._name)
        self._engine: Engine
        self._cancelled = False

    def serve(self) -> None:
        """Answer until the client hangs up; returns then, and never raises for what a client does."""
        try:
            hello = self._read_hello()
            self._engine = self._run(partial(Engine, self._path, self._name))
            try:
                self._welcome(hello)
                self._answer()
            finally:
                self._run(self._engine.close)
        except (EOFError, OSError):
            _log.debug("%s left", self._name)
        except EngineError as error:
            _log.warning("%s: refused: %s", self._name, error)
        except (ProtocolError, UnsupportedColumnError) as error:
            _log.warning("%s: %s", self._name, error)
        finally:
            self._worker.shutdown()

    def _receive(self, buffer: bytearray) -> None:
        data = self._client.recv(_RECEIVE_BYTES)
        if not data:
            raise EOFError
        buffer += data

    def _send(self, data: bytes) -> None:
        self._client.sendall(data)

    def _fail(self, error: EngineError) -> None:
        self._send(wire.exception(error.code, str(error)))

    def _run(self, work: Callable[[], _T]) -> _T:
        return self._worker.submit(work).result()

    def _run_watched(self, work: Callable[[], _T]) -> _T:
        """Like `_run`, and ends the query when the client cancels or hangs up meanwhile."""
        ours, theirs = socket.socketpair()
        with ours, theirs:
            future: Future[_T] = self._worker.submit(work)
            future.add_done_callback(partial(_wake, theirs))
            watched = select.poll()
            watched.register(ours, select.POLLIN)
            watched.register(self._client, select.POLLIN)
            while not future.done():
                # A query that has only just begun is not there to be ended yet: try again until it is.
                ready = watched.poll(_KILL_AGAIN_MS if self._cancelled else None)
                if self._client.fileno() in dict(ready):
                    watched.unregister(self._client)
                    self._cancelled = self._wants_no_more()
                if self._cancelled:
                    self._kill(self._name)
            return future.result()

    def _wants_no_more(self) -> bool:
        """Whether what the client did while its query runs is to cancel or to hang up."""
        try:
            return self._client.recv(1, socket.MSG_PEEK) in _WANTS_NO_MORE
        except OSError:
            return True

    def _read_hello(self) -> wire.Hello:
        if self._reader.varint() != ClientPacket.HELLO:
            message = "the first packet is no hello: this port speaks ClickHouse's native protocol"
            raise ProtocolError(message)
        try:
            return wire.read_hello(self._reader)
        except ProtocolError as error:
            self._fail(EngineError(NOT_IMPLEMENTED, f"DB::Exception: {error}"))
            raise

    def _welcome(self, hello: wire.Hello) -> None:
        try:
            if hello.database:
                self._run(lambda: self._engine.execute(f"USE `{hello.database}`"))
        except EngineError as error:
            self._fail(error)
            raise
        self._send(wire.hello(self._version, "UTC"))
        wire.read_addendum(self._reader)

    def _answer(self) -> None:
        while True:
            self._reader.drop()
            packet = self._reader.varint()
            if packet == ClientPacket.PING:
                self._send(wire.pong())
            elif packet == ClientPacket.QUERY:
                self._query(wire.read_query(self._reader))
            elif packet != ClientPacket.CANCEL:
                message = f"unexpected packet {packet}"
                raise ProtocolError(message)

    def _query(self, query: Query) -> None:
        if query.compressed:
            error = EngineError(NOT_IMPLEMENTED, "DB::Exception: switch compression off: this server has none")
            self._fail(error)
            raise ProtocolError(str(error))
        try:
            self._cancelled = False
            self._refuse_external_tables()
            self._run(lambda: self._engine.prepare(query))
            insert = self._run(lambda: self._engine.insert(query.sql))
            if insert is None:
                self._select(query.sql)
            else:
                self._insert(*insert)
        except EngineError as error:
            if not self._cancelled:
                self._fail(error)
                return
        self._send(wire.end_of_stream())

    def _next_block(self) -> Block:
        if self._reader.varint() != ClientPacket.DATA:
            message = "expected a block of data"
            raise ProtocolError(message)
        self._reader.text()
        wire.read_block_info(self._reader)
        return read_block(self._reader, versioned=True)

    def _refuse_external_tables(self) -> None:
        tables = 0
        while self._next_block().columns:
            tables += 1
            self._reader.drop()
        self._reader.drop()
        if tables:
            message = "DB::Exception: external tables are not supported by the embedded server"
            raise EngineError(NOT_IMPLEMENTED, message)

    def _select(self, sql: str) -> None:
        pieces = self._engine.stream(sql)
        rows = blocks = size = 0
        try:
            while (piece := self._run_watched(lambda: next(pieces, None))) is not None:
                for block in _blocks(piece):
                    body = block.versioned()
                    self._send((b"" if blocks else wire.data(block.header())) + wire.data(body))
                    rows, blocks, size = rows + block.rows, blocks + 1, size + len(body)
        finally:
            self._run(pieces.close)
        if not blocks and (columns := self._run(lambda: self._engine.columns(sql))):
            self._send(wire.data(header(columns)))
        self._send(wire.profile_info(rows, blocks, size) + wire.progress(rows, size))

    def _insert(self, insert: Insert, columns: list[bytes]) -> None:
        """All blocks of the client are read before an error is told: whatever follows them is a new packet."""
        self._send(wire.data(header(columns)))
        failed: EngineError | None = None
        with contextlib.closing(insert):
            while (block := self._next_block()).columns:
                self._reader.drop()
                if failed is None:
                    failed = _append(insert, block)
                self._send(wire.profile_events())
            self._send(wire.profile_events())
            if failed:
                raise failed
            self._run(insert.finish)


def _wake(theirs: socket.socket, _done: Future[_T]) -> None:
    """End the wait for a future. One that was done before the first look is waited for by nobody any more."""
    with contextlib.suppress(OSError):
        theirs.send(b"\0")


def _append(insert: Insert, block: Block) -> EngineError | None:
    try:
        insert.append(block.plain())
    except EngineError as error:
        return error
    return None


def _blocks(native: bytes) -> list[Block]:
    try:
        return read_blocks(native)
    except UnsupportedColumnError as error:
        raise failure(error) from error
