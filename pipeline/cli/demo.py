"""`touchpoint demo`: see the whole system at work, with nothing but this command."""

import contextlib
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec
import typer

from pipeline.cli.output import printable, write_json, write_line

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from pipeline.demo.snapshot import Snapshot

SECONDS_BETWEEN_BLOCKS: Final = 5.0
UNFOLDED_COLUMNS: Final = 168

Clock = Annotated[str | None, typer.Option(help="Time of the day, such as 10:40.")]


def register(app: typer.Typer) -> None:
    """Add `demo` to the command line."""
    app.command()(demo)


def demo(  # noqa: PLR0913, PLR0917 - one for each option
    scenario: Annotated[str, typer.Option(help="The simulated day; valid names: see `touchpoint simulate`.")] = (
        "busy_day"
    ),
    seed: Annotated[int, typer.Option(help="Another seed, another day.")] = 1,
    speed: Annotated[str, typer.Option(help="max, or N times real time.")] = "1200x",
    incident_start: Clock = None,
    incident_end: Clock = None,
    severity: Annotated[float | None, typer.Option(help="How slow the slow system is; 1 is usual.")] = None,
    branch: Annotated[str | None, typer.Option(help="The branch that is short of everything.")] = None,
    branch_start: Clock = None,
    branch_end: Clock = None,
    load: Annotated[float | None, typer.Option(help="Times as many customers as on a quiet day.")] = None,
    picture: Annotated[Path | None, typer.Option(help="Save the board at its worst moment as an SVG picture.")] = None,
    *,
    once: Annotated[bool, typer.Option("--once", help="End after the summary.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="With --once: end with one JSON object.")] = False,
) -> None:
    """Show a simulated day live: own Kafka and ClickHouse, a worker, a board, and what happened in words.

    Everything is in the folder `demo` of the state directory, fresh in each run. Ctrl-C stops all of it.
    """
    from pipeline.settings import load_settings

    changes = {
        "incident_start": incident_start,
        "incident_end": incident_end,
        "severity": severity,
        "branch": branch,
        "branch_start": branch_start,
        "branch_end": branch_end,
        "load": load,
    }
    simulate = _arguments(scenario, seed, speed, changes)
    state = load_settings().state_dir / "demo"
    with _interruptible():
        _run(state, simulate, picture, once=once, as_json=as_json)


def _run(state: Path, simulate: list[str], picture: Path | None, *, once: bool, as_json: bool) -> None:
    from pipeline.demo.ending import look_back, write
    from pipeline.demo.picture import WorstMoment
    from pipeline.demo.run import play, running, stay

    worst = WorstMoment()
    with running(state, _say) as system:
        with _board(quiet=as_json) as show:

            def see(snapshot: "Snapshot") -> None:
                worst.see(snapshot)
                show(snapshot)

            play(system, simulate, see, _say)
        if picture is not None:
            worst.save(picture)
        ending = look_back(system.clickhouse, state, system.page.metrics_url)
        if as_json:
            write_json(msgspec.to_builtins(ending))
        else:
            for line in write(ending, once=once):
                write_line(printable(line))
        if not once:
            with contextlib.suppress(KeyboardInterrupt):
                stay(system)


def _arguments(scenario: str, seed: int, speed: str, changes: dict[str, Any]) -> list[str]:
    """The arguments of `touchpoint simulate`. Raises ConfigError at once instead of after the stack is up."""
    from pipeline.source.pace import parse_speed
    from pipeline.source.simulator.scenario import Changes, choose

    parse_speed(speed)
    choose(scenario, Changes(**changes))
    arguments = ["--scenario", scenario, "--seed", str(seed), "--speed", speed]
    for name, value in changes.items():
        if value is not None:
            arguments += [f"--{name.replace('_', '-')}", str(value)]
    return arguments


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)  # noqa: T201 - progress, not a result


@contextlib.contextmanager
def _board(*, quiet: bool) -> Iterator["Callable[[Snapshot], None]"]:
    """Shows snapshots: in place on a terminal, else a block every few seconds."""
    from rich.console import Console
    from rich.live import Live

    from pipeline.demo.board import draw

    if quiet:
        yield lambda _snapshot: None
    elif sys.stdout.isatty():
        console = Console()
        with Live(console=console, auto_refresh=False, vertical_overflow="visible") as live:
            yield lambda snapshot: live.update(draw(snapshot, console.width), refresh=True)
    else:
        yield _blocks(Console(width=UNFOLDED_COLUMNS), draw)


def _blocks(console: "Console", draw: "Callable[[Snapshot, int], RenderableType]") -> "Callable[[Snapshot], None]":
    due = 0.0

    def show(snapshot: "Snapshot") -> None:
        nonlocal due
        if snapshot.now is not None and time.monotonic() >= due:
            due = time.monotonic() + SECONDS_BETWEEN_BLOCKS
            console.print(draw(snapshot, UNFOLDED_COLUMNS))
            console.print()

    return show


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """The first Ctrl-C, SIGTERM or SIGHUP ends the demo in order; further ones change nothing."""
    came = False

    def interrupt(_signal: int, _frame: object) -> None:
        nonlocal came
        if not came:
            came = True
            raise KeyboardInterrupt

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    former = {number: signal.signal(number, interrupt) for number in numbers}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
