"""The one place that prints what a command found: JSON for scripts, a table for people, one line for an error.

Results go to stdout, everything else to stderr. Must not know what the values mean.
"""

import sys
from collections.abc import Iterable, Sequence
from typing import Final, NoReturn

import orjson
import typer

from pipeline.errors import ExitCode

# Wide enough that rich never folds a cell when a file or a pipe reads along.
_UNFOLDED_COLUMNS: Final = 100_000


def write_json(value: object) -> None:
    """Print one JSON document and a line break. Takes what orjson takes, and anything else by its text."""
    sys.stdout.flush()
    sys.stdout.write(orjson.dumps(value, default=str, option=orjson.OPT_NON_STR_KEYS).decode() + "\n")
    sys.stdout.flush()


def write_line(text: str) -> None:
    """Print one line of a result for people."""
    typer.echo(text)


def printable(text: str) -> str:
    """Text that came from outside, without what a terminal would obey; one line."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)


def write_table(
    columns: Sequence[str], rows: Iterable[Sequence[object]], *, right: frozenset[str] = frozenset()
) -> None:
    """Print rows under their column names; columns named in `right` are aligned to the right, None prints as `-`."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text("-" if cell is None else str(cell)) for cell in row))
    console = Console(width=None if sys.stdout.isatty() else _UNFOLDED_COLUMNS)
    with console.capture() as printed:
        console.print(table)
    for line in printed.get().splitlines():
        typer.echo(line.rstrip())


def write_error(message: str) -> None:
    """Print what went wrong on stderr, each line under the command's name."""
    for line in message.splitlines():
        typer.echo(f"touchpoint: {line}", err=True)


def fail(message: str, code: ExitCode = ExitCode.FAILURE) -> NoReturn:
    """End the command with a message on stderr and an exit code."""
    write_error(message)
    raise typer.Exit(int(code))
