import json
import os
import signal
import subprocess
import sys
from typing import NoReturn

import pytest
import typer
from typer.testing import CliRunner

from pipeline import errors
from pipeline.cli import main
from pipeline.cli.output import fail
from pipeline.errors import ConfigError, ExitCode, StackError, StalledError

COMMAND = [sys.executable, "-m", "pipeline.cli.main"]
HEAVY = {"aiokafka", "chdb", "clickhouse_driver", "faust", "jgo", "kafka", "numpy", "pydantic", "rich", "ruamel"}


@pytest.fixture
def failing() -> typer.Typer:
    """The real command line with one more command, which fails as it is told."""
    app = typer.Typer(cls=main.Commands, rich_markup_mode=None, pretty_exceptions_enable=False)

    @app.callback()
    def nothing() -> None: ...

    @app.command()
    def named(name: str) -> NoReturn:
        message = "first line\nsecond line"
        raise getattr(errors, name)(message)

    @app.command()
    def interrupted() -> NoReturn:
        raise KeyboardInterrupt

    @app.command()
    def found() -> NoReturn:
        fail("one row is missing")

    return app


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("TouchpointError", ExitCode.FAILURE),
        ("ConfigError", ConfigError.exit_code),
        ("StackError", StackError.exit_code),
        ("StalledError", StalledError.exit_code),
    ],
)
def test_an_error_of_ours_is_its_lines_on_stderr_and_its_exit_code(
    name: str, code: ExitCode, failing: typer.Typer
) -> None:
    result = CliRunner().invoke(failing, ["named", name])
    assert (result.exit_code, result.stdout) == (code, "")
    assert result.stderr == "touchpoint: first line\ntouchpoint: second line\n"


def test_an_interrupt_ends_with_130_and_no_traceback(failing: typer.Typer) -> None:
    result = CliRunner().invoke(failing, ["interrupted"])
    assert (result.exit_code, result.stderr) == (ExitCode.INTERRUPTED, "touchpoint: interrupted\n")


def test_a_failed_check_ends_with_1(failing: typer.Typer) -> None:
    result = CliRunner().invoke(failing, ["found"])
    assert (result.exit_code, result.stderr) == (ExitCode.FAILURE, "touchpoint: one row is missing\n")


@pytest.mark.parametrize("arguments", [["confg"], ["config", "show", "--jso"], ["config", "show", "surplus"]])
def test_wrong_usage_ends_with_2(arguments: list[str]) -> None:
    assert CliRunner().invoke(main.app, arguments).exit_code == ExitCode.USAGE


def test_the_process_ends_with_the_exit_code_of_the_error() -> None:
    environment = {**os.environ, "TOUCHPOINT_EPOCH": "-1"}
    done = subprocess.run([*COMMAND, "config", "check"], env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (ExitCode.USAGE, "")
    assert done.stderr == "touchpoint: TOUCHPOINT_EPOCH: must be 0 to 4095\n"


def test_a_reader_that_leaves_early_is_no_traceback() -> None:
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "wb") as closed:
        done = subprocess.run([*COMMAND, "config", "show"], stdout=closed, stderr=subprocess.PIPE, check=False)
    assert (done.returncode, done.stderr) == (ExitCode.FAILURE, b"")


def test_help_loads_none_of_the_heavy_libraries() -> None:
    program = (
        "import json, sys\nfrom pipeline.cli.main import app\napp(['--help'], standalone_mode=False)\n"
        "print(json.dumps(sorted(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = {name.split(".")[0] for name in json.loads(done.stdout.splitlines()[-1])}
    assert loaded & HEAVY == set()


def test_an_interrupt_while_modules_are_imported_is_one_line() -> None:
    script = "import pipeline.cli, signal; signal.raise_signal(signal.SIGINT)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stderr) == (-signal.SIGINT, "touchpoint: interrupted\n")


def test_any_other_mistake_keeps_its_traceback() -> None:
    script = "import pipeline.cli; raise ValueError('a mistake')"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("Traceback")
