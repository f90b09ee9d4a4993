"""A demo that stays up: it ends with what it stands on, and not for a look that was missed."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.demo.run import MISSED_LOOKS, missed_looks
from pipeline.embedded.stack import Stack
from pipeline.errors import StackError
from tests.unit.embedded.programs import LISTEN, ONE, Hesitant, kill, silent


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    Stack(tmp_path, (ONE,)).up({}, silent)
    yield tmp_path
    Stack(tmp_path, (ONE,)).down(delete=True, say=silent)


def test_a_missed_look_is_forgotten_with_the_next_answer(state: Path) -> None:
    stack = Stack(state, (Hesitant("one", LISTEN, looks=iter([False, False, True])),))

    first = missed_looks(stack, 0, state)
    second = missed_looks(stack, first, state)
    third = missed_looks(stack, second, state)

    assert (first, second, third) == (1, 2, 0)


def test_a_service_that_stays_silent_ends_it(state: Path) -> None:
    stack = Stack(state, (Hesitant("one", LISTEN, looks=iter([False])),))

    with pytest.raises(StackError, match="one did not answer 6 times in a row; see "):
        missed_looks(stack, MISSED_LOOKS - 1, state)


def test_a_service_whose_process_is_gone_ends_it_at_once(state: Path) -> None:
    stack = Stack(state, (ONE,))
    kill(stack.status()[0])

    with pytest.raises(StackError, match="one ended; see "):
        missed_looks(stack, 0, state)
