"""`touchpoint stack`: the embedded Kafka and ClickHouse of one state directory, up, looked at, down."""

import contextlib
import signal
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.output import write_json, write_line, write_table

if TYPE_CHECKING:
    from pipeline.embedded.stack import Part, Stack

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Port = Annotated[int | None, typer.Option(min=1, max=65535, help="Port to listen on; a free one if not given.")]

stack = typer.Typer(help="The embedded stack: the real Kafka and the real ClickHouse engine.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add `stack` to the command line."""
    app.add_typer(stack, name="stack")


@stack.command()
def up(*, json: Json = False, kafka_port: Port = None, clickhouse_port: Port = None) -> None:
    """Start what does not run yet and wait until it answers. The first run downloads Kafka."""
    wished = {"kafka": kafka_port, "clickhouse": clickhouse_port}
    with _progress() as say:
        outcome = _stack().up({name: port for name, port in wished.items() if port is not None}, say)
    if json:
        write_json({**_as_json(outcome.parts), "started": list(outcome.started)})
        return
    _write(outcome.parts)
    write_line(f"started: {', '.join(outcome.started)}" if outcome.started else "the stack was running already")


@stack.command()
def status(*, json: Json = False) -> None:
    """Show what runs and where; exit code 1 unless everything runs."""
    parts = _stack().status()
    if json:
        write_json(_as_json(parts))
    else:
        _write(parts)
    if not all(part.running for part in parts):
        raise typer.Exit(1)


@stack.command()
def down(
    *, json: Json = False, delete: Annotated[bool, typer.Option("--delete", help="Remove all data too.")] = False
) -> None:
    """Stop the stack. Data, addresses and the pseudonym key stay unless --delete is given."""
    with _progress() as say:
        stopped = _stack().down(delete=delete, say=say)
    if json:
        write_json({"stopped": stopped, "deleted": delete})
    else:
        write_line(f"stopped: {', '.join(stopped)}" if stopped else "nothing was running")


def _stack() -> "Stack":
    from pipeline.embedded.stack import Stack
    from pipeline.settings import load_settings

    return Stack(load_settings().state_dir)


def _as_json(parts: "tuple[Part, ...]") -> dict[str, object]:
    found = {part.name: {"running": part.running, "address": part.address, "pid": part.pid} for part in parts}
    return {"running": all(part.running for part in parts), **found}


def _write(parts: "tuple[Part, ...]") -> None:
    rows = [(part.name, "running" if part.running else "stopped", part.address, part.pid) for part in parts]
    write_table(("service", "state", "address", "process"), rows)


@contextlib.contextmanager
def _progress() -> Iterator[Callable[[str], None]]:
    """Lines on stderr; a termination signal becomes an interrupt, so that what was started is stopped again."""

    def interrupt(_signal: int, _frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield lambda text: print(text, file=sys.stderr, flush=True)  # noqa: T201 - progress, not a result
    finally:
        signal.signal(signal.SIGTERM, before)
