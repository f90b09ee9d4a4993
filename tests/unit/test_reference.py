"""docs/reference.md says what the code says; each further table gets a test of its own here."""

import re
from pathlib import Path

import pytest

from pipeline.cli import main
from pipeline.errors import ExitCode
from pipeline.settings import Settings, doc
from pipeline.settings_table import default_text

REFERENCE = (Path(__file__).parents[2] / "docs" / "reference.md").read_text(encoding="utf-8")


def table(section: str) -> dict[str, list[str]]:
    """The rows of the first table under a `## section`: first cell to the others, without code marks around a cell."""
    text = re.split(rf"^## {re.escape(section)}$", REFERENCE, flags=re.MULTILINE)[1]
    lines = [line for line in re.split(r"^## ", text, flags=re.MULTILINE)[0].splitlines() if line.startswith("|")]
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]
    return {row[0].strip("`"): row[1:] for row in rows}


def test_every_setting_is_listed_in_order_and_nothing_else() -> None:
    assert list(table("Settings")) == list(Settings.model_fields)


@pytest.mark.parametrize("name", list(Settings.model_fields))
def test_a_setting_is_described_as_the_code_describes_it(name: str) -> None:
    about = doc(name)
    default = default_text(name) if about.default else f"`{default_text(name)}`"
    expected = [default, about.unit, about.valid, Settings.model_fields[name].description]
    assert table("Settings").get(name) == expected


def test_every_exit_code_is_listed_as_the_command_states_it() -> None:
    listed = {int(code): cells[0] for code, cells in table("Exit codes").items()}
    stated = {int(code): text for code, text in re.findall(r"^(\d+)\s+(.+)$", main.__doc__ or "", re.MULTILINE)}
    assert listed == stated
    assert set(listed) == set(ExitCode)
