import random
from pathlib import Path

import pytest

from pipeline.core.events import Arrived, Ended, Outcome, Queued, Served
from pipeline.errors import ImportFileError
from pipeline.source.mapping_file import read_mapping
from pipeline.source.recording import read_recording
from tests.unit.source import calls

EXAMPLES = Path(__file__).parents[3] / "examples"
EVENTS = calls.MAPPING.replace("each_row: interaction", "each_row: event").partition("events:")[0] + (
    "events:\n"
    "  arrived: {at: came, when: {result: CAME}}\n"
    '  ended: {at: came, when: {result: {not: [CAME, TEST]}}, fields: {outcome: "{outcome}"}}\n'
)


def row(number: int, **cells: str) -> str:
    fields = dict(zip(calls.HEADER.split(","), calls.ROW.split(","), strict=True))
    return ",".join({**fields, "number": str(number), **cells}.values())


def refusal(folder: Path, *rows: str, text: str = calls.MAPPING) -> list[str]:
    with pytest.raises(ImportFileError) as refused:
        calls.recording(folder, *rows, text=text)
    return str(refused.value).splitlines()


def test_a_row_gives_its_events_with_ids_that_never_change(tmp_path: Path) -> None:
    with calls.recording(tmp_path, calls.ROW) as found:
        ids, events = zip(*((timed.event_id, timed.event) for timed in found.events()), strict=True)
    name, place = "L1-990201-1", "call_center/retail/line"
    assert ids == (f"{name}/arrived", f"{name}/queued", f"{name}/served", f"{name}/ended")
    assert events == (
        Arrived(interaction=name, touch_point=place, time=917_856_000_000, customer="77"),
        Queued(interaction=name, touch_point=place, time=917_856_010_000),
        Served(interaction=name, touch_point=place, time=917_856_060_000),
        Ended(interaction=name, touch_point=place, time=917_856_300_000, outcome=Outcome.COMPLETED),
    )


@pytest.mark.parametrize("customer", ["", "0"])
def test_a_placeholder_is_no_customer(tmp_path: Path, customer: str) -> None:
    with calls.recording(tmp_path, row(1, customer=customer)) as found:
        arrived = next(found.events()).event
        assert isinstance(arrived, Arrived)
        assert arrived.customer is None


@pytest.mark.parametrize("memory", [1, 10_000, 1 << 28])
def test_events_come_in_the_order_of_time_over_the_whole_file_whatever_fits_into_memory(
    tmp_path: Path, memory: int
) -> None:
    draw = random.Random(3)
    rows = [
        row(n, came=f"{draw.randrange(24)}:{draw.randrange(60):02}:00", queued="0:00:00", answered="0:00:00", over="")
        for n in range(300)
    ]
    text = calls.MAPPING.replace("filled_by: [answered]", "filled_by: [came]")
    with read_recording(
        calls.write_table(tmp_path, *rows), calls.mapping(tmp_path, text), memory_bytes=memory
    ) as found:
        events = list(found.events())
        assert [timed.time for timed in events] == sorted(timed.time for timed in events)
        assert len(events) == found.report.events == 600
        assert events == list(found.events())
        assert (found.report.spilled_bytes > 0) == (memory < 1 << 28)


def test_an_interaction_keeps_the_order_of_its_types_when_times_are_equal(tmp_path: Path) -> None:
    same = "9:00:00"
    with calls.recording(tmp_path, row(1, came=same, queued=same, answered=same, over=same)) as found:
        assert [timed.event.kind for timed in found.events()] == ["arrived", "queued", "served", "ended"]


def test_skipped_rows_are_counted_by_rule_and_never_looked_at(tmp_path: Path) -> None:
    with calls.recording(tmp_path, calls.ROW, row(1, result="TEST", came="nonsense")) as found:
        assert (found.report.skipped, found.report.rows, found.report.interactions) == ({"test_call": 1}, 2, 1)


@pytest.mark.parametrize("text", [calls.MAPPING, EVENTS])
def test_a_repeated_row_is_dropped_and_counted(tmp_path: Path, text: str) -> None:
    rows = [row(1), row(2), row(1), row(1)]
    with calls.recording(tmp_path, *rows, text=text) as found, calls.recording(tmp_path, *rows[:2], text=text) as once:
        assert (found.report.rows, found.report.duplicate_rows, found.report.interactions) == (4, 2, 2)
        assert list(found.events()) == list(once.events())
        assert found.report.events == once.report.events


def test_one_id_with_two_contents_is_an_error_that_names_both_lines_and_no_content(tmp_path: Path) -> None:
    first, second = refusal(tmp_path, row(7), row(8), row(7, customer="secret"))
    assert "nothing was sent: 1 rows have an id that another row has with other content" in first
    assert second == "lines 2 and 4: the same id, but other content"


def test_an_event_id_of_the_table_must_be_unique_too(tmp_path: Path) -> None:
    text = EVENTS.replace("time_zone:", 'id: "{number}"\ntime_zone:')
    assert (
        refusal(tmp_path, row(7), row(7, came="9:01:00"), text=text)[1]
        == "lines 2 and 3: the same id, but other content"
    )
    with calls.recording(tmp_path, row(7), row(8), text=text) as found:
        assert [timed.event_id for timed in found.events()] == ["7", "8"]


def test_event_rows_are_named_by_their_line(tmp_path: Path) -> None:
    with calls.recording(tmp_path, row(1, result="CAME"), row(1, came="9:01:00"), text=EVENTS) as found:
        assert [timed.event_id for timed in found.events()] == ["line-2/arrived", "line-3/ended"]
        assert found.report.interactions == 1


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ({"kind": "secret"}, "column kind: a text that values.team.table does not list"),
        ({"kind": ""}, "touch_point: a column or value it is made of is missing"),
        ({"line": ""}, "interaction: a column or value it is made of is missing"),
        ({"day": "991302"}, "column day: not a day as date.format says"),
        ({"result": ""}, "events.ended: field outcome is missing or not as the event needs it"),
        ({"customer": "secret" * 100}, "events.arrived: field customer is missing or not as the event needs it"),
        ({"customer": "7,7"}, "11 cells instead of 10"),
    ],
)
def test_a_bad_row_is_named_by_line_and_column_and_never_by_value(
    tmp_path: Path, cells: dict[str, str], reason: str
) -> None:
    first, second = refusal(tmp_path, calls.ROW, row(2, **cells))
    assert "nothing was sent: 1 of 2 rows cannot be read, 0 allowed by" in first
    assert second == f"line 3: {reason}"


def test_bytes_that_are_no_text_make_the_row_bad_and_leave_its_neighbours(tmp_path: Path) -> None:
    path = calls.write_table(tmp_path, row(1), row(2, line="L%"), row(3))
    path.write_bytes(path.read_bytes().replace(b"%", b"\xff\xfe"))
    with read_recording(path, calls.mapping(tmp_path, calls.MAPPING + "bad_rows_allowed: 1\n")) as found:
        assert found.report.mistakes == ["line 3: bytes that are not text in the table's encoding"]
        assert found.report.interactions == 2


def test_only_the_first_twenty_mistakes_are_listed_but_all_are_counted(tmp_path: Path) -> None:
    found = refusal(tmp_path, *(row(n, kind="?") for n in range(30)))
    assert len(found) == 21
    assert "30 of 30 rows cannot be read, 0 allowed" in found[0]
    assert found[0].endswith("; the first 20:")


@pytest.mark.parametrize(("allowed", "refused"), [("1", True), ("2", False), ("19%", True), ("20%", False)])
def test_as_many_bad_rows_as_allowed_are_left_out(tmp_path: Path, allowed: str, refused: bool) -> None:  # noqa: FBT001
    rows = [row(n, kind="?" if n < 2 else "A") for n in range(10)]
    text = calls.MAPPING + f"bad_rows_allowed: {allowed}\n"
    if refused:
        refusal(tmp_path, *rows, text=text)
        return
    with calls.recording(tmp_path, *rows, text=text) as found:
        assert (found.report.bad_rows, found.report.interactions, len(found.report.mistakes)) == (2, 8, 2)


def test_an_event_row_must_fit_exactly_one_event(tmp_path: Path) -> None:
    text = EVENTS + "  queued: {at: came, when: {result: CAME}}\n"
    text = text.replace("{not: [CAME, TEST]}", "DONE")
    reasons = refusal(tmp_path, row(1, result="CAME"), row(2, result="GONE"), text=text)[1:]
    assert reasons == [
        "line 2: 2 of the events of the mapping fit, exactly one must",
        "line 3: none of the events of the mapping fit, exactly one must",
    ]


def test_a_limit_reads_only_the_first_rows(tmp_path: Path) -> None:
    path = calls.write_table(tmp_path, row(1), row(2), row(3, kind="?"))
    with read_recording(path, calls.mapping(tmp_path), limit=2) as found:
        assert (found.report.rows, found.report.interactions) == (2, 2)


def test_the_ticket_example_gives_one_event_for_each_row_but_the_skipped_one() -> None:
    with read_recording(EXAMPLES / "tickets.csv", read_mapping(EXAMPLES / "tickets.yaml")) as found:
        report = found.report
        assert (report.rows, report.skipped, report.events, report.interactions) == (17, {"printer_test": 1}, 16, 4)
        assert [timed.event.kind for timed in found.events()][:4] == ["arrived", "arrived", "called", "served"]
