"""`touchpoint sql "SELECT …"`: reads from ClickHouse, for people as a table, for scripts as one array of objects."""

import datetime as dt
import decimal
from typing import Annotated, Any

import typer

from pipeline.cli.output import write_json, write_line, write_table


def register(app: typer.Typer) -> None:
    """Add `sql` to the command line."""
    app.command()(sql)


def sql(
    query: Annotated[str, typer.Argument(help="One reading statement; tables and views without database name.")],
    *,
    json: Annotated[bool, typer.Option("--json", help="Print one array of objects; times as RFC 3339.")] = False,
) -> None:
    """Ask ClickHouse, reading only. Start with: SELECT * FROM hourly ORDER BY mean_score LIMIT 10."""
    from pipeline.settings import load_settings
    from pipeline.sink.clickhouse import connect

    with connect(load_settings()) as clickhouse:
        result = clickhouse.ask(query)
    if json:
        write_json([dict(zip(result.names, map(as_json, row), strict=True)) for row in result.rows])
        return
    right = frozenset(name for name, kind in zip(result.names, result.types, strict=True) if _is_number(kind))
    write_table(result.names, (tuple(map(_as_text, row)) for row in result.rows), right=right)
    write_line(f"{len(result.rows)} rows")


def as_json(value: Any) -> Any:  # noqa: ANN401 - whatever a column may hold
    """A value of a row as JSON can say it. Whole numbers beyond 64 bits, decimals and all else become text.

    Those of 64 bits stay numbers, exact as they are written: a reader that knows floats only rounds them above 2^53.
    """
    if isinstance(value, dict):
        return {str(key): as_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(item) for item in value]
    if isinstance(value, dt.datetime) and value.tzinfo is not None and not value.utcoffset():
        return value.astimezone(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        return str(value)
    if isinstance(value, decimal.Decimal):
        return str(value)
    return value


def _as_text(value: object) -> object:
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, dt.datetime):
        return value.isoformat(sep=" ", timespec="milliseconds").replace("+00:00", "Z")
    return value


def _is_number(kind: str) -> bool:
    inner = kind.removeprefix("LowCardinality(").removeprefix("Nullable(")
    return inner.startswith(("Int", "UInt", "Float", "Decimal"))
