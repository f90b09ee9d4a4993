"""`touchpoint migrate`: creates the database and its tables, or brings them up to date."""

from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.output import write_json, write_line, write_table

if TYPE_CHECKING:
    from pipeline.settings import Settings


def register(app: typer.Typer) -> None:
    """Add `migrate` to the command line."""
    app.command()(migrate)


def migrate(
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be applied.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Apply the ClickHouse migrations that the database does not have yet; safe to repeat."""
    from pipeline.settings import load_settings
    from pipeline.sink.migrations import apply_pending, read_status

    settings = load_settings()
    before = read_status(settings)
    if not dry_run:
        apply_pending(settings)
        _write_elements(settings)
    listed = [
        {
            "version": found.version,
            "name": found.name,
            "status": "applied" if found.applied else "pending" if dry_run else "applied now",
        }
        for found in before
    ]
    if json:
        write_json({"database": settings.database, "migrations": listed})
        return
    write_table(("version", "name", "status"), (tuple(entry.values()) for entry in listed))
    pending = sum(not found.applied for found in before)
    write_line(f"database {settings.database}: {pending} migrations {'to apply' if dry_run else 'applied now'}")


def _write_elements(settings: "Settings") -> None:
    from pipeline.catalog_files import load_catalog
    from pipeline.sink.clickhouse import connect
    from pipeline.sink.migrations import write_elements

    models = load_catalog(settings.schemas_dir).models
    with connect(settings) as clickhouse:
        write_elements(clickhouse, models)
