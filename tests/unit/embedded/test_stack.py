"""How a stack treats its services, tried with services that are small real processes."""

import json
import os
import socket
from pathlib import Path

import psutil
import pytest

from pipeline.embedded import processes
from pipeline.embedded.processes import Note
from pipeline.embedded.services import HOST, free_ports, places
from pipeline.errors import StackError
from tests.unit.embedded.programs import (
    ONE,
    REFUSE_ONCE,
    STUBBORN,
    TWO,
    Program,
    kill,
    noted,
    running,
    silent,
    stack_of,
)


def test_up_starts_all_and_writes_where_they_are(state: Path) -> None:
    outcome = stack_of(state, ONE, TWO).up({}, silent)

    written = json.loads((state / "stack.json").read_bytes())
    assert outcome.started == ("one", "two")
    assert written == {part.name: {"address": part.address, "pid": part.pid} for part in outcome.parts}
    assert all(psutil.pid_exists(entry["pid"]) for entry in written.values())


def test_second_up_starts_nothing(state: Path) -> None:
    stack = stack_of(state, ONE, TWO)
    first = stack.up({}, silent)

    second = stack.up({}, silent)

    assert second.started == ()
    assert second.parts == first.parts


def test_up_restarts_only_the_dead_part_on_its_old_port(state: Path) -> None:
    stack = stack_of(state, ONE, TWO)
    one, two = stack.up({}, silent).parts
    kill(one)

    outcome = stack.up({}, silent)

    assert outcome.started == ("one",)
    assert outcome.parts[0].address == one.address
    assert outcome.parts[1] == two


def test_failing_part_takes_the_started_ones_down_and_shows_its_last_line(state: Path) -> None:
    bad = Program("bad", "raise SystemExit('no such planet')")

    with pytest.raises(StackError, match="no such planet"):
        stack_of(state, ONE, bad).up({}, silent)

    assert running(state) == []
    assert not (state / "stack.json").exists()


def test_failing_part_leaves_the_part_that_ran_before(state: Path) -> None:
    (one,) = stack_of(state, ONE).up({}, silent).parts

    with pytest.raises(StackError):
        stack_of(state, ONE, Program("bad", "raise SystemExit(1)")).up({}, silent)

    assert psutil.pid_exists(one.pid or 0)


def test_full_disk_is_named(state: Path) -> None:
    bad = Program("bad", "raise SystemExit('java.io.IOException: No space left on device')")

    with pytest.raises(StackError, match=r"disk of .* is full"):
        stack_of(state, bad).up({}, silent)


def test_port_lost_to_somebody_else_is_replaced(state: Path) -> None:
    outcome = stack_of(state, Program("one", REFUSE_ONCE)).up({}, silent)

    assert outcome.parts[0].running


def test_wished_port_is_used(state: Path) -> None:
    (port,) = free_ports(1)

    (one,) = stack_of(state, ONE).up({"one": port}, silent).parts

    assert one.address == f"{HOST}:{port}"


def test_a_port_is_not_given_twice_while_nobody_listens_on_it_yet(state: Path) -> None:
    (port,) = free_ports(1)
    noted(state, "one", port)
    noted(state, "two", port)

    one, two = stack_of(state, ONE, TWO).up({}, silent).parts

    assert one.address != two.address == f"{HOST}:{port}"


def test_a_port_wished_for_one_service_is_not_given_to_another(state: Path) -> None:
    (port,) = free_ports(1)
    noted(state, "one", port)

    one, two = stack_of(state, ONE, TWO).up({"two": port}, silent).parts

    assert one.address != two.address == f"{HOST}:{port}"


def test_wished_port_that_is_taken_is_an_error(state: Path) -> None:
    with socket.create_server((HOST, 0)) as holder:
        port = holder.getsockname()[1]
        with pytest.raises(StackError, match=f"port {port} for The program is taken"):
            stack_of(state, ONE).up({"one": port}, silent)


def test_other_port_than_the_running_one_is_an_error(state: Path) -> None:
    stack_of(state, ONE).up({}, silent)
    (port,) = free_ports(1)

    with pytest.raises(StackError, match="runs on port"):
        stack_of(state, ONE).up({"one": port}, silent)


def test_interrupt_stops_what_was_started(state: Path) -> None:
    def interrupt(text: str) -> None:
        if text == "starting two":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stack_of(state, ONE, TWO).up({}, interrupt)

    assert running(state) == []


def test_note_of_a_stranger_is_not_believed(state: Path) -> None:
    stack = stack_of(state, ONE)
    (one,) = stack.up({}, silent).parts
    stack.down(delete=False, say=silent)
    note = processes.read(places(state, "one")["note"])
    assert note is not None
    stranger = Note(os.getpid(), note.port, note.command)

    assert processes.find(stranger) is None
    assert processes.stop([stranger]) == []
    assert one.pid is not None


def test_down_stops_only_its_own_and_keeps_the_data(state: Path, tmp_path: Path) -> None:
    other = stack_of(tmp_path / "other", ONE)
    (stranger,) = other.up({}, silent).parts
    stack = stack_of(state, ONE, TWO)
    stack.up({}, silent)

    stopped = stack.down(delete=False, say=silent)

    assert stopped == ["one", "two"]
    assert running(state) == []
    assert (state / "pseudonym.key").exists()
    assert not (state / "stack.json").exists()
    assert psutil.pid_exists(stranger.pid or 0)
    other.down(delete=True, say=silent)


def test_down_of_nothing_is_no_error(state: Path) -> None:
    assert stack_of(state, ONE).down(delete=False, say=silent) == []


def test_down_delete_leaves_files_that_are_not_ours(state: Path) -> None:
    stack = stack_of(state, ONE)
    stack.up({}, silent)
    (state / "thesis.txt").touch()

    stack.down(delete=True, say=silent)

    assert [path.name for path in state.iterdir()] == ["thesis.txt"]


def test_process_that_ignores_termination_is_killed(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "TERMINATE_SECONDS", 0.5)
    stack = stack_of(state, Program("one", STUBBORN))
    stack.up({}, silent)

    assert stack.down(delete=False, say=silent) == ["one"]
    assert running(state) == []


def test_state_directory_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(StackError, match=r"cannot write to the state directory .*TOUCHPOINT_STATE_DIR"):
        stack_of(tmp_path / "file" / "state", ONE).up({}, silent)
