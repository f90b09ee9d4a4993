"""A process is recognised from its first moment on, and not taken for another one."""

import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from pipeline.embedded import processes
from pipeline.embedded.processes import Note

_COMMAND = [sys.executable, "-c", "import time; time.sleep(60)"]


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Note]:
    note = processes.start(_COMMAND, log=tmp_path / "log", note=tmp_path / "note", port=1, environment={})
    yield note
    processes.stop([note])


def test_a_process_whose_arguments_are_not_there_yet_is_waited_for(
    started: Note, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter([[], [], started.command])
    with monkeypatch.context() as patched:
        patched.setattr(psutil.Process, "cmdline", lambda _process: next(answers))
        found = processes.find(started)

    assert found is not None
    assert found.pid == started.pid
    assert list(answers) == []


def test_a_process_that_never_shows_arguments_is_not_ours(started: Note, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "EXEC_SECONDS", 0.1)
    with monkeypatch.context() as patched:
        patched.setattr(psutil.Process, "cmdline", lambda _process: [])

        assert processes.find(started) is None


def test_a_stranger_with_the_same_id_is_not_ours(started: Note) -> None:
    assert processes.find(Note(started.pid, started.port, [*started.command, "more"])) is None
    assert processes.find(started) is not None


def test_a_stopped_process_is_gone(started: Note) -> None:
    assert processes.stop([started]) == [started]
    assert processes.find(started) is None
    assert processes.stop([started]) == []
