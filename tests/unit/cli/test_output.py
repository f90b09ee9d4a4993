import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from pipeline.cli.output import printable, write_error, write_json, write_table


def test_json_is_one_line_that_any_parser_reads(capsys: pytest.CaptureFixture[str]) -> None:
    value = {"at": datetime(1999, 2, 1, tzinfo=UTC), "share": Decimal("0.5"), 7: [1.5, None, "ü\n"]}
    write_json(value)
    printed = capsys.readouterr().out
    assert printed.count("\n") == 1
    assert json.loads(printed) == {"at": "1999-02-01T00:00:00+00:00", "share": "0.5", "7": [1.5, None, "ü\n"]}


def test_a_table_for_a_pipe_keeps_each_row_on_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    write_table(("name", "n"), [("x" * 300, 12), ("[bold]y", None)], right=frozenset({"n"}))
    header, first, second = capsys.readouterr().out.splitlines()
    assert header.split() == ["name", "n"]
    assert first == f"{'x' * 300}  12"
    assert second.split() == ["[bold]y", "-"]


def test_no_line_of_a_table_ends_in_blanks(capsys: pytest.CaptureFixture[str]) -> None:
    write_table(("a", "b"), [("x", "long cell"), ("y", "")])
    lines = capsys.readouterr().out.splitlines()
    assert lines == [line.rstrip() for line in lines]


def test_every_line_of_an_error_names_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    write_error("one\ntwo")
    assert capsys.readouterr() == ("", "touchpoint: one\ntouchpoint: two\n")


def test_text_from_outside_cannot_steer_a_terminal() -> None:
    assert printable("a\x1b[31m\r\nb\u202eé") == "a\N{REPLACEMENT CHARACTER}[31m" + "\N{REPLACEMENT CHARACTER}" * 2 + (
        "b\N{REPLACEMENT CHARACTER}é"
    )
