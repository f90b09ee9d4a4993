"""`touchpoint config`: shows every setting with its value and source, or checks them. Never prints a secret."""

from typing import Annotated

import typer

from pipeline.cli.output import write_json, write_line, write_table

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]

config = typer.Typer(help="Settings: what they are, where they come from.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add `config` to the command line."""
    app.add_typer(config, name="config")


@config.command()
def show(*, json: Json = False) -> None:
    """Print every setting: name, value, source, unit, help."""
    from pipeline.settings import load_settings
    from pipeline.settings_table import describe

    described = describe(load_settings())
    if json:
        write_json(described)
        return
    columns = ("name", "value", "source", "unit", "help")
    write_table(columns, ([entry[column] for column in columns] for entry in described))


@config.command()
def check(*, json: Json = False) -> None:
    """Check that every setting is known and valid; exit code 2 if not."""
    from pipeline.settings import load_settings

    load_settings()
    if json:
        write_json({"ok": True})
    else:
        write_line("settings ok")
