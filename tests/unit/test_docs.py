"""What the pages tell a reader to run, open or believe is there: commands, files, headings, tests."""

import ast
import itertools
import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer

from pipeline.cli import main
from tests.readme_blocks import BLOCK, PAGES, ROOT

LINK = re.compile(r"\]\(([^)\s]+)\)")
COMMAND = re.compile(r"`touchpoint ([^`]+)`")
CITED_TEST = re.compile(r"`([\w/]+\.py)(?:::(test_\w+))?`")
PATHS = re.compile(r"`((?:pipeline|tests|schemas|examples|docs|scripts)/[\w./-]+)`")
TARGET = re.compile(r"`make ([a-z]+)`")


def page_name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def scripts(text: str) -> Iterator[list[str]]:
    """The words behind `touchpoint` in every command of a page's shell blocks."""
    for commands, _ in BLOCK.findall(text):
        for part in re.split(r"\n(?!  )|&&", commands):
            words = shlex.split(part, comments=True)
            if words[:1] == ["touchpoint"]:
                yield words[1:]


def find(words: list[str]) -> tuple[Any, list[str]]:
    """The command that these words name, and what is left of them."""
    command: Any = typer.main.get_command(main.app)
    while words and hasattr(command, "commands"):
        command, words = command.commands[words[0]], words[1:]
    return command, words


def parse(words: list[str]) -> None:
    """Raise as the command would if it did not know these words; runs nothing."""
    command, arguments = find(words)
    command.make_context(command.name, arguments)


@cache
def names_in(path: Path) -> frozenset[str]:
    tree = ast.parse(path.read_bytes())
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def anchors(page: Path) -> set[str]:
    """The names by which headings of a page can be linked."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_every_script_of_a_page_is_one_that_the_command_line_takes(page: Path) -> None:
    for words in scripts(page.read_text(encoding="utf-8")):
        parse(words)


def test_a_script_that_the_command_line_does_not_take_is_noticed() -> None:
    (words,) = scripts("```sh\ntouchpoint stack up --sideways && ls\n```\n")
    with pytest.raises(Exception, match="--sideways"):
        parse(words)


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_every_command_that_a_sentence_names_exists(page: Path) -> None:
    for text in COMMAND.findall(page.read_text(encoding="utf-8")):
        words = text.split()
        names = [word for word in itertools.takewhile(str.islower, words) if not word.startswith("-")]
        command, _ = find(names)
        known = {name for parameter in command.params for name in parameter.opts}
        assert {word.strip("[]") for word in words if word.strip("[]").startswith("--")} <= known, text


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    for link in LINK.findall(page.read_text(encoding="utf-8")):
        file, _, anchor = link.partition("#")
        target = (page.parent / file).resolve() if file else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_every_file_that_a_page_names_exists(page: Path) -> None:
    named = PATHS.findall(page.read_text(encoding="utf-8"))
    assert [name for name in named if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_every_test_that_a_page_cites_exists(page: Path) -> None:
    for path, name in CITED_TEST.findall(page.read_text(encoding="utf-8")):
        if path.startswith("tests/"):
            assert (ROOT / path).is_file(), path
            assert not name or name in names_in(ROOT / path), f"{path}::{name}"


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_every_make_target_of_a_page_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert set(TARGET.findall(page.read_text(encoding="utf-8"))) <= targets
