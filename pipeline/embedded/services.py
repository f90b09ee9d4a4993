"""The two services of the embedded stack, one shape: how each is started on a port, and whether it answers."""

import contextlib
import socket
import sys
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Final, Protocol, TypedDict

from kafka.errors import KafkaError

import pipeline
from pipeline import kafka_admin
from pipeline.embedded import kafka, processes
from pipeline.embedded.clickhouse_wire import ServerPacket, client_hello
from pipeline.embedded.processes import Note

HOST: Final = "127.0.0.1"
_PROBE_SECONDS: Final = 5.0

Say = Callable[[str], None]


class _Places(TypedDict):
    log: Path
    note: Path


class Service(Protocol):
    """One service of the stack."""

    @property
    def name(self) -> str:
        """Its folder, log and entry in stack.json."""
        ...

    @property
    def title(self) -> str:
        """What people call it."""
        ...

    def start(self, state: Path, port: int, say: Say) -> Note:
        """Start it on that port; it may not answer yet. Raises StackError."""
        ...

    def answers(self, port: int) -> bool:
        """Whether it serves requests now; takes a few seconds at most."""
        ...


class Kafka:
    """The real broker on the JVM."""

    name = "kafka"
    title = "Kafka"

    def start(self, state: Path, port: int, say: Say) -> Note:
        """Download and format on the first run, then start the broker."""
        java, jars, home = kafka.java(), kafka.jars(say), state / self.name
        (controller_port,) = free_ports(1, but={port, *ports_of_others(state, self.name)})
        kafka.prepare(java, jars, home, port=port, controller_port=controller_port)
        command = kafka.broker_command(java, jars, home)
        return processes.start(command, **places(state, self.name), port=port, environment={})

    def answers(self, port: int) -> bool:
        """Whether a broker has registered and lets topics be made."""
        with contextlib.suppress(OSError), socket.create_connection((HOST, port), _PROBE_SECONDS):
            return _has_broker(port)
        return False


class ClickHouse:
    """The real engine in a Python process that speaks ClickHouse's protocol."""

    name = "clickhouse"
    title = "ClickHouse"

    def start(self, state: Path, port: int, say: Say) -> Note:
        """Start the server; it makes its data directory."""
        del say
        # Isolated from the caller's directory and from PYTHON* variables but for where this very package lies.
        root = str(Path(pipeline.__file__).resolve().parent.parent)
        module = "pipeline.embedded.clickhouse_server"
        command = [sys.executable, "-P", "-m", module, str(state / self.name), str(port)]
        environment = {"TZ": "UTC", "PYTHONPATH": root}
        return processes.start(command, **places(state, self.name), port=port, environment=environment)

    def answers(self, port: int) -> bool:
        """Whether it greets a client."""
        with contextlib.suppress(OSError), socket.create_connection((HOST, port), _PROBE_SECONDS) as client:
            client.settimeout(_PROBE_SECONDS)
            client.sendall(client_hello())
            return client.recv(1) == bytes([ServerPacket.HELLO])
        return False


def places(state: Path, name: str) -> _Places:
    """Where a service's log and note are."""
    return {"log": state / "logs" / f"{name}.log", "note": state / "run" / f"{name}.json"}


def ports_of_others(state: Path, name: str) -> set[int]:
    """Ports in the notes of all other services: one that was just started does not listen yet."""
    notes = [processes.read(path) for path in (state / "run").glob("*.json") if path.stem != name]
    return {note.port for note in notes if note is not None}


def free_ports(count: int, *, but: Collection[int] = ()) -> list[int]:
    """Ports that nobody listens on at the moment, all different."""
    with contextlib.ExitStack() as held:
        found: list[int] = []
        while len(found) < count:
            probe = held.enter_context(socket.create_server((HOST, 0)))
            port = int(probe.getsockname()[1])
            if port not in but:
                found.append(port)
        return found


def is_free(port: int) -> bool:
    """Whether nobody listens on that port."""
    try:
        socket.create_server((HOST, port)).close()
    except OSError:
        return False
    return True


def _has_broker(port: int) -> bool:
    milliseconds = int(_PROBE_SECONDS * 1000)
    try:
        admin = kafka_admin.connect([f"{HOST}:{port}"], connect_ms=milliseconds, request_ms=milliseconds)
    except KafkaError:
        return False
    try:
        return bool(admin.describe_cluster()["brokers"])
    except KafkaError:
        return False
    finally:
        admin.close()
