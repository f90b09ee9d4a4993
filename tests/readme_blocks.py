"""The shell blocks of a page, each with the output that the page shows for it."""

import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
BLOCK = re.compile(r"^```sh\n(.*?)^```$(?:\n\n```text\n(.*?)^```$)?", re.MULTILINE | re.DOTALL)
OUTPUT = re.compile(r"^```text\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ANYTHING = "…"


class Block(NamedTuple):
    """Commands, and what they print; empty where the page does not show it."""

    commands: str
    output: str


def blocks(section: str, page: Path = ROOT / "README.md") -> list[Block]:
    """The shell blocks under a heading of the second level."""
    return [Block(*found) for found in BLOCK.findall(_text_of(section, page))]


def outputs(section: str, page: Path = ROOT / "README.md") -> list[str]:
    """What is shown there as output, with its commands or far from them."""
    found: list[str] = OUTPUT.findall(_text_of(section, page))
    return found


def _text_of(section: str, page: Path) -> str:
    text = re.split(rf"^## {re.escape(section)}$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)[1]
    return re.split(r"^## ", text, flags=re.MULTILINE)[0]


def prints(shown: str) -> re.Pattern[str]:
    """What output fits a shown one, in which a line `…` stands for any lines, and `…` in a line for any text."""
    lines = shown.rstrip("\n").split("\n")
    return re.compile("".join(r"(?:.*\n)*?" if line == ANYTHING else _fits(line) for line in lines))


def _fits(line: str) -> str:
    return re.escape(line).replace(ANYTHING, ".*") + "\n"
