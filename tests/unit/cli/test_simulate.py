import json

import pytest
import typer
from typer.testing import CliRunner

from pipeline.cli import progress, simulate
from pipeline.cli.main import Commands

LIGHT = ["simulate", "--dry-run", "--load", "0.1"]


@pytest.fixture
def app() -> typer.Typer:
    made = typer.Typer(cls=Commands)
    made.callback()(lambda: None)
    simulate.register(made)
    return made


def test_a_dry_run_needs_no_kafka_and_tells_what_really_happened(app: typer.Typer) -> None:
    found = CliRunner().invoke(app, [*LIGHT, "--json", "--branch", "003", "--incident-start", "09:00"])
    truth = json.loads(found.stdout)
    assert (found.exit_code, truth["scenario"], truth["sent"], truth["load"]) == (0, "busy_day", {}, 0.1)
    assert [(each["subject"], each["clock"]) for each in truth["incidents"]] == [
        ("system/identity", "09:00-09:45"),
        ("branch/003", "13:30-16:30"),
    ]
    teller = truth["touch_points"]["branch/003/teller"]
    assert set(teller) >= {"arrived", "mean_wait_seconds", "utilisation", "windows"}
    assert sum(window["finished"] for window in teller["windows"]) == teller["arrived"]


def test_a_day_that_takes_long_says_how_far_it_is(app: typer.Typer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "FIRST_SHOWN_SECONDS", 0.0)
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 0.0)
    found = CliRunner().invoke(app, LIGHT)
    assert found.stderr.splitlines()[::3] == [f"living through the day: {share} %" for share in (0, 50, 100)]


def test_the_same_seed_tells_the_same_truth(app: typer.Typer) -> None:
    first, second = (json.loads(CliRunner().invoke(app, [*LIGHT, "--json"]).stdout) for _ in range(2))
    assert first | {"simulate_seconds": 0} == second | {"simulate_seconds": 0}


def test_people_read_a_table(app: typer.Typer) -> None:
    lines = CliRunner().invoke(app, [*LIGHT, "--scenario", "identity_slow", "--day", "2026-01-31"]).stdout.splitlines()
    assert lines[0].startswith("identity_slow, 2026-01-31, seed 1: ")
    assert lines[1] == "  10:40-11:25  system/identity"
    assert lines[2].split()[:3] == ["touch-point", "customers", "left"]
    assert lines[-1] == "nothing was sent (--dry-run)"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--speed", "fast"], "--speed fast: valid: max, or times real time"),
        (["--scenario", "doomsday"], "--scenario doomsday: valid: quiet_day"),
        (["--day", "2099-01-01"], "--day 2099-01-01: valid: a date that is over"),
        (["--day", "yesterday"], "--day yesterday: valid: a date that is over"),
    ],
)
def test_a_wrong_argument_is_told_with_the_valid_ones(app: typer.Typer, arguments: list[str], message: str) -> None:
    found = CliRunner().invoke(app, [*LIGHT, *arguments])
    assert (found.exit_code, found.stdout) == (2, "")
    assert message in found.stderr
