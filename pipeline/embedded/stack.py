"""The embedded stack of one state directory: brought up, looked at, taken down.

Owns the state directory's layout (stack.json, pseudonym.key, run/, logs/, kafka/, clickhouse/). Must not know how a
service works inside; nothing here writes to the terminal.
"""

import contextlib
import fcntl
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

import msgspec

from pipeline.embedded import processes, services
from pipeline.embedded.processes import Note, write_atomically
from pipeline.embedded.services import HOST, Say, Service
from pipeline.errors import StackError

SERVICES: Final[tuple[Service, ...]] = (services.ClickHouse(), services.Kafka())
START_SECONDS: Final = 180.0
# A loaded machine or a broker fenced for a moment misses looks; only what hangs for longer is started again.
PATIENCE_SECONDS: Final = 30.0
KEY_BYTES: Final = 32
_LOCK: Final = "stack.lock"
_TRIES: Final = 3
_POLL_SECONDS: Final = 0.1
_SAY_SECONDS: Final = 3.0
_TAIL_BYTES: Final = 4096
_PORT_TAKEN: Final = re.compile("address already in use", re.IGNORECASE)
_DISK_FULL: Final = re.compile("no space left on device|NOT_ENOUGH_SPACE", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Part:
    """One service as it is now. `address` is where it was last, also when it does not run."""

    name: str
    running: bool
    address: str | None
    pid: int | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What `up` found or did: the services it had to start, none if all were running."""

    parts: tuple[Part, ...]
    started: tuple[str, ...]


class Stack:
    """The stack of one state directory. Several live side by side, each in its own."""

    def __init__(self, state_dir: Path, parts: tuple[Service, ...] = SERVICES) -> None:
        self._state = state_dir.absolute()
        self._services = parts

    def up(self, ports: Mapping[str, int], say: Say) -> Outcome:
        """Make both services run and answer; `ports` are wishes. Interrupted or failed, it leaves none that it started.

        `say` is told what is going on, at least every few seconds. Raises StackError.
        """
        with self._alone(say, make=True):
            self._make_state()
            return self._up(ports, say)

    def status(self) -> tuple[Part, ...]:
        """Each service as it is now."""
        return tuple(self._part(service) for service in self._services)

    def ended(self) -> list[str]:
        """The names of those whose process is gone; one that only misses a look is not among them."""
        return [service.name for service in self._services if processes.find(self._note(service)) is None]

    def down(self, *, delete: bool, say: Say) -> list[str]:
        """Stop what runs, and only that; returns the names. `delete` also removes all that the stack ever wrote."""
        if not self._state.is_dir():
            return []
        with self._alone(say) as there:
            if not there:
                return []
            notes = {service.name: note for service in self._services if (note := self._note(service))}
            stopped = processes.stop(list(notes.values()))
            with contextlib.suppress(OSError):
                (self._state / "stack.json").unlink()
            if delete:
                self._delete()
        return [name for name, note in notes.items() if note in stopped]

    def _up(self, ports: Mapping[str, int], say: Say) -> Outcome:
        missing = [service for service in self._services if not self._keep(service, ports.get(service.name), say)]
        try:
            for service in missing:
                self._start(service, ports, say)
            for service in missing:
                self._wait(service, ports, say)
            # Not asked again: what has just answered may miss the next look.
            parts = tuple(self._part(service, ask=False) for service in self._services)
            self._publish(parts)
        except BaseException:
            processes.stop([note for service in missing if (note := self._note(service))])
            raise
        return Outcome(parts, tuple(service.name for service in missing))

    def _make_state(self) -> None:
        try:
            for folder in (self._state / "run", self._state / "logs"):
                folder.mkdir(exist_ok=True)
            self._make_key()
        except OSError as error:
            raise self._unwritable(error) from error

    def _make_key(self) -> None:
        path = self._state / "pseudonym.key"
        if not path.exists():
            write_atomically(path, f"{secrets.token_hex(KEY_BYTES)}\n".encode(), mode=0o600)

    @contextlib.contextmanager
    def _alone(self, say: Say, *, make: bool = False) -> Iterator[bool]:
        """One `up` or `down` at a time in a state directory; False when there is none and none is to be made."""
        while (file := self._lock_file(make=make)) is not None:
            with file:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    say("waiting for another `touchpoint stack` in this state directory")
                    fcntl.flock(file, fcntl.LOCK_EX)
                # A `down --delete` that we waited for took the file with it: the next one would lock another.
                if _is_at(file, self._state / _LOCK):
                    yield True
                    return
        yield False

    def _lock_file(self, *, make: bool) -> IO[bytes] | None:
        for left in reversed(range(_TRIES)):
            try:
                if make:
                    self._state.mkdir(parents=True, exist_ok=True)
                return (self._state / _LOCK).open("ab")
            except OSError as error:
                if not make and not self._state.is_dir():
                    break
                # A `down --delete` may remove the directory between these two steps, or within the first one.
                if not left or not isinstance(error, FileNotFoundError | FileExistsError):
                    raise self._unwritable(error) from error
        return None

    def _unwritable(self, error: OSError) -> StackError:
        return StackError(
            f"cannot write to the state directory {self._state}: {error.strerror}: set TOUCHPOINT_STATE_DIR"
        )

    def _note(self, service: Service) -> Note | None:
        return processes.read(services.places(self._state, service.name)["note"])

    def _part(self, service: Service, *, ask: bool = True) -> Part:
        note = self._note(service)
        if note is None:
            return Part(service.name, running=False, address=None, pid=None)
        running = processes.find(note) is not None and (not ask or service.answers(note.port))
        return Part(service.name, running, f"{HOST}:{note.port}", note.pid if running else None)

    def _keep(self, service: Service, wished: int | None, say: Say) -> bool:
        """Whether a service runs well already; one that lives but does not answer, however often asked, is stopped."""
        note = self._note(service)
        if note is None or processes.find(note) is None:
            return False
        if not service.answers(note.port):
            who = f"{service.title} (process {note.pid}) does not answer"
            say(f"{who}: waiting up to {PATIENCE_SECONDS:.0f} s")
            if not self._answers_in_time(service, note, PATIENCE_SECONDS, say):
                say(f"{who}: starting it again")
                processes.stop([note])
                return False
        if wished not in {None, note.port}:
            message = f"{service.title} runs on port {note.port}, not {wished}: run `touchpoint stack down` first"
            raise StackError(message)
        return True

    def _start(self, service: Service, ports: Mapping[str, int], say: Say) -> None:
        port = self._port(service, ports)
        log = services.places(self._state, service.name)["log"]
        with contextlib.suppress(OSError):
            log.replace(log.with_suffix(".log.1"))
        service.start(self._state, port, say)

    def _port(self, service: Service, ports: Mapping[str, int]) -> int:
        """The one that is wished, else that of last time, so that clients which wait for the service find it again."""
        wished, before = ports.get(service.name), self._note(service)
        if wished is not None:
            if not services.is_free(wished):
                message = f"port {wished} for {service.title} is taken: choose another one, or none for a free one"
                raise StackError(message)
            return wished
        others = {*ports.values(), *services.ports_of_others(self._state, service.name)}
        if before is not None and before.port not in others and services.is_free(before.port):
            return before.port
        return services.free_ports(1, but=others)[0]

    def _wait(self, service: Service, ports: Mapping[str, int], say: Say) -> None:
        for tried in range(1, _TRIES + 1):
            note = self._note(service)
            if note is None or self._answers_in_time(service, note, START_SECONDS, say):
                return
            if processes.find(note) is not None:
                message = f"{service.title} does not answer after {START_SECONDS:.0f} s: see {self._log(service)}"
                raise StackError(message)
            tail = self._log_tail(service)
            if service.name in ports or tried == _TRIES or not _PORT_TAKEN.search(tail):
                raise StackError(self._explain(service, tail))
            # Somebody took the port between our look and the service's start.
            self._start(service, ports, say)

    @staticmethod
    def _answers_in_time(service: Service, note: Note, seconds: float, say: Say) -> bool:
        """False when the process ends, or lives and has not answered in that time."""
        began = said = time.monotonic()
        while processes.find(note) is not None:
            if service.answers(note.port):
                return True
            now = time.monotonic()
            if now - began > seconds:
                break
            if now - said > _SAY_SECONDS:
                said = now
                say(f"waiting for {service.title} ({now - began:.0f} s)")
            time.sleep(_POLL_SECONDS)
        return False

    def _log(self, service: Service) -> Path:
        return services.places(self._state, service.name)["log"]

    def _log_tail(self, service: Service) -> str:
        try:
            return self._log(service).read_bytes()[-_TAIL_BYTES:].decode("utf-8", "replace")
        except OSError:
            return ""

    def _explain(self, service: Service, tail: str) -> str:
        log = self._log(service)
        if _DISK_FULL.search(tail):
            return f"{service.title} ended because the disk of {self._state} is full; see {log}"
        if _PORT_TAKEN.search(tail):
            return f"{service.title} ended because its port was taken; see {log}"
        last = next((line.strip() for line in reversed(tail.splitlines()) if line.strip()), "nothing in its log")
        return f"{service.title} ended while starting: {last}; see {log}"

    def _publish(self, parts: tuple[Part, ...]) -> None:
        stopped = [part.name for part in parts if not part.running]
        if stopped:
            message = f"{' and '.join(stopped)} ended while starting: see {self._state / 'logs'}"
            raise StackError(message)
        content = {part.name: {"address": part.address, "pid": part.pid} for part in parts}
        write_atomically(self._state / "stack.json", msgspec.json.encode(content))

    def _delete(self) -> None:
        """Remove what we made and nothing else; the directory itself only when it is empty then."""
        for folder in ("kafka", "clickhouse", "run", "logs"):
            shutil.rmtree(self._state / folder, ignore_errors=True)
        # The lock comes last: whoever finds none may begin.
        for file in ("pseudonym.key", "stack.json", _LOCK):
            (self._state / file).unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self._state.rmdir()


def _is_at(file: IO[bytes], path: Path) -> bool:
    """Whether the open file is still the one at that path."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False
