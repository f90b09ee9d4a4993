import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from pipeline.cli import import_
from pipeline.cli.main import Commands
from tests.unit.source import calls


@pytest.fixture
def app() -> typer.Typer:
    made = typer.Typer(cls=Commands)
    made.callback()(lambda: None)
    import_.register(made)
    return made


def test_a_dry_run_needs_no_kafka_and_reports_everything(app: typer.Typer, tmp_path: Path) -> None:
    table, mapping = calls.write_table(tmp_path, calls.ROW), calls.write_mapping(tmp_path)
    found = CliRunner().invoke(app, ["import", str(table), "--mapping", str(mapping), "--dry-run", "--json"])
    report = json.loads(found.stdout)
    assert (found.exit_code, report["interactions"], report["events"], report["sent"]) == (0, 1, 4, 0)
    assert (report["skipped"], report["conflicts"], report["interrupted"]) == ({"test_call": 0}, 0, False)


def test_people_read_counts_by_rule(app: typer.Typer, tmp_path: Path) -> None:
    table = calls.write_table(tmp_path, calls.ROW.replace("9:05:00", ""))
    found = CliRunner().invoke(
        app, ["import", str(table), "--mapping", str(calls.write_mapping(tmp_path)), "--dry-run"]
    )
    assert found.stdout.splitlines()[1:] == [
        "  skipped by test_call: 0",
        "  repaired by over.filled_by.answered: 1",
        "nothing was sent (--dry-run)",
    ]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--speed", "fast"], 2, "--speed fast: valid: max, or times real time"),
        (["--limit", "0"], 2, "--limit"),
        ([], 1, "calls.csv: cannot be read: No such file or directory"),
    ],
)
def test_a_failure_is_told_on_stderr_with_its_exit_code(
    app: typer.Typer, tmp_path: Path, arguments: list[str], code: int, message: str
) -> None:
    given = ["import", str(tmp_path / "calls.csv"), "--mapping", str(calls.write_mapping(tmp_path)), "--dry-run"]
    found = CliRunner().invoke(app, [*given, *arguments])
    assert (found.exit_code, found.stdout) == (code, "")
    assert message in found.stderr


def test_nothing_that_identifies_a_person_is_printed(app: typer.Typer, tmp_path: Path) -> None:
    rows = [calls.ROW.replace(",77,", ",secret,").replace("L1,1,", f"L1,{n},") for n in (1, 2)]
    bad = [rows[0].replace("9:05:00", "9:06:00"), rows[1].replace("9:00:00", "secret")]
    for listed in (rows, rows + bad):
        table = calls.write_table(tmp_path, *listed)
        for flags in (["--json"], []):
            given = ["import", str(table), "--mapping", str(calls.write_mapping(tmp_path)), "--dry-run", *flags]
            found = CliRunner().invoke(app, given)
            assert "secret" not in found.output
