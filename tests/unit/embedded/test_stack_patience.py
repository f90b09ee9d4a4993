"""A look that a living service misses is no end of it: how long a stack waits, and for whom it does not."""

import json
from pathlib import Path

import pytest

from pipeline.embedded import processes
from pipeline.embedded import stack as stack_module
from pipeline.embedded.services import places
from tests.unit.embedded.programs import LISTEN, ONE, TWO, Deaf, Hesitant, kill, silent, stack_of


def test_up_replaces_a_part_that_does_not_answer(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stack_module, "PATIENCE_SECONDS", 0.2)
    stack_of(state, ONE).up({}, silent)
    before = processes.read(places(state, "one")["note"])
    assert before is not None

    outcome = stack_of(state, Deaf("one", LISTEN, deaf_pid=before.pid)).up({}, silent)

    assert outcome.started == ("one",)
    assert processes.find(before) is None


def test_up_keeps_a_living_part_that_misses_some_looks_and_says_that_it_waits(state: Path) -> None:
    first = stack_of(state, ONE).up({}, silent)
    heard: list[str] = []

    second = stack_of(state, Hesitant("one", LISTEN, looks=iter([False] * 3))).up({}, heard.append)

    assert (second.started, second.parts) == ((), first.parts)
    assert heard[0] == f"The program (process {first.parts[0].pid}) does not answer: waiting up to 30 s"


def test_a_part_that_misses_a_look_after_it_answered_has_not_ended(state: Path) -> None:
    stack = stack_of(state, Hesitant("one", LISTEN, looks=iter([True, False])))

    outcome = stack.up({}, silent)

    assert outcome.parts[0].running
    assert json.loads((state / "stack.json").read_bytes())["one"]["pid"] == outcome.parts[0].pid
    assert stack.ended() == []


def test_a_part_whose_process_is_gone_has_ended(state: Path) -> None:
    stack = stack_of(state, ONE, TWO)
    kill(stack.up({}, silent).parts[1])

    assert stack.ended() == ["two"]
