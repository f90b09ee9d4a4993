"""`touchpoint audit`: does every record of the log show up in a row, in a held interaction or among the rejects?"""

from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from pipeline.cli.output import printable, write_json, write_line, write_table
from pipeline.errors import ExitCode

if TYPE_CHECKING:
    from pipeline.core.balance import Balance, Finding
    from pipeline.stream.audit import Audit

COLUMNS: Final = (
    "partition", "up to offset", "records", "in rows", "in held", "in rejects", "difference",
)  # fmt: skip
SHOWN_FINDINGS: Final = 5
LISTED_FINDINGS: Final = 1000


def register(app: typer.Typer) -> None:
    """Add `audit` to the command line."""
    app.command()(audit)


def audit(*, json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False) -> None:
    """Prove that nothing was lost or counted twice, up to what is committed; exit code 1 if something was.

    Safe beside running workers. Totals that balance are kept in the table `audited`.
    """
    import asyncio

    from pipeline.catalog_files import load_catalog
    from pipeline.cli.progress import progress
    from pipeline.settings import load_settings
    from pipeline.sink.clickhouse import connect
    from pipeline.stream.audit import audit as run

    settings = load_settings()
    catalog = load_catalog(settings.schemas_dir)
    with connect(settings) as clickhouse, progress("reading the log") as shown:
        found = asyncio.run(run(settings, catalog, clickhouse, shown.watch))
    if json:
        write_json(_as_json(found))
    else:
        _write(found, settings.group)
    if not found.balanced:
        raise typer.Exit(int(ExitCode.FAILURE))


def _as_json(found: "Audit") -> dict[str, Any]:
    return {
        "balanced": found.balanced,
        "topic": found.log.topic,
        "topic_id": found.log.topic_id,
        "partitions": [
            {
                "partition": one.partition,
                "up_to_offset": one.up_to_offset,
                "records": one.records,
                "in_rows": one.rows,
                "events": one.events,
                "duplicates": one.duplicates,
                "in_held": one.held,
                "in_rejects": one.rejected,
                "difference": one.difference,
                "removed_by_retention": one.removed,
                "removed_and_never_counted": one.assumed,
                "found": len(one.findings),
                "findings": [_finding_as_json(finding) for finding in one.findings[:LISTED_FINDINGS]],
            }
            for one in found.balances
        ],
        "uncommitted": found.uncommitted,
    }


def _finding_as_json(finding: "Finding") -> dict[str, Any]:
    return {name: getattr(finding, name) for name in finding.__struct_fields__}


def _write(found: "Audit", group: str) -> None:
    if not found.balances:
        write_line(f"group {group} has committed nothing on {found.log.topic} yet: there is nothing to audit")
        return
    rows = [
        (one.partition, one.up_to_offset, one.records, one.rows, one.held, one.rejected, one.difference)
        for one in found.balances
    ]
    write_table(COLUMNS, rows, right=frozenset(COLUMNS))
    for one in found.balances:
        for line in _remarks(one):
            write_line(f"partition {one.partition}: {line}")
    if found.uncommitted:
        write_line(f"no commit yet, not audited: partitions {', '.join(map(str, found.uncommitted))}")
    write_line(_verdict(found))


def _remarks(one: "Balance") -> list[str]:
    lines = []
    if one.removed:
        lines.append(f"{one.removed:,} of the records were removed by retention since")
    if one.assumed:
        lines.append(f"{one.assumed:,} of them no audit ever counted: each offset is taken for one record")
    for finding in one.findings[:SHOWN_FINDINGS]:
        what = f"interaction {printable(finding.interaction)}" if finding.interaction is not None else "a record"
        lines.append(
            f"{what}, from offset {finding.offset}: {finding.detail}"
            f" ({finding.records} in the log, {finding.counted} accounted for)"
        )
    if len(one.findings) > SHOWN_FINDINGS:
        lines.append(f"and {len(one.findings) - SHOWN_FINDINGS:,} more; --json lists them")
    return lines


def _verdict(found: "Audit") -> str:
    records = sum(one.records for one in found.balances)
    if found.balanced:
        return f"balanced: all {records:,} records are accounted for"
    wrong = sum(abs(one.difference) for one in found.balances)
    missing = sum(len(one.findings) for one in found.balances)
    return f"NOT balanced: {wrong:,} of {records:,} records; {missing:,} interactions or records to look at"
