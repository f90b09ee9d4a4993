"""docs/reference.md says what the code says; each further table gets a test of its own here."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from pipeline.cli import main
from pipeline.core import scored
from pipeline.core.commit import FORMAT, CommitMetadata, encode_metadata
from pipeline.core.conditions import HOUR, KINDS, MINUTE
from pipeline.core.events import RejectReason
from pipeline.core.signal_names import OPERATION_SIGNALS, SIGNALS
from pipeline.errors import ExitCode
from pipeline.settings import Settings, doc
from pipeline.settings_table import default_text
from pipeline.sink.rows import RejectRow
from pipeline.stream.rejects import HEAD_BYTES, reject_message, shortened
from pipeline.telemetry.definitions import METRICS
from pipeline.topics import planned
from tests.contract.records import kafka_record

ROOT = Path(__file__).parents[2]
REFERENCE = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
MIGRATIONS = "\n".join(path.read_text(encoding="utf-8") for path in sorted(ROOT.glob("schemas/clickhouse/*.sql")))
TEXT = r"'((?:[^']|'')*)'"
TABLE = re.compile(rf"^CREATE TABLE IF NOT EXISTS (\w+)\n\(\n(.*?)^\)$.*?^COMMENT {TEXT};", re.MULTILINE | re.DOTALL)
COLUMN = re.compile(rf"^    (\w+) +(\S.*?)(?: DEFAULT \S+)? COMMENT {TEXT}", re.MULTILINE)
ADDED = re.compile(
    rf"^ALTER TABLE (\w+)\n    ADD COLUMN IF NOT EXISTS (\w+) (\S.*?)(?: DEFAULT \S+)? COMMENT {TEXT} AFTER (\w+);",
    re.MULTILINE,
)
VIEW = re.compile(rf"^CREATE OR REPLACE VIEW (\w+) AS.*?^COMMENT {TEXT};", re.MULTILINE | re.DOTALL)
TABLES = {name: (body, comment.replace("''", "'")) for name, body, comment in TABLE.findall(MIGRATIONS)}
VIEWS = {name: comment.replace("''", "'") for name, comment in VIEW.findall(MIGRATIONS)}


def section(title: str, level: str = "##") -> str:
    """What stands under a heading, up to the next one of its level or above."""
    text = re.split(rf"^{level} {re.escape(title)}$", REFERENCE, flags=re.MULTILINE)[1]
    return re.split(rf"^#{{2,{len(level)}}} ", text, flags=re.MULTILINE)[0]


def table(title: str, level: str = "##") -> dict[str, list[str]]:
    """The rows of the first table under a heading: first cell to the others, without code marks around the first."""
    lines = section(title, level).partition("\n|")[2].partition("\n\n")[0].splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]
    return {row[0].strip("`"): row[1:] for row in rows}


def commands() -> Iterator[tuple[str, Any]]:
    """Every command with its full name, as the library built it."""

    def leaves(command: Any, path: tuple[str, ...]) -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - a private type
        if not hasattr(command, "commands"):
            yield " ".join(path), command
            return
        for name, below in command.commands.items():
            yield from leaves(below, (*path, name))

    return leaves(typer.main.get_command(main.app), ())


COMMANDS = dict(commands())


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


def test_every_command_is_listed_and_nothing_else() -> None:
    assert set(table("Commands")) == set(COMMANDS)


@pytest.mark.parametrize("name", list(COMMANDS))
def test_a_command_is_described_as_its_help_describes_it(name: str) -> None:
    options, _, what = table("Commands")[name]
    taken = [
        parameter.name.upper() if parameter.param_type_name == "argument" else parameter.opts[0]
        for parameter in COMMANDS[name].params
        if parameter.name != "help"
    ]
    assert re.findall(r"`([^`]+)`", options) == taken
    assert what == " ".join(COMMANDS[name].help.split("\n\n")[0].split())


def test_every_topic_is_listed_with_what_is_set() -> None:
    listed = {name: (cells[1], re.findall(r"`([^`]+)`", cells[2])) for name, cells in table("Topics").items()}
    many = Settings.model_fields["partitions"].default
    assert listed == {
        topic.name.replace("touchpoint.", "PREFIX."): (
            "`partitions`" if topic.partitions == many else str(topic.partitions),
            list(topic.settings),
        )
        for topic in planned(Settings())
    }


def test_every_table_is_listed_and_nothing_else() -> None:
    assert len(TABLES) == MIGRATIONS.count("CREATE TABLE")
    assert set(re.findall(r"^### `(\w+)`$", section("Tables"), re.MULTILINE)) == set(TABLES)


@pytest.mark.parametrize("name", list(TABLES))
def test_the_columns_of_a_table_are_those_of_its_migration(name: str) -> None:
    body, comment = TABLES[name]
    columns = [(column, [f"`{kind}`", what.replace("''", "'")]) for column, kind, what in COLUMN.findall(body)]
    assert len(columns) == body.count(" COMMENT ")
    for _, column, kind, what, before in (one for one in ADDED.findall(MIGRATIONS) if one[0] == name):
        place = [known for known, _ in columns].index(before) + 1
        columns.insert(place, (column, [f"`{kind}`", what.replace("''", "'")]))
    assert list(table(f"`{name}`", "###").items()) == columns
    assert comment in section(f"`{name}`", "###")


def test_every_column_that_was_added_later_is_seen() -> None:
    assert len(ADDED.findall(MIGRATIONS)) == MIGRATIONS.count("ADD COLUMN")


def test_every_view_is_listed_with_the_question_that_it_answers() -> None:
    assert len(VIEW.findall(MIGRATIONS)) == MIGRATIONS.count("CREATE OR REPLACE VIEW")
    assert table("Views") == {name: [f"{comment}."] for name, comment in VIEWS.items()}


@pytest.mark.parametrize("name", ["live_interactions", "score_now", "open_and_waiting"])
def test_comment_and_reference_say_which_open_interactions_a_live_view_knows(name: str) -> None:
    known = "open longer than the channel's provisional_after"
    assert known in VIEWS[name]
    assert known in " ".join(section(f"`{name}`", "###").replace("`", "").split())


@pytest.mark.parametrize("name", ["hourly", "score_over_time", "score_drops"])
def test_the_reference_says_that_the_newest_means_are_of_those_who_left_first(name: str) -> None:
    assert "hold only interactions that are over already" in " ".join(section(f"`{name}`", "###").split())


def test_the_parts_of_a_row_version_are_those_of_the_code() -> None:
    bits = {part: int(cells[0]) for part, cells in table("Row version").items()}
    assert bits == {
        "epoch": scored.EPOCH_BITS,
        "records": scored.RECORD_BITS,
        "state": scored.RANK_BITS,
        "conditions": scored.CONDITION_BITS,
    }
    state = table("Row version")["state"][1]
    assert f"timed out: {scored.RANK_TIMED_OUT}; ended: {scored.RANK_ENDED}" in state


def test_commit_metadata_is_listed_as_it_is_written() -> None:
    metadata = CommitMetadata(replay_offset=1, clock=2, topic_id="t", partition_count=3, epoch=4, fingerprint="f")
    assert list(table("Commit metadata")) == list(json.loads(encode_metadata(metadata)))
    assert table("Commit metadata")["format"] == [str(FORMAT)]


def test_every_signal_is_listed_with_its_unit_and_what_makes_it_zero() -> None:
    known = SIGNALS | {f"{name}.NAME": signal for name, signal in OPERATION_SIGNALS.items()}
    listed = table("Signals")
    assert {name: cells[0] for name, cells in listed.items()} == {name: signal.unit for name, signal in known.items()}
    silent = {name for name, signal in known.items() if f"`{signal.zero_without}`" not in listed[name][2]}
    assert silent == {name for name, signal in known.items() if not signal.zero_without}


def test_every_kind_of_condition_is_listed_with_how_long_it_is_trusted_and_when_it_is_active() -> None:
    def trusted(milliseconds: int) -> str:
        return f"{milliseconds // HOUR} h" if milliseconds % HOUR == 0 else f"{milliseconds // MINUTE} min"

    assert table("Conditions") == {
        name: [kind.meaning, trusted(kind.tolerance), kind.active_when] for name, kind in KINDS.items()
    }


def test_every_reject_reason_is_listed_and_nothing_else() -> None:
    assert list(table("Reject reasons")) == list(RejectReason)


def test_every_header_of_a_reject_is_listed_and_nothing_else() -> None:
    row = RejectRow(
        topic_id="id", topic="log", partition=1, offset=2, reason=RejectReason.SCHEMA, detail="$.time: missing", stamp=3
    )
    message = reject_message(row, kafka_record(b"key", b"value", ()))
    sent = {name for name, _ in (*message.headers, *shortened(row, message).headers) if name.startswith("reject_")}
    assert set(table("Rejected records")) == sent
    assert f"first {HEAD_BYTES:,} bytes" in section("Rejected records")


def test_every_metric_is_listed_as_the_code_defines_it() -> None:
    stated = {
        metric.name: [metric.kind.value, ", ".join(f"`{label}`" for label in metric.labels) or "none", metric.meaning]
        for metric in METRICS
    }
    listed = table("Metrics")
    assert listed == stated
    assert list(listed) == list(stated)


def test_the_buckets_of_every_histogram_are_listed() -> None:
    stated = {
        metric.name: [", ".join(f"{bound:g}" for bound in metric.buckets)] for metric in METRICS if metric.buckets
    }
    assert table("Buckets", "###") == stated
