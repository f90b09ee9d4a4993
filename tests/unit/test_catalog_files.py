import shutil
from pathlib import Path
from typing import Final

import pytest

from pipeline.catalog_files import check_catalog, check_model_file, load_catalog
from pipeline.errors import ModelError

SCHEMAS: Final = Path(__file__).parents[2] / "schemas"
CALLS: Final = SCHEMAS / "models" / "call_center_line.yaml"

BAD: Final = """\
name: call_center/line
version: 2
applies_to: [call_center/*/line]
elements:
  wait.queue:
    signal: wait_secnds
    weight: 30
    curve: [[1, 2], [2, 50], [3, 1]]
  outcome.result:
    signal: outcome
    weight: 50
    owner: somebody
    table: {abandoned: 0, completed: 100}
  outcome.result:
    signal: outcome
"""


def edited(folder: Path, old: str, new: str, source: Path = CALLS) -> Path:
    text = source.read_text()
    assert old in text
    path = folder / "edited.yaml"
    path.write_text(text.replace(old, new, 1))
    return path


@pytest.fixture
def schemas(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SCHEMAS, tmp_path / "schemas"))


def test_every_mistake_comes_with_file_line_and_field(tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(BAD)
    _, mistakes = check_model_file(path)
    assert {mistake.file for mistake in mistakes} == {str(path)}
    assert sorted((mistake.line, mistake.field) for mistake in mistakes) == [
        (4, "elements"),
        (5, "elements[wait.queue]"),
        (6, "elements[wait.queue].signal"),
        (8, "elements[wait.queue].curve"),
        (9, "elements[outcome.result]"),
    ]


def test_a_mistake_reads_as_one_line_with_the_valid_values(tmp_path: Path) -> None:
    _, (mistake,) = check_model_file(edited(tmp_path, "group: outcome", "group: money"))
    line = CALLS.read_text().splitlines().index("    group: outcome") + 1
    assert str(mistake) == (
        f"{tmp_path}/edited.yaml:{line}: caps.abandoned.group: unknown group 'money';"
        " valid: wait, effort, people, system, environment, outcome"
    )


def test_an_element_named_twice_is_refused_with_both_lines(tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(BAD)
    _, mistakes = check_model_file(path)
    assert f"{path}:9: elements[outcome.result]: stands here twice, again in line 14" in map(str, mistakes)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"name: [1\nb: 2\n", ":2: is no valid YAML"),
        (b"name: \xff\n", "cannot be read"),
        (b"", ":1: must hold fields, not nothing"),
        (b"a: &a\n  b: *a\n", "cannot be read: nested deeper than 20 levels"),
        (b"a: !!python/object:os.system x\n", "unknown field"),
    ],
)
def test_a_file_that_is_no_document_is_a_mistake_not_a_crash(tmp_path: Path, content: bytes, complaint: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_bytes(content)
    model, mistakes = check_model_file(path)
    assert model is None
    assert any(complaint in str(mistake) for mistake in mistakes), mistakes


def test_a_missing_file_is_a_mistake_not_a_crash(tmp_path: Path) -> None:
    model, mistakes = check_model_file(tmp_path / "none.yaml")
    assert model is None
    assert "No such file" in str(mistakes[0])


def test_comments_and_layout_leave_the_fingerprint(tmp_path: Path) -> None:
    path = edited(tmp_path, "    weight: 8\n", "    weight:    8.0 # a comment\n\n")
    (model, mistakes), (original, _) = check_model_file(path, SCHEMAS), check_model_file(CALLS, SCHEMAS)
    assert not mistakes
    assert model is not None
    assert original is not None
    assert model.fingerprint == original.fingerprint


def test_a_known_version_with_another_content_is_refused(tmp_path: Path) -> None:
    path = edited(tmp_path, "[[20, 100],", "[[25, 100],")
    assert check_model_file(path)[1] == []
    model, (mistake,) = check_model_file(path, SCHEMAS)
    assert model is None
    assert mistake.field == "version"
    assert "call_center/line version 1 in call_center_line.yaml has another content; raise the version" in str(mistake)


def test_two_files_with_the_same_version_are_refused_together(schemas: Path) -> None:
    edited(schemas / "models", "[[20, 100],", "[[25, 100],")
    catalog, (mistake,) = check_catalog(schemas)
    assert catalog is None
    assert "call_center/line version 1 exists with another content" in mistake.message


def test_a_new_version_with_its_own_time_is_chosen_by_the_clock(schemas: Path) -> None:
    edited(schemas / "models", "version: 1", "version: 2\nvalid_from: 2026-03-01T00:00:00Z")
    catalog = load_catalog(schemas)
    versions = [
        found.model.version
        for clock in (0, 1_800_000_000_000)
        if (found := catalog.resolve("call_center/regular/line", clock))
    ]
    assert versions == [1, 2]


def test_loading_a_catalog_with_mistakes_names_all_of_them(schemas: Path) -> None:
    calls, branch = (schemas / "models" / name for name in ("call_center_line.yaml", "branch_teller.yaml"))
    for path in (calls, branch):
        path.write_text(path.read_text().replace("weight: 8\n", "weight: 9\n", 1))
    with pytest.raises(ModelError, match=r"(?s)branch_teller.yaml:\d+: elements.*call_center_line.yaml:\d+: elements"):
        load_catalog(schemas)


def test_mistakes_in_touch_points_come_with_their_line(schemas: Path) -> None:
    path = schemas / "touch_points.yaml"
    path.write_text(path.read_text().replace("Asia/Jerusalem", "Asia/Nowhere"))
    _, (mistake,) = check_catalog(schemas)
    assert path.read_text().splitlines()[mistake.line - 1].strip() == "time_zone: Asia/Nowhere"


def test_a_missing_catalog_says_which_file(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"touch_points\.yaml:1: cannot be read"):
        load_catalog(tmp_path)
