"""Between a worker and a server: passes bytes both ways; the server's answers can be held back or made slow."""

import contextlib
import socket
import threading
import time


class Relay:
    """Listens on `port`. While `answering` is clear no answer passes; each takes `answer_seconds` longer."""

    def __init__(self, target: tuple[str, int]) -> None:
        self.answering = threading.Event()
        self.answering.set()
        self.answer_seconds = 0.0
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Take no more connections."""
        self.answering.set()
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._target)
                threading.Thread(target=self._pass, args=(client, server, False), daemon=True).start()
                threading.Thread(target=self._pass, args=(server, client, True), daemon=True).start()

    def _pass(self, source: socket.socket, sink: socket.socket, answers: bool) -> None:  # noqa: FBT001
        with contextlib.suppress(OSError), source, sink:
            while data := source.recv(65_536):
                if answers:
                    time.sleep(self.answer_seconds)
                    self.answering.wait()
                sink.sendall(data)
            sink.shutdown(socket.SHUT_RDWR)
