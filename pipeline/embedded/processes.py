"""A detached process of ours and the note about it on disk: started, recognised later, stopped.

A process is recognised by its id and its whole command line, which names its state directory: after a reboot the id may
belong to a stranger. Must not know what runs in it.
"""

import contextlib
import os
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec
import psutil

from pipeline.errors import StackError

TERMINATE_SECONDS: Final = 15.0
KILL_SECONDS: Final = 5.0
EXEC_SECONDS: Final = 5.0
_POLL_SECONDS: Final = 0.05


class Note(msgspec.Struct, frozen=True):
    """What is written down about a started process, and outlives it: the next start prefers the same port."""

    pid: int
    port: int
    command: list[str]


def write_atomically(path: Path, data: bytes, mode: int = 0o644) -> None:
    """Replace a file as a whole: a reader sees the old content or the new one. Raises StackError."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        message = f"cannot write {path}: {error.strerror}"
        raise StackError(message) from error


def start(command: list[str], *, log: Path, note: Path, port: int, environment: Mapping[str, str]) -> Note:
    """Start a process in a session of its own, its output in `log`, and write the note. Raises StackError.

    No signal comes between the two: whoever interrupts us afterwards finds the note.
    """
    files = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, str(log), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ]
    held = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
    try:
        pid = os.posix_spawn(
            command[0], command, {**os.environ, **environment}, file_actions=files, setsid=True, setsigmask=()
        )
        written = Note(pid, port, command)
        try:
            write_atomically(note, msgspec.json.encode(written))
        except StackError:
            os.kill(pid, signal.SIGKILL)
            raise
    except OSError as error:
        message = f"cannot start {command[0]}: {error.strerror}"
        raise StackError(message) from error
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, held)
    return written


def read(note: Path) -> Note | None:
    """The note, or nothing when there is none or it cannot be understood."""
    try:
        return msgspec.json.decode(note.read_bytes(), type=Note)
    except (OSError, msgspec.MsgspecError):
        return None


def find(note: Note | None) -> psutil.Process | None:
    """The process of the note, if it still lives and is that very one."""
    if note is None:
        return None
    try:
        process = psutil.Process(note.pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            _reap(note.pid)
            return None
        return process if _command_line(process) == note.command else None
    except psutil.Error:
        return None


def stop(notes: list[Note]) -> list[Note]:
    """Ask the processes to end, wait, then kill what is left. Returns those that were running."""
    found = [(note, process) for note in notes if (process := find(note)) is not None]
    for _note, process in found:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.terminate()
    for process in _outlasting(found, TERMINATE_SECONDS):
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    _outlasting(found, KILL_SECONDS)
    return [note for note, _process in found]


def _outlasting(found: list[tuple[Note, psutil.Process]], seconds: float) -> list[psutil.Process]:
    """Wait until all have ended; those that have not in time. A dead child that its parent keeps counts as ended."""
    deadline = time.monotonic() + seconds
    while (left := [process for note, process in found if find(note)]) and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
    return left


def _command_line(process: psutil.Process) -> list[str]:
    """Empty for a moment after the start: the new program is there before its arguments are. Waits until it is over."""
    deadline = time.monotonic() + EXEC_SECONDS
    while not (words := process.cmdline()) and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
    return words


def _reap(pid: int) -> None:
    """Let a dead child of our own go; harmless for anybody else's."""
    with contextlib.suppress(OSError):
        os.waitpid(pid, os.WNOHANG)
