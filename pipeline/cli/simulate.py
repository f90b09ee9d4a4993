"""`touchpoint simulate`: a seeded day of a bank and health insurer, into the log and beside it."""

import datetime as dt
import threading
import time
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.interrupt import interruptible
from pipeline.cli.output import write_json, write_line, write_table
from pipeline.cli.progress import progress
from pipeline.errors import ConfigError, ExitCode

if TYPE_CHECKING:
    from pipeline.source.simulator.truth import Truth

_SCENARIO_HELP = "quiet_day, identity_slow, no_coffee_one_counter or busy_day (both, and 15 % more customers)."


def register(app: typer.Typer) -> None:
    """Add `simulate` to the command line."""
    app.command("simulate")(simulate_day)


def simulate_day(  # noqa: PLR0913, PLR0917 - one for each option
    scenario: Annotated[str, typer.Option(help=_SCENARIO_HELP)] = "busy_day",
    seed: Annotated[int, typer.Option(help="Same seed, same day, byte by byte.")] = 1,
    speed: Annotated[str, typer.Option(help="max, or N times real time: 1x, 600x.")] = "max",
    day: Annotated[str | None, typer.Option(help="A date in the past, such as 2026-03-10 (the default).")] = None,
    load: Annotated[float | None, typer.Option(help="Times as many customers as on a quiet day.")] = None,
    incident_start: Annotated[str | None, typer.Option(help="When identity becomes slow: 10:40.")] = None,
    incident_end: Annotated[str | None, typer.Option(help="When it is well again: 11:25.")] = None,
    severity: Annotated[float | None, typer.Option(help="Times as slow and as faulty as usual in this.")] = None,
    branch: Annotated[str | None, typer.Option(help="The branch without coffee: 001, 002 or 003.")] = None,
    branch_start: Annotated[str | None, typer.Option(help="When its coffee and counters go: 13:30.")] = None,
    branch_end: Annotated[str | None, typer.Option(help="When they are back: 16:30.")] = None,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Do everything but send; needs no Kafka.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print what really happened as JSON.")] = False,
) -> None:
    """Simulate a day of three branches, two call lines and an online form, and send its events in order of time."""
    from pipeline.source.pace import Pace, parse_speed
    from pipeline.source.simulator.day import DEFAULT_DAY, simulate
    from pipeline.source.simulator.scenario import Changes, choose

    changes = Changes(
        incident_start=incident_start, incident_end=incident_end, severity=severity, branch=branch,
        branch_start=branch_start, branch_end=branch_end, load=load,
    )  # fmt: skip
    chosen, stop = choose(scenario, changes), threading.Event()
    pace = Pace(parse_speed(speed), stop)
    date = DEFAULT_DAY if day is None else _read_date(day)
    began = time.monotonic()
    with progress("living through the day") as shown:
        simulated = simulate(chosen, seed, date, shown.watch)
    truth = simulated.truth
    truth.simulate_seconds = round(time.monotonic() - began, 3)
    if not dry_run:
        from pipeline.settings import load_settings
        from pipeline.source.simulator.deliver import deliver

        with interruptible(stop), progress("sending the day") as shown:
            deliver(simulated, load_settings(), pace, shown.watch)
    if json:
        write_json(truth.as_json())
    else:
        _print(truth, dry_run=dry_run)
    if truth.interrupted:
        raise typer.Exit(int(ExitCode.INTERRUPTED))


def _read_date(text: str) -> dt.date:
    try:
        date = dt.date.fromisoformat(text)
    except ValueError:
        date = dt.date.max
    # An event ahead of its record's time stamp is rejected, and so is one before 1970.
    if not dt.date(1971, 1, 1) <= date < dt.datetime.now(dt.UTC).date():
        raise ConfigError(f"--day {text}: valid: a date that is over, such as 2026-03-10")
    return date


def _print(truth: "Truth", *, dry_run: bool) -> None:
    counts = ", ".join(f"{count} {topic}" for topic, count in truth.records.items())
    write_line(f"{truth.scenario}, {truth.day}, seed {truth.seed}: {counts}")
    for incident in truth.incidents:
        write_line(f"  {incident.clock}  {incident.subject}")
    columns = ("touch-point", "customers", "left", "mean wait s", "longest wait s", "utilisation")
    rows = [
        (
            name,
            place.arrived,
            place.left,
            _rounded(place.mean_wait_seconds),
            _rounded(place.longest_wait_seconds),
            None if place.utilisation is None else f"{100 * place.utilisation:.0f} %",
        )
        for name, place in truth.touch_points.items()
    ]
    write_table(columns, rows, right=frozenset(columns[1:]))
    sent = sum(truth.sent.values())
    if dry_run:
        write_line("nothing was sent (--dry-run)")
    elif truth.interrupted:
        write_line(f"interrupted: {sent} of {sum(truth.records.values())} records were sent")
    else:
        write_line(f"{sent} records sent in {truth.send_seconds:.1f} s")


def _rounded(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds)
