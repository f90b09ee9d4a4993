"""Services of a stack that are small real processes, and what tests do to them."""

import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import psutil

from pipeline.embedded import processes
from pipeline.embedded.processes import Note
from pipeline.embedded.services import HOST, Say, Service, places
from pipeline.embedded.stack import Part, Stack

LISTEN = "import socket,sys,time; s=socket.create_server(('127.0.0.1',int(sys.argv[1]))); time.sleep(600)"
REFUSE_ONCE = (
    "import pathlib,socket,sys,time; mark=pathlib.Path(sys.argv[2])\n"
    "if not mark.exists(): mark.touch(); sys.exit('OSError: [Errno 98] Address already in use')\n"
    "s=socket.create_server(('127.0.0.1',int(sys.argv[1]))); time.sleep(600)"
)
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {LISTEN}"


@dataclass(frozen=True)
class Program:
    """A service that runs a line of Python; it answers as soon as it listens."""

    name: str
    code: str
    title: str = "The program"

    def start(self, state: Path, port: int, say: Say) -> Note:
        say(f"starting {self.name}")
        command = [sys.executable, "-c", self.code, str(port), str(state / "mark")]
        return processes.start(command, **places(state, self.name), port=port, environment={})

    def answers(self, port: int) -> bool:
        with socket.socket() as client:
            return client.connect_ex((HOST, port)) == 0


@dataclass(frozen=True)
class Deaf(Program):
    """Like a hung process: listens, but one process of that id never answers."""

    deaf_pid: int = 0

    def answers(self, port: int) -> bool:
        listening = [found.pid for found in psutil.net_connections("tcp") if found.laddr and found.laddr.port == port]
        return super().answers(port) and self.deaf_pid not in listening


@dataclass(frozen=True)
class Hesitant(Program):
    """Listens, and answers as these say as long as there are any."""

    looks: Iterator[bool] = field(default_factory=lambda: iter(()))

    def answers(self, port: int) -> bool:
        return super().answers(port) and next(self.looks, True)


ONE, TWO = Program("one", LISTEN), Program("two", LISTEN)


def silent(_text: str) -> None:
    pass


def running(state: Path) -> list[int]:
    """Processes whose command line names that directory."""
    found = psutil.process_iter(["cmdline"])
    return [process.pid for process in found if str(state) in " ".join(process.info["cmdline"] or [])]


def kill(part: Part) -> None:
    process = psutil.Process(part.pid or 0)
    process.kill()
    process.wait(10)


def noted(state: Path, name: str, port: int) -> None:
    """As if that service had been there once."""
    (state / "run").mkdir(parents=True, exist_ok=True)
    processes.write_atomically(places(state, name)["note"], msgspec.json.encode(Note(0, port, ["gone"])))


def stack_of(state: Path, *services: Service) -> Stack:
    return Stack(state, services)
