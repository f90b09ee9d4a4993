"""`touchpoint worker`: score what is in the log."""

from typing import Annotated, Any

import typer

from pipeline.cli.output import write_json, write_line


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("worker")(worker)


def worker(
    *,
    drain: Annotated[bool, typer.Option("--drain", help="Work off what is there, write it all, exit.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="End with one JSON object.")] = False,
) -> None:
    """Consume the log, score every interaction, write rows to ClickHouse; until SIGTERM or Ctrl-C."""
    from pipeline.catalog_files import load_catalog
    from pipeline.settings import load_settings
    from pipeline.stream.faust_app import run
    from pipeline.telemetry import log

    settings = load_settings()
    settings.pseudonym_key_bytes()
    catalog = load_catalog(settings.schemas_dir)
    log.configure()
    service = run(settings, catalog, drain=drain)
    tally = service.tally
    summary: dict[str, Any] = {
        "consumed": tally.consumed,
        "applied": tally.applied,
        "duplicate": tally.duplicates,
        "rejected": {reason.value: count for reason, count in sorted(tally.rejected.items()) if count},
        "ended": tally.ended,
        "open": service.open,
    }
    if as_json:
        write_json(summary)
    else:
        rejected = sum(summary["rejected"].values())
        write_line(
            f"{tally.consumed:,} records consumed: {tally.applied:,} applied, {tally.duplicates:,} duplicates,"
            f" {rejected:,} rejected; {tally.ended:,} interactions ended, {service.open:,} open"
        )
