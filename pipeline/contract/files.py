"""The generated contract as files below a folder: `events/KIND.json` and `asyncapi.yaml`."""

import io
from pathlib import Path

import orjson
from ruamel.yaml import YAML

from pipeline.contract.asyncapi import asyncapi
from pipeline.contract.json_schema import schemas

HEAD = "# Generated from pipeline/core by `make schemas`; do not edit.\n"
WIDTH = 120


def contract_files() -> dict[str, str]:
    """Content by path, relative to the folder of schemas."""
    files = {
        f"events/{kind}.json": orjson.dumps(schema, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE).decode()
        for kind, schema in schemas().items()
    }
    yaml = YAML()
    yaml.width = WIDTH
    yaml.indent(mapping=2, sequence=4, offset=2)
    # Nodes used twice are written out twice: readers of AsyncAPI do not follow YAML anchors.
    yaml.representer.ignore_aliases = lambda *_: True
    text = io.StringIO()
    yaml.dump(asyncapi(), text)
    files["asyncapi.yaml"] = HEAD + text.getvalue()
    return files


def write(folder: Path) -> None:
    """Bring the folder in line: write every file, remove schemas of kinds that are no more."""
    files = contract_files()
    for stale in set(folder.glob("events/*.json")) - {folder / path for path in files}:
        stale.unlink()
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
