import json
from pathlib import Path
from typing import Final

import pytest
import typer
from typer.testing import CliRunner

from pipeline.cli import model

SCHEMAS: Final = Path(__file__).parents[3] / "schemas"
APP: Final = typer.Typer()
model.register(APP)


@APP.callback()
def _root() -> None:
    pass


@pytest.mark.parametrize("path", sorted((SCHEMAS / "models").glob("*.yaml")), ids=lambda path: path.stem)
def test_shipped_models_pass(path: Path) -> None:
    result = CliRunner().invoke(APP, ["model", "check", str(path)])
    assert result.exit_code == 0, result.output
    assert "ok, fingerprint" in result.stdout


def test_a_bad_model_exits_1_and_lists_its_mistakes_on_stderr(tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text((SCHEMAS / "models" / "branch_teller.yaml").read_text().replace("weight: 32", "weight: 31"))
    result = CliRunner().invoke(APP, ["model", "check", str(path)])
    assert result.exit_code == 1
    assert result.stdout == ""
    assert f"{path}:" in result.stderr
    assert "elements: the weights sum to 99; valid: a sum of 100" in result.stderr


def test_json_lists_mistakes_by_file_line_field_and_valid_values(tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text("name: x\n")
    result = CliRunner().invoke(APP, ["model", "check", str(path), "--json"])
    assert result.exit_code == 1
    report = json.loads(result.stdout)
    assert report["ok"] is False
    assert set(report["mistakes"][0]) == {"file", "line", "field", "message", "valid"}


def test_json_of_a_good_model_names_its_fingerprint() -> None:
    result = CliRunner().invoke(
        APP, ["model", "check", str(SCHEMAS / "models" / "online_form_health_claim.yaml"), "--json"]
    )
    report = json.loads(result.stdout)
    assert (report["ok"], report["name"], report["version"]) == (True, "online_form/health_claim", 1)
    assert len(report["fingerprint"]) == 16
