"""`touchpoint recompute`: score history anew under the models as they are now."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline.cli.output import write_json, write_line

if TYPE_CHECKING:
    from pipeline.stream.recompute import Recomputed


def register(app: typer.Typer) -> None:
    """Add `recompute` to the command line."""
    app.command()(recompute)


def recompute(*, json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False) -> None:
    """Score anew what was over before a new epoch. All workers take TOUCHPOINT_EPOCH first.

    Safe beside running workers, and to repeat.
    """
    import asyncio

    from pipeline.catalog_files import load_catalog
    from pipeline.cli.progress import progress
    from pipeline.settings import load_settings
    from pipeline.sink.clickhouse import connect
    from pipeline.stream.recompute import recompute as run
    from pipeline.telemetry import log

    settings = load_settings()
    catalog = load_catalog(settings.schemas_dir)
    log.configure()
    with connect(settings) as clickhouse, progress("scoring anew") as shown:
        found = asyncio.run(run(settings, catalog, clickhouse, shown.watch))
    if json:
        write_json({"epoch": settings.epoch, "partitions": [_as_json(one) for one in found]})
    else:
        _write(found, settings.epoch)


def _as_json(one: "Recomputed") -> dict[str, Any]:
    return {name: getattr(one, name) for name in one.__struct_fields__}


def _write(found: "list[Recomputed]", epoch: int) -> None:
    names = ("replaced", "already", "left", "refused")
    replaced, already, left, refused = (sum(getattr(one, name) for one in found) for name in names)
    write_line(f"epoch {epoch}: {replaced:,} rows replaced, {already:,} were of this epoch already, {left:,} left")
    if refused:
        write_line(
            f"ClickHouse refused {refused:,} rows, see `row_refused` in the view rejects: those that they had stand"
        )
    if left:
        write_line(
            "left: the log no longer holds all of their records, conditions of their time may be compacted away, the"
            " table has no row of them, or windows or touch-points changed and they would count other records; they"
            " keep the row of their epoch"
        )
