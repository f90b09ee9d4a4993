"""`touchpoint topics`: creates the topics or brings their settings up to date."""

from typing import Annotated

import typer

from pipeline.cli.output import write_json, write_line, write_table

topics = typer.Typer(help="The Kafka topics: what they must be like.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add `topics` to the command line."""
    app.add_typer(topics, name="topics")


@topics.callback()
def _group() -> None:
    pass


@topics.command()
def apply(
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be changed.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Create missing topics and set partitions, time stamps, retention and size limits; safe to repeat."""
    from pipeline.settings import load_settings
    from pipeline.topics import apply as apply_topics

    settings = load_settings()
    changes = apply_topics(settings, dry_run=dry_run)
    rows = [(change.topic, change.setting, change.before, change.after) for change in changes]
    if json:
        names = ("topic", "setting", "before", "after")
        write_json({"applied": not dry_run, "changes": [dict(zip(names, row, strict=True)) for row in rows]})
        return
    if rows:
        write_table(("topic", "setting", "before", "after"), rows)
    what = "to change" if dry_run else "changed"
    write_line(
        f"topics {settings.topic_prefix}.*: {len(rows)} settings {what}" if rows else "topics are as they should be"
    )
