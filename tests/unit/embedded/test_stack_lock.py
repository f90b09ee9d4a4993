"""One `up` or `down` at a time in a state directory, also when the one before deletes it."""

import fcntl
import shutil
from pathlib import Path

import pytest

from pipeline.errors import StackError
from tests.unit.embedded.programs import ONE, running, silent, stack_of


class Deleting:
    """Another command that holds the lock, and deletes the directory as soon as somebody waits for it."""

    def __init__(self, state: Path) -> None:
        state.mkdir()
        self.state = state
        self.heard: list[str] = []
        self.file = (state / "stack.lock").open("ab")
        fcntl.flock(self.file, fcntl.LOCK_EX)

    def say(self, text: str) -> None:
        self.heard.append(text.partition(" ")[0])
        if text.startswith("waiting for another"):
            shutil.rmtree(self.state)
            self.file.close()
        if text.startswith("starting"):
            with (self.state / "stack.lock").open("ab") as next_one, pytest.raises(BlockingIOError):
                fcntl.flock(next_one, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_up_that_waited_for_a_deletion_begins_anew_and_keeps_others_out(state: Path) -> None:
    other = Deleting(state)

    outcome = stack_of(state, ONE).up({}, other.say)

    assert other.heard == ["waiting", "starting"]
    assert outcome.parts[0].running
    assert (state / "logs" / "one.log").exists()
    assert (state / "pseudonym.key").exists()


def test_down_that_waited_for_a_deletion_finds_nothing_and_makes_nothing(state: Path) -> None:
    other = Deleting(state)

    assert stack_of(state, ONE).down(delete=False, say=other.say) == []

    assert other.heard == ["waiting"]
    assert not state.exists()


def test_a_lock_that_cannot_be_made_is_an_error_and_no_endless_wait(state: Path) -> None:
    state.mkdir()
    (state / "stack.lock").symlink_to(state / "nowhere" / "lock")

    with pytest.raises(StackError, match="cannot write to the state directory"):
        stack_of(state, ONE).up({}, silent)

    (state / "stack.lock").unlink()
    assert running(state) == []
