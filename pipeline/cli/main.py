"""The `touchpoint` command: one module per noun, errors as one line on stderr.

Exit codes, for scripts:

0    ok
1    the check, audit or command found a failure
2    wrong usage or configuration; nothing was done
3    a service cannot be reached
70   the watchdog ended a worker that made no progress
130  interrupted

Starts in a fraction of a second: command modules import Kafka, Faust, chdb and settings inside their functions.
"""

import importlib.metadata
import sys
from typing import Annotated, Any, Final, NoReturn

import typer
from typer.core import TyperGroup

from pipeline.cli import (
    audit,
    config,
    demo,
    explain,
    import_,
    migrate,
    model,
    recompute,
    simulate,
    sql,
    stack,
    topics,
    worker,
)
from pipeline.cli.output import write_error
from pipeline.errors import ExitCode, TouchpointError

# One module per noun, in the order of `touchpoint --help`; each has `register(app: typer.Typer) -> None`.
# A new noun is added to the import above and to this tuple.
NOUNS: Final = (demo, stack, topics, migrate, import_, simulate, worker, recompute, audit, explain, sql, config, model)


class Commands(TyperGroup):
    """Runs a command and turns how it failed into one line and an exit code, also under a test's runner."""

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 - the signature of the library, whose context type is private
        """Invoke the command that `ctx` names."""
        try:
            return super().invoke(ctx)
        except TouchpointError as error:
            write_error(str(error) or type(error).__name__)
            raise typer.Exit(int(error.exit_code)) from error
        except KeyboardInterrupt:
            write_error("interrupted")
            raise typer.Exit(int(ExitCode.INTERRUPTED)) from None


app = typer.Typer(
    name="touchpoint",
    cls=Commands,
    help="Scores every customer touch-point while it happens: Kafka in, ClickHouse and Prometheus out.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    # Typer's own tracebacks print local variables, secrets among them.
    pretty_exceptions_enable=False,
)


def _version(wanted: bool) -> None:  # noqa: FBT001 - the signature that Typer calls
    if wanted:
        typer.echo(importlib.metadata.version("touchpoint-telemetry"))
        raise typer.Exit


@app.callback()
def _options(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    del version


for noun in NOUNS:
    noun.register(app)


def main() -> NoReturn:
    """Run the command line; leaves with one of the exit codes above."""
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(int(ExitCode.INTERRUPTED))
    sys.exit(int(ExitCode.OK))


if __name__ == "__main__":
    main()
