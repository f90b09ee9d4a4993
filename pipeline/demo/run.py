"""Runs the demo: a fresh stack in a directory of its own, a worker, a simulated day; and stops it all again.

    clear -> stack -> topics -> migrations -> worker -> simulated day -> worked off

Whatever ends it, nothing of it is left running. Owns the order; must not know how anything looks.
"""

import contextlib
import fcntl
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from msgspec import Struct

from pipeline.demo import children, questions
from pipeline.demo.children import Child
from pipeline.demo.snapshot import Snapshot, ask, take
from pipeline.demo.worker_page import WorkerPage
from pipeline.embedded import services
from pipeline.embedded.stack import Stack
from pipeline.errors import StackError, TouchpointError
from pipeline.settings import Settings, load_settings
from pipeline.settings_sources import PREFIX
from pipeline.sink.clickhouse import ClickHouse, connect
from pipeline.sink.migrations import apply_pending
from pipeline.topics import apply as apply_topics

READY_SECONDS: Final = 60.0
NO_PROGRESS_SECONDS: Final = 60.0
LOOK_SECONDS: Final = 0.5
# In a row, until a service counts as gone: each takes a second, and up to some more of silence.
MISSED_LOOKS: Final = 6
POLL_SECONDS: Final = 0.1
NEEDED_BYTES: Final = 500_000_000
FULL_BYTES: Final = 20_000_000

Say = Callable[[str], None]
Show = Callable[[Snapshot], None]


class System(Struct, frozen=True):
    """All that runs. `clickhouse` is for the demo's one thread."""

    state: Path
    settings: Settings
    clickhouse: ClickHouse
    worker: Child
    page: WorkerPage

    def look(self) -> Snapshot:
        """The state of all touch-points. Raises TouchpointError when the worker or ClickHouse is gone."""
        self.worker.must_run()
        return take(self.clickhouse, self.page.flow())


@contextlib.contextmanager
def running(state: Path, say: Say) -> Iterator[System]:
    """The system without data, at work until the block ends. Raises StackError or what its parts raise.

    Whoever raises an interrupt into the block may do so once: a second one could end the stopping half way.
    """
    with _alone(state):
        _forget_settings(state)
        try:
            try:
                _stop(state, say, delete=True)
                system = _start(state, say)
                with system.clickhouse, _full_disk_named(state):
                    yield system
            finally:
                _stop(state, say)
        finally:
            # The one interrupt may have come while the line above was at work; otherwise this finds nothing to do.
            _stop(state, say)


def play(system: System, simulate: list[str], show: Show, say: Say) -> None:
    """Let `touchpoint simulate …` live through its day; returns when all of it is in the tables."""
    say("starting a worker, simulating the day")
    # It thinks the day up while the worker starts.
    simulator = children.start(system.state, children.SIMULATOR, ["simulate", *simulate, "--json"])
    _await_ready(system)
    while simulator.exit_code() is None:
        show(system.look())
        time.sleep(LOOK_SECONDS)
    if simulator.exit_code():
        raise TouchpointError(simulator.last_words())
    _work_off(system, _sent(simulator), show)


def stay(system: System) -> None:
    """Wait until interrupted. Raises TouchpointError when a part ends by itself."""
    stack, missed = Stack(system.state), 0
    while True:
        system.worker.must_run()
        missed = missed_looks(stack, missed, system.state / "logs")
        time.sleep(1)


def missed_looks(stack: Stack, before: int, logs: Path) -> int:
    """How many looks in a row some service has now missed. Raises StackError at the last one, or when a process ended.

    A loaded machine misses looks, as does a broker that is fenced for a moment.
    """
    silent = [part.name for part in stack.status() if not part.running]
    if ended := stack.ended():
        message = f"{' and '.join(ended)} ended; see {logs}"
        raise StackError(message)
    if silent and before + 1 >= MISSED_LOOKS:
        message = f"{' and '.join(silent)} did not answer {MISSED_LOOKS} times in a row; see {logs}"
        raise StackError(message)
    return before + 1 if silent else 0


def _start(state: Path, say: Say) -> System:
    _refuse_full_disk(state)
    say("starting Kafka and ClickHouse")
    Stack(state).up({}, say)
    settings = load_settings()
    say("creating topics and tables")
    apply_topics(settings, dry_run=False)
    apply_pending(settings)
    # Only now: a port that is free at the start may be taken when the worker is.
    os.environ[f"{PREFIX}METRICS_PORT"] = str(_metrics_port())
    settings = load_settings()
    worker = children.start(state, children.WORKER, ["worker"])
    return System(state, settings, connect(settings), worker, WorkerPage(int(settings.metrics_port)))


def _await_ready(system: System) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while not system.page.is_ready():
        system.worker.must_run()
        if time.monotonic() > deadline:
            message = f"the worker is not ready after {READY_SECONDS:.0f} s; see {system.worker.log}"
            raise TouchpointError(message)
        time.sleep(POLL_SECONDS)


def _stop(state: Path, say: Say, *, delete: bool = False) -> None:
    """Stop all that runs in this directory; safe to repeat."""
    stopped = children.stop(state)
    stopped += Stack(state).down(delete=delete, say=say)
    if delete:
        shutil.rmtree(state / "faust", ignore_errors=True)
    if stopped:
        say(f"stopped {', '.join(stopped)}{' of an earlier demo' if delete else ''}")


def _work_off(system: System, sent: int, show: Show) -> None:
    """Wait until the worker has committed as many records as were sent."""
    before, moved = -1, time.monotonic()
    while (position := ask(system.clickhouse, questions.WORKED_OFF)[0]["position"] or 0) < sent:
        show(system.look())
        if position > before:
            before, moved = position, time.monotonic()
        elif time.monotonic() - moved > NO_PROGRESS_SECONDS:
            message = f"the worker stands at {position:,} of {sent:,} events; see {system.worker.log}"
            raise TouchpointError(message)
        time.sleep(LOOK_SECONDS)
    show(system.look())


def _sent(simulator: Child) -> int:
    """How many events the simulator put into the log."""
    sent = simulator.result().get("sent")
    return int(sent.get("events", 0)) if isinstance(sent, dict) else 0


def _forget_settings(state: Path) -> None:
    """From here on only this system exists: the user's settings may name another one, whose data is no toy."""
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        del os.environ[name]
    os.environ[f"{PREFIX}STATE_DIR"] = str(state)


def _metrics_port() -> int:
    default = int(Settings.model_fields["metrics_port"].default)
    return default if services.is_free(default) else services.free_ports(1)[0]


def _refuse_full_disk(state: Path) -> None:
    free = shutil.disk_usage(state).free
    if free < NEEDED_BYTES:
        message = (
            f"{free / 1e6:,.0f} MB are free on the disk of {state}, the demo needs {NEEDED_BYTES / 1e6:,.0f}:"
            " set TOUCHPOINT_STATE_DIR to another disk"
        )
        raise StackError(message)


@contextlib.contextmanager
def _full_disk_named(state: Path) -> Iterator[None]:
    """Whatever a part dies of on a full disk, the disk is what somebody must act on."""
    try:
        yield
    except TouchpointError as error:
        if shutil.disk_usage(state).free > FULL_BYTES:
            raise
        message = f"the disk of {state} is full ({error})"
        raise StackError(message) from error


@contextlib.contextmanager
def _alone(state: Path) -> Iterator[None]:
    """One demo at a time in a directory. Raises StackError that names the other one."""
    try:
        state.mkdir(parents=True, exist_ok=True)
        lock = os.open(state / "demo.lock", os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        message = f"cannot write to the state directory {state}: {error.strerror}: set TOUCHPOINT_STATE_DIR"
        raise StackError(message) from error
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            message = (
                f"another demo runs in {state} (process {os.pread(lock, 20, 0).decode() or 'unknown'}):"
                " end it with Ctrl-C, or set TOUCHPOINT_STATE_DIR to another directory"
            )
            raise StackError(message) from error
        with contextlib.suppress(OSError):  # a full disk has its own message
            os.truncate(lock, 0)
            os.pwrite(lock, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(lock)
