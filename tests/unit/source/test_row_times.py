"""The repair rules, one row each. 1 February 1999 in Berlin begins at 917823600000."""

from pathlib import Path

import pytest

from tests.unit.source import calls

MIDNIGHT = 917_823_600_000


def at(clock: str, days: int = 0) -> int:
    hours, minutes, seconds = (int(part) for part in clock.split(":"))
    return MIDNIGHT + (days * 86_400 + hours * 3600 + minutes * 60 + seconds) * 1000


@pytest.mark.parametrize(
    ("row", "expected", "repaired"),
    [
        pytest.param(
            "9:00:00,9:00:10,9:01:00,9:05:00,DONE",
            {"arrived": at("9:00:00"), "queued": at("9:00:10"), "served": at("9:01:00"), "ended": at("9:05:00")},
            {},
            id="a good row stays as it is",
        ),
        pytest.param(
            "23:59:50,23:59:55,0:00:10,0:05:00,DONE",
            {
                "arrived": at("23:59:50"),
                "queued": at("23:59:55"),
                "served": at("0:00:10", 1),
                "ended": at("0:05:00", 1),
            },
            {"answered.next_day": 1},
            id="clocks behind the one before belong to the next day, counted where midnight passed",
        ),
        pytest.param(
            "9:00:20,9:00:10,9:01:00,9:05:00,DONE",
            {"arrived": at("9:00:10"), "queued": at("9:00:10"), "served": at("9:01:00"), "ended": at("9:05:00")},
            {"came.not_after.queued": 1},
            id="a time is moved to the one it must not be after",
        ),
        pytest.param(
            "9:00:00,9:00:10,9:05:00,9:04:59,DONE",
            {"arrived": at("9:00:00"), "queued": at("9:00:10"), "served": at("9:05:00"), "ended": at("9:05:00")},
            {"over.not_before.answered": 1},
            id="a time is moved to the one it must not be before",
        ),
        pytest.param(
            "9:00:00,0:00:00,0:00:00,9:05:00,DONE",
            {"arrived": at("9:00:00"), "ended": at("9:05:00")},
            {},
            id="a marker on both ends means that there was no stay",
        ),
        pytest.param(
            "23:59:00,0:00:00,0:00:30,0:05:00,DONE",
            {
                "arrived": at("23:59:00"),
                "queued": at("0:00:00", 1),
                "served": at("0:00:30", 1),
                "ended": at("0:05:00", 1),
            },
            {"queued.missing_with": 1, "queued.next_day": 1},
            id="a marker beside a time is midnight",
        ),
        pytest.param(
            "9:00:00,9:00:10,9:01:00,9:05:00,LEFT",
            {"arrived": at("9:00:00"), "queued": at("9:00:10"), "ended": at("9:05:00")},
            {"answered.only_when": 1},
            id="a time that its condition forbids is left out",
        ),
        pytest.param(
            "9:00:00,9:00:10,9:01:00,,DONE",
            {"arrived": at("9:00:00"), "queued": at("9:00:10"), "served": at("9:01:00"), "ended": at("9:01:00")},
            {"over.filled_by.answered": 1},
            id="a missing time is filled",
        ),
    ],
)
def test_repairs(tmp_path: Path, row: str, expected: dict[str, int], repaired: dict[str, int]) -> None:
    with calls.recording(tmp_path, f"L1,1,990201,A,77,{row}") as found:
        assert calls.times(found) == expected
        assert found.report.repaired == repaired


@pytest.mark.parametrize(
    ("time_format", "text", "expected"),
    [
        ("iso", "1999-02-01T09:00:00", at("9:00:00")),
        ("iso", "1999-02-01T09:00:00.250+02:00", at("8:00:00") + 250),
        ("iso", "1999-02-01T08:00:00Z", at("9:00:00")),
        ("epoch_seconds", "917856000.5", at("9:00:00") + 500),
        ("epoch_milliseconds", "917856000250", at("9:00:00") + 250),
        ('"%d.%m.%Y %H:%M"', "01.02.1999 09:00", at("9:00:00")),
        ("clock", "9:00", at("9:00:00")),
        ("clock", "09:00:00.25", at("9:00:00") + 250),
    ],
)
def test_formats(tmp_path: Path, time_format: str, text: str, expected: int) -> None:
    mapping = calls.MAPPING.replace(
        "came: {column: came, not_after: [queued]}", f"came: {{column: came, format: {time_format}}}"
    )
    with calls.recording(tmp_path, f"L1,1,990201,A,77,{text},0:00:00,0:00:00,9:05:00,DONE", text=mapping) as found:
        assert calls.times(found)["arrived"] == expected


@pytest.mark.parametrize("text", ["9.00", "24:00:00", "9:60:00", "noon", "", "9:00:00 ", "-1:00:00", "٩:00"])
def test_a_clock_that_is_none_makes_the_row_bad(tmp_path: Path, text: str) -> None:
    mapping = calls.MAPPING + "bad_rows_allowed: 1\n"
    with calls.recording(tmp_path, f"L1,1,990201,A,77,{text},0:00:00,0:00:00,9:05:00,DONE", text=mapping) as found:
        assert found.report.mistakes == ["line 2: column came: not a time as times.came.format says"]
