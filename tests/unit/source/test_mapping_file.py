from pathlib import Path

import pytest

from pipeline.errors import ImportFileError
from pipeline.source.mapping_file import read_mapping
from tests.unit.source import calls

EXAMPLES = Path(__file__).parents[3] / "examples"


def refusal(folder: Path, text: str) -> list[str]:
    with pytest.raises(ImportFileError) as refused:
        calls.mapping(folder, text)
    return str(refused.value).splitlines()


@pytest.mark.parametrize("name", ["bank_call_center.yaml", "tickets.yaml"])
def test_examples_are_valid(name: str) -> None:
    assert read_mapping(EXAMPLES / name).mapping.mapping == "1"


def test_scalars_keep_their_spelling(tmp_path: Path) -> None:
    text = calls.MAPPING.replace('missing: ["", "0"]', "missing: [007, NO, 0:00:00, 1e3]")
    assert calls.mapping(tmp_path, text).mapping.values["customer"].missing == ("007", "NO", "0:00:00", "1e3")


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("mapping: 1", "mapping: 2", 1, "mapping: `2` is not valid here; valid: 1"),
        ("each_row: interaction", "each_row: row", 4, "each_row: `row` is not valid here; valid: interaction, event"),
        (
            "table: {delimiter: comma}",
            "table: {delimiter: ab}",
            8,
            "table.delimiter: `ab` is not valid here; valid: tab",
        ),
        (
            "table: {delimiter: comma}",
            "table: {header: maybe}",
            8,
            "table.header: `maybe` is not valid here; valid: true",
        ),
        ("table: {delimiter: comma}", "table: {encoding: latin-99}", 8, "table.encoding: unknown encoding `latin-99`"),
        ("table: {delimiter: comma}", "table: {header: false}", 8, "table.columns: a table without header needs"),
        ("table: {delimiter: comma}", "tabel: {}", 8, "tabel: unknown field; valid: mapping, source"),
        ("time_zone: Europe/Berlin", "time_zone: Mars", 7, "time_zone: unknown zone `Mars`; valid: IANA names"),
        ('format: "%y%m%d"', 'format: "%m%d"', 15, "date.format: `%m%d` does not name a whole day"),
        ("not_after: [queued]", "not_after: [queue]", 17, "times.came.not_after: `queue` is unknown; valid: queued,"),
        ("not_after: [queued]", "not_after: [came]", 17, "times.came.not_after: `came` is unknown; valid: queued,"),
        (
            "not_after: [queued]",
            "not_after: queued",
            17,
            "times.came.not_after: `queued` is not valid here; valid: a list",
        ),
        ("arrived: {at: came", "arrived: {at: [cam]", 22, "events.arrived.at: `cam` is unknown; valid: came, queued"),
        ("  queued: {at: queued}", "  parked: {at: queued}", 23, "call_center has no event `parked`; valid: arrived"),
        ("fields: {customer", "fields: {custom", 22, "events.arrived.fields: `custom` is unknown; valid: ticket"),
        ('outcome: "{outcome}"', "outcome: fine", 25, "events.ended.fields.outcome: `fine` cannot stand here"),
        ('outcome: "{outcome}"', "by: staff", 25, "events.ended.fields.outcome: ended needs this field"),
        ('"{line}-{day}-{number}"', '"{line-{day}"', 5, "interaction: a brace without its partner"),
        ("source: test/calls", "", 1, "source: this field is missing"),
        ("source: test/calls", "channel: branch", 3, "channel: stands here twice"),
        (
            "date: {column",
            "bad_rows_allowed: some\ndate: {column",
            15,
            "valid: a number of rows, or a share such as 0.5%",
        ),
        ("date: {column", 'id: "{number}"\ndate: {column', 15, "id: only for `each_row: event`"),
        ('date: {column: day, format: "%y%m%d"}', "", 17, "times.came.format: a clock needs the field `date`"),
    ],
)
def test_a_mistake_is_named_with_line_field_and_valid_values(
    tmp_path: Path, old: str, new: str, line: int, message: str
) -> None:
    assert old in calls.MAPPING
    found = refusal(tmp_path, calls.MAPPING.replace(old, new))
    assert any(f"calls.yaml:{line}: " in sentence and message in sentence for sentence in found), found


def test_every_mistake_is_listed_in_the_order_of_lines(tmp_path: Path) -> None:
    text = calls.MAPPING.replace("time_zone: Europe/Berlin", "time_zone: Mars").replace("{at: came", "{at: cam")
    found = refusal(tmp_path, text)
    assert [sentence.split(":")[1] for sentence in found] == ["7", "22"]


def test_text_that_is_no_yaml_is_refused_with_its_line(tmp_path: Path) -> None:
    (found,) = refusal(tmp_path, "mapping: 1\nsource: [\n")
    assert "calls.yaml:3: not YAML" in found


@pytest.mark.parametrize("text", ["", "- 1\n", "just text\n"])
def test_a_file_without_fields_is_refused(tmp_path: Path, text: str) -> None:
    (found,) = refusal(tmp_path, text)
    assert "expected fields such as `mapping: 1`" in found


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ImportFileError, match=r"absent\.yaml: cannot be read: No such file"):
        read_mapping(tmp_path / "absent.yaml")


def test_names_that_the_table_lacks_are_refused_with_their_line(tmp_path: Path) -> None:
    text = calls.MAPPING.replace("{column: came,", "{column: come,").replace("{line}-", "{lime}-")
    with pytest.raises(ImportFileError) as refused:
        calls.recording(tmp_path, calls.ROW, text=text)
    first, second = str(refused.value).splitlines()
    assert "calls.yaml:5: interaction: `{lime}` is neither a named value nor a column; valid: team, customer" in first
    assert "calls.yaml:17: times.came.column: the table has no column `come`; valid: line, number" in second
