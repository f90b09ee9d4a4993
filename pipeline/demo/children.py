"""Commands of our own that run beside the demo, each in a session of its own: Ctrl-C reaches the demo alone.

A note on disk outlives the demo, so that the next one finds what a killed one left. Must not know what they do.
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import orjson
from msgspec import Struct

from pipeline.embedded import processes
from pipeline.embedded.processes import Note
from pipeline.embedded.services import places
from pipeline.errors import TouchpointError

WORKER: Final = "worker"
SIMULATOR: Final = "simulator"
# In the order in which they are stopped.
NAMES: Final = (SIMULATOR, WORKER)
TAIL_BYTES: Final = 16_384


class Child(Struct):
    """A running command. `note` recognises its process; `code` is its exit code once it is known."""

    name: str
    note: Note
    log: Path
    code: int | None = None

    def exit_code(self) -> int | None:
        """None while it runs; negative after a signal."""
        if self.code is None:
            pid, status = os.waitpid(self.note.pid, os.WNOHANG)
            self.code = os.waitstatus_to_exitcode(status) if pid else None
        return self.code

    def must_run(self) -> None:
        """Raise TouchpointError if it has ended."""
        if self.exit_code() is not None:
            raise TouchpointError(self.last_words())

    def last_words(self) -> str:
        """How it ended, for the operator."""
        last = next((line for line in reversed(self._tail()) if line), "nothing in its log")
        return f"the {self.name} ended with exit code {self.code}: {last.removeprefix('touchpoint: ')}; see {self.log}"

    def result(self) -> dict[str, object]:
        """The JSON object that it printed last; empty if there is none."""
        for line in reversed(self._tail()):
            if line.startswith("{"):
                found: dict[str, object] = orjson.loads(line)
                return found
        return {}

    def _tail(self) -> list[str]:
        return self.log.read_bytes()[-TAIL_BYTES:].decode("utf-8", "replace").splitlines()


def start(state: Path, name: str, arguments: Sequence[str]) -> Child:
    """Run `touchpoint ARGUMENTS`, its output in a log. Raises StackError."""
    where = places(state.absolute(), name)
    command = [sys.executable, "-m", "pipeline.cli.main", *arguments]
    return Child(name, processes.start(command, **where, port=0, environment={}), where["log"])


def stop(state: Path) -> list[str]:
    """Stop those that run in this state directory, whoever started them: SIGTERM, then SIGKILL. Returns their names."""
    stopped = []
    for name in NAMES:
        note = processes.read(places(state.absolute(), name)["note"])
        if note is not None and processes.stop([note]):
            stopped.append(name)
    return stopped
