"""`touchpoint model`: explains every mistake in a scoring model."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.output import write_error, write_json, write_line
from pipeline.errors import ExitCode

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]

model = typer.Typer(help="Scoring models.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add `model` to the command line."""
    app.add_typer(model, name="model")


@model.command()
def check(
    file: Annotated[Path, typer.Argument(help="A model, such as schemas/models/call_center_line.yaml.")],
    *,
    json: Json = False,
) -> None:
    """List all mistakes of a model with file, line, field and valid values; exits 1 if there are any."""
    from pipeline.catalog_files import check_model_file
    from pipeline.settings import load_settings

    found, mistakes = check_model_file(file, load_settings().schemas_dir)
    if json:
        names = ("file", "line", "field", "message", "valid")
        listed = [{name: getattr(mistake, name) for name in names} for mistake in mistakes]
        about = {"name": found.name, "version": found.version, "fingerprint": found.fingerprint} if found else {}
        write_json({"ok": not mistakes, **about, "mistakes": listed})
    elif found:
        write_line(f"{file}: {found.name} version {found.version} ok, fingerprint {found.fingerprint}")
    else:
        write_error("\n".join(map(str, mistakes)))
    if mistakes:
        raise typer.Exit(int(ExitCode.FAILURE))
