import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from pipeline.cli.main import app
from pipeline.settings import Settings


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["config", *arguments])


def shown() -> dict[str, dict[str, str]]:
    return {entry["name"]: entry for entry in json.loads(run("show", "--json").stdout)}


def test_show_lists_every_setting_with_help() -> None:
    lines = run("show").stdout.splitlines()
    described = Settings.model_fields.values()
    assert [line.split()[0] for line in lines] == ["name", *Settings.model_fields]
    assert all(line.endswith(str(field.description)) for line, field in zip(lines[1:], described, strict=True))


def test_show_says_where_each_value_comes_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "touchpoint.toml"
    file.write_text("partitions = 4\n")
    monkeypatch.setenv("TOUCHPOINT_CONFIG_FILE", str(file))
    monkeypatch.setenv("TOUCHPOINT_EPOCH", "2")
    entries = shown()
    sources = [(entries[name]["value"], entries[name]["source"]) for name in ("epoch", "partitions", "group")]
    assert sources == [("2", "TOUCHPOINT_EPOCH"), ("4", str(file)), ("touchpoint-scores", "default")]


def test_show_finds_what_the_running_stack_provides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "stack.json").write_text('{"kafka": {"address": "127.0.0.1:9", "pid": 1}}')
    (tmp_path / "pseudonym.key").write_text("0123456789abcdef")
    monkeypatch.setenv("TOUCHPOINT_STATE_DIR", str(tmp_path))
    entries = shown()
    assert (entries["kafka"]["value"], entries["kafka"]["source"]) == ("127.0.0.1:9", str(tmp_path))
    assert entries["clickhouse"]["value"] is None
    assert entries["pseudonym_key_file"]["value"] == str(tmp_path / "pseudonym.key")


def test_show_prints_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOUCHPOINT_PSEUDONYM_KEY", "a-key-nobody-should-see")
    assert shown()["pseudonym_key"]["value"] == "**********"
    assert "nobody-should-see" not in run("show").output


def test_check_exits_0_when_all_is_well() -> None:
    assert (run("check").exit_code, run("check").stdout) == (0, "settings ok\n")
    assert json.loads(run("check", "--json").stdout) == {"ok": True}


def test_check_exits_2_and_names_every_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOUCHPOINT_EPOCH", "-1")
    monkeypatch.setenv("TOUCHPOINT_PARTITIONS", "0")
    result = run("check")
    assert (result.exit_code, result.stdout) == (2, "")
    assert sorted(result.stderr.splitlines()) == [
        "touchpoint: TOUCHPOINT_EPOCH: must be 0 to 4095",
        "touchpoint: TOUCHPOINT_PARTITIONS: must be 1 to 10000",
    ]
