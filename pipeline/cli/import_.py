"""`touchpoint import`: recorded data into the log, by a mapping file."""

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.interrupt import interruptible
from pipeline.cli.output import write_json, write_line
from pipeline.cli.progress import progress
from pipeline.errors import ExitCode

if TYPE_CHECKING:
    from pipeline.source.mapping_file import MappingFile
    from pipeline.source.pace import Pace
    from pipeline.source.recording import Recording
    from pipeline.source.report import ImportReport


def register(app: typer.Typer) -> None:
    """Add `import` to the command line."""
    app.command("import")(import_file)


def import_file(  # noqa: PLR0913 - one for each option
    file: Annotated[Path, typer.Argument(help="Delimited text, may be packed with gzip.")],
    mapping: Annotated[Path, typer.Option(help="Mapping file (YAML): how rows become events.")],
    speed: Annotated[str, typer.Option(help="max, or N times real time: 1x, 60x.")] = "max",
    limit: Annotated[int | None, typer.Option(min=1, help="Read only the first N rows of the file.")] = None,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Do everything but send; needs no Kafka.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Send the events of a recorded file to the log, in the order of their time.

    Importing a file twice changes no score: the worker counts the second time as duplicates or `late`.
    """
    from pipeline.source.mapping_file import read_mapping
    from pipeline.source.pace import Pace, parse_speed
    from pipeline.source.recording import read_recording

    stop = threading.Event()
    pace = Pace(parse_speed(speed), stop)
    read = read_mapping(mapping)
    with progress(f"reading {file.name}") as shown:
        recording = read_recording(file, read, limit=limit, watch=shown.watch)
    with recording:
        if not dry_run:
            with interruptible(stop):
                _send(recording, read, pace)
        report = recording.report
    if json:
        write_json(report.as_json())
    else:
        _print(report, dry_run=dry_run)
    if report.interrupted:
        raise typer.Exit(int(ExitCode.INTERRUPTED))


def _send(recording: "Recording", read: "MappingFile", pace: "Pace") -> None:
    from pipeline.settings import load_settings
    from pipeline.source.deliver import deliver
    from pipeline.source.producer import EventProducer

    settings = load_settings()
    with (
        EventProducer(settings, read.mapping.channel, read.mapping.source) as producer,
        progress(f"sending to {producer.topic}") as shown,
    ):
        deliver(recording, producer, pace, shown.watch)


def _print(report: "ImportReport", *, dry_run: bool) -> None:
    write_line(f"{report.file}: {report.rows} rows, {report.interactions} interactions, {report.events} events")
    for rule, count in report.skipped.items():
        write_line(f"  skipped by {rule}: {count}")
    if report.duplicate_rows:
        write_line(f"  repeated rows, dropped: {report.duplicate_rows}")
    if report.bad_rows:
        write_line(f"  rows that cannot be read, left out: {report.bad_rows}")
        for mistake in report.mistakes:
            write_line(f"    {mistake}")
    for rule, count in sorted(report.repaired.items()):
        write_line(f"  repaired by {rule}: {count}")
    if dry_run:
        write_line("nothing was sent (--dry-run)")
    elif report.interrupted:
        write_line(f"interrupted: {report.sent} of {report.events} events were sent")
    else:
        write_line(f"{report.sent} events sent in {report.send_seconds:.1f} s")
