"""`touchpoint explain`: why did this customer suffer, and who can change it?"""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.output import fail, printable, write_error, write_json, write_line

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pipeline.core.catalog import Catalog
    from pipeline.explain.interaction_row import InteractionRow
    from pipeline.settings import Settings
    from pipeline.stream.timeline import Timeline


def register(app: typer.Typer) -> None:
    """Add `explain` to the command line."""
    app.command()(explain)


def explain(
    interaction_id: Annotated[str, typer.Argument(help="Id of an interaction, as `interactions` shows it.")],
    *,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Tell why an interaction lost points: element by element, with owners, curves, and its events from the log."""
    from pipeline.catalog_files import load_catalog
    from pipeline.explain.explanation import Explanation, as_json
    from pipeline.explain.interaction_row import read_rows
    from pipeline.explain.ledger import read_ledger
    from pipeline.explain.page import lay_out
    from pipeline.settings import load_settings
    from pipeline.sink.clickhouse import connect

    settings = load_settings()
    catalog = load_catalog(settings.schemas_dir)
    with connect(settings) as clickhouse:
        rows = read_rows(clickhouse, interaction_id)
    if not rows:
        fail(
            f"no row of interaction {printable(interaction_id)} in database {settings.database}: the id is unknown,"
            " its interaction is open and has no row yet, or its records were rejected (look into the view `rejects`)"
        )
    row = rows[0]
    found = Explanation(row, read_ledger(row, catalog.models), _read_timeline(settings, catalog, row), len(rows))
    if json:
        write_json(as_json(found))
    else:
        _write(map(printable, lay_out(found)))


def _read_timeline(settings: "Settings", catalog: "Catalog", row: "InteractionRow") -> "Timeline":
    """The events; without Kafka the rest is still worth reading."""
    import asyncio

    from pipeline.cli.progress import progress
    from pipeline.core.events import milliseconds
    from pipeline.errors import ServiceError
    from pipeline.stream.timeline import Timeline, Wanted, read_timeline

    wanted = Wanted(
        interaction=row.interaction_id,
        topic_id=row.topic_id,
        partition=row.partition,
        first_offset=row.first_offset,
        records=row.events + row.duplicates,
        stamped_until=milliseconds(row.inserted_at),
    )
    try:
        with progress("reading the log") as shown:
            return asyncio.run(read_timeline(settings, catalog, wanted, shown.watch))
    except ServiceError as error:
        write_error(f"without its events: {error}")
        return Timeline((), "the events could not be read from Kafka")


def _write(lines: "Iterable[str]") -> None:
    if not sys.stdout.isatty():
        for line in lines:
            write_line(line)
        return
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False)
    for number, line in enumerate(lines):
        text = Text(line, style="bold" if number == 0 or line[:2].isupper() else "")
        text.highlight_regex(r"[█▏▎▍▌▋▊▉]+|\bpoor\b", "red")
        text.highlight_regex(r"\bfair\b", "yellow")
        text.highlight_regex(r"\bgood\b", "green")
        console.print(text, soft_wrap=True)
