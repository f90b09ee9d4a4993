"""The README's commands do what it shows: each block is run by a shell as it stands there."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.at_work import Corner, forget
from tests.integration.conftest import Place, RunningStack
from tests.readme_blocks import ROOT, Block, blocks, prints
from tests.recorded_calls import NAME, data_file

pytestmark = [pytest.mark.integration, pytest.mark.slow]
DATA = data_file()
QUESTIONS = [block for block in blocks("Try it on real calls") if block.output]


def in_a_shell(commands: str, environment: dict[str, str]) -> str:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-euc", commands],  # noqa: S607  # the shell that the reader has
        cwd=ROOT, env=environment | {"PATH": path}, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def calls(stack: RunningStack) -> Iterator[Corner]:
    """The quick start, done."""
    if DATA is None:
        pytest.skip(f"{NAME} is not here: set TOUCHPOINT_TEST_DATA")
    corner = Corner(stack, "readme", "readme", {})
    start = blocks("Quick start")[-1].commands
    in_a_shell(start, corner.environment() | {"CALLS": str(DATA)})
    yield corner
    forget(corner)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("block", QUESTIONS, ids=lambda block: block.commands.split(" FROM ")[-1][:40])
def test_a_question_on_real_calls_has_the_answer_that_is_shown(block: Block, calls: Corner) -> None:
    assert prints(block.output).fullmatch(in_a_shell(block.commands, calls.environment()))


@pytest.mark.timeout(120)
def test_the_small_example_prints_what_is_shown(place: Place) -> None:
    start, question = blocks("The small example")
    alone = start.commands.replace("=tickets", f"={place.prefix}")
    assert prints(question.output).search(in_a_shell(alone + question.commands, place.environment))
