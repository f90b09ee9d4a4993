"""Each library that does I/O has one home, and the core knows neither I/O nor anything outside itself."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "pipeline"
FILES = sorted(PACKAGE.rglob("*.py"))
HOMES = {
    "faust": ("stream/",),
    "mode": ("stream/",),
    "aiokafka": ("stream/",),
    "clickhouse_driver": ("sink/clickhouse.py",),
    "clickhouse_migrations": ("sink/migrations.py",),
    "prometheus_client": ("telemetry/metrics.py",),
}


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def name_in_package(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


@pytest.mark.parametrize("path", FILES, ids=name_in_package)
def test_a_library_with_a_home_is_imported_nowhere_else(path: Path) -> None:
    strays = [
        name
        for name in imported(path)
        for library, homes in HOMES.items()
        if name.split(".")[0] == library and not name_in_package(path).startswith(homes)
    ]
    assert strays == []


@pytest.mark.parametrize("path", sorted((PACKAGE / "core").glob("*.py")), ids=name_in_package)
def test_the_core_imports_only_the_standard_library_msgspec_and_itself(path: Path) -> None:
    allowed = sys.stdlib_module_names | {"msgspec"}
    strays = [
        name
        for name in imported(path)
        if name.split(".")[0] not in allowed and not (name == "pipeline.core" or name.startswith("pipeline.core."))
    ]
    assert strays == []


def test_nothing_on_the_path_reads_the_clock_of_the_machine() -> None:
    """Lag is shown by it, and a recomputation asks how old conditions may be; no live decision knows it."""
    readings = {"time.time", "time.time_ns", "datetime.now", "datetime.utcnow", "date.today"}
    readers = {
        name_in_package(path)
        for path in FILES
        if path.parent.name in {"core", "stream", "sink", "telemetry"}
        for node in ast.walk(ast.parse(path.read_bytes()))
        if isinstance(node, ast.Attribute) and any(ast.unparse(node).endswith(reading) for reading in readings)
    }
    assert readers == {"telemetry/metrics.py", "stream/observer.py", "stream/recompute.py"}


@pytest.mark.parametrize("path", FILES, ids=name_in_package)
def test_no_module_of_the_package_is_a_drawer_for_odds_and_ends(path: Path) -> None:
    assert path.stem not in {"utils", "util", "helpers", "common", "manager"}


@pytest.mark.parametrize("path", FILES, ids=name_in_package)
def test_a_file_can_be_grasped(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 300
