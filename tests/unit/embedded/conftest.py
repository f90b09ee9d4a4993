from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.embedded.stack import Stack
from tests.unit.embedded.programs import ONE, TWO, Program, running, silent


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    directory = tmp_path / "state"
    yield directory
    Stack(directory, (ONE, TWO, Program("bad", ""))).down(delete=True, say=silent)
    assert running(directory) == []
