"""A stack of their own for tests that kill and freeze what it is made of."""

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.recording import Recorded, invent
from tests.integration.conftest import RunningStack, running_stack
from tests.recorded_calls import data_file

DATA = data_file()  # before TOUCHPOINT_* variables are taken away


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All tests of this folder are of one kind."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.fault)


@pytest.fixture(autouse=True)
def _sweep() -> Iterator[None]:
    """What a client that could not connect left behind is swept up before the next test, which it would disturb."""
    yield
    gc.collect()


@pytest.fixture(scope="package")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """Real Kafka and the real engine, only for this folder."""
    with running_stack(tmp_path_factory.mktemp("faults")) as running:
        yield running


@pytest.fixture(scope="session")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    """The bank's calls where they are at hand, else invented ones."""
    if DATA is None:
        return invent(tmp_path_factory.mktemp("recorded") / "calls.tsv.gz")
    return Recorded(DATA, interactions=33_066, events=177_485, days=28)
