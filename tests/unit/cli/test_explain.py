"""The page that `touchpoint explain` prints: layout, opening sentence, what is said when something is missing."""

import json
from typing import Any

import pytest

from pipeline.core.models import Model
from pipeline.core.scoring import Band
from pipeline.explain.explanation import as_json, notes, sentence
from pipeline.explain.ledger import read_ledger
from pipeline.explain.page import bar, lay_out, why
from tests.unit.cli.explained import MOMENTS, explained, row
from tests.unit.core.passages import model_of, worked

PAGE = """\
call-4711 at call_center/retail/line, completed
Lost 36.4 points, most of them to wait.line (15.0, branch management) and system.identity (14.8,
identity platform).

score     63.6 of 100, fair (between 57.2 and 67.2, coverage 90%)
time      started 1999-02-01 10:00:20, served +2:00, ended +5:00
context   team telephone banking
model     worked_example version 1, fingerprint {fingerprint}
records   5 events, 1 duplicate; partition 3 from offset 100

WHAT COST THE POINTS
  15.0  ████████████████████  wait.line         120 s between 60 s → 80 and 180 s → 30  weight 30  branch management
  14.8  ███████████████████▋  system.identity   9 s between 3 s → 80 and 10 s → 0       weight 15  identity platform
   6.7  ████████▉             effort.transfers  1 between 1 → 60 and 3 → 0              weight 15  routing
   0.0                        outcome.result    completed → 100                         weight 30  operations

WHO CAN CHANGE IT
  15.0  branch management
  14.8  identity platform
   6.7  routing

NOT KNOWN (costs coverage, never points)
  people.hold  hold_seconds  weight 10  operations

WHILE IT LASTED
  conditions: none known
  systems at work during service: identity 9 s

WHAT HAPPENED (time in Asia/Jerusalem)
  1999-02-01 10:00:16  -0:04  operation    system identity, operation verify, seconds 9 s, status ok
  1999-02-01 10:00:20  +0:00  arrived
  1999-02-01 10:00:20  +0:00  queued       queue retail
  1999-02-01 10:02:20  +2:00  served
  1999-02-01 10:02:20  +2:00  served       [duplicate]
  1999-02-01 10:03:40  +3:20  transferred  transfer warm
  1999-02-01 10:05:20  +5:00  ended        outcome completed, by customer
  traceparent 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"""


def test_an_element_that_did_not_apply_is_not_shown_as_if_it_had_cost_nothing() -> None:
    """Whether somebody queued does not stand on a row; with everything known, its coverage does not tell either."""
    document = worked()
    document["elements"]["effort.transfers"] |= {"applies_when": "queued"}
    model = model_of(document)
    full = {"wait_seconds": 0.0, "transfers": 0.0, "hold_seconds": 0.0, "operation_seconds.identity": 1.0}
    lost = {"wait.line": 0.0, "people.hold": 0.0, "system.identity": 0.0, "outcome.result": 0.0}
    straight = row(signals=full, points_lost=lost, coverage=1.0, score=100.0, model_fingerprint=model.fingerprint)
    assert {line.element for line in read_ledger(straight, [model]).lines} == set(lost)


def other_model() -> Model:
    """The same version with another content: what a reader of an old row may find on disk."""
    document = worked()
    document["elements"]["wait.line"]["curve"] = [[10, 100], [20, 0]]
    return model_of(document)


def test_the_page_of_worked_example_a() -> None:
    found = explained(moments=MOMENTS)
    assert "\n".join(lay_out(found)) == PAGE.format(fingerprint=found.row.model_fingerprint)


def test_worked_example_b_names_the_outcome_and_its_cap() -> None:
    found = explained(outcome="abandoned", signals={"wait_seconds": 40.0}, served_at=None)
    assert sentence(found) == "Lost 70.0 points, most of them to outcome.result (50.0, operations)."
    lines = [line for line in lay_out(found) if "cap.abandoned" in line]
    assert [line.split() for line in lines] == [
        ["15.0", "██████", "cap.abandoned", "at", "most", "30", "when", "outcome", "in", "[abandoned]", "operations"]
    ]
    assert found.band is Band.POOR


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"signals": {"wait_seconds": 5.0}, "served_at": None},
            "Lost nothing: all that was observed was as good as it can be.",
        ),
        (
            {"signals": {"wait_seconds": 120.0}, "served_at": None},
            "Lost 22.5 points, all of them to wait.line (22.5, branch management).",
        ),
        (
            {"signals": {"wait_seconds": 120.0}, "served_at": None, "state": "open", "outcome": None},
            "Lost 45.0 points so far, all of them to wait.line (45.0, branch management).",
        ),
        (
            {"signals": {}, "outcome": "timed_out", "state": "timed_out"},
            "Not scored: nothing that counts was observed (coverage 0%); the score lies between 0.0 and 100.0.",
        ),
    ],
)
def test_the_first_sentence_answers_the_question(changes: dict[str, Any], expected: str) -> None:
    assert sentence(explained(**changes)) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (5.0, "5 s up to 20 s → 100"),
        (20.0, "20 s between 20 s → 100 and 60 s → 80"),
        (1234.5678, "1,234.568 s from 600 s → 0"),
    ],
)
def test_a_value_is_shown_on_its_stretch_of_the_curve(seconds: float, expected: str) -> None:
    found = explained(signals={"wait_seconds": seconds}, served_at=None)
    assert [why(line) for line in found.ledger.lines if line.element == "wait.line"] == [expected]


def test_with_another_model_on_disk_the_ledger_still_stands_with_owners_of_today() -> None:
    found = row()
    ledger = read_ledger(found, [other_model()])
    assert not ledger.model_on_disk
    assert {line.element: line.points for line in ledger.lines} == found.points_lost
    assert ledger.by_owner.keys() == {"branch management", "identity platform", "routing"}
    assert [line.stretch for line in ledger.lines] == [None] * 4
    assert [line.owner for line in read_ledger(found, []).lines] == [None] * 4


def test_what_a_reader_must_know_is_noted() -> None:
    said = notes(explained(gap="2 of 6 records are gone", state="open", partial=True, model_version=7))
    assert [note.split(":")[0].split(" do ")[0] for note in said] == [
        "still open", "partial", "the schemas on disk", "2 of 6 records are gone",
    ]  # fmt: skip


def test_json_says_everything_the_page_says_and_nothing_of_customers() -> None:
    found = json.loads(json.dumps(as_json(explained(moments=MOMENTS))))
    assert (found["band"], round(found["lost"], 4), round(found["coverage"], 2)) == ("fair", 36.4286, 0.9)
    assert found["ledger"][0] == {
        "element": "wait.line", "points": 15.0, "signal": "wait_seconds", "value": 120.0, "unit": "seconds",
        "stretch": [[60.0, 80.0], [180.0, 30.0]], "worth": 55.0, "rule": None, "weight": 30.0,
        "owner": "branch management",
    }  # fmt: skip
    assert [one["element"] for one in found["unknown"]] == ["people.hold"]
    assert (found["timeline"][0]["time"], found["timeline"][4]["remark"]) == ("1999-02-01T08:00:16.000Z", "duplicate")
    assert not {"customer", "staff", "session", "key_id"} & found.keys()


@pytest.mark.parametrize(("points", "expected"), [(0.0, 0), (10.0, 20), (5.0, 10), (0.01, 0), (0.1, 1)])
def test_the_dearest_line_fills_the_bar(points: float, expected: int) -> None:
    shown = bar(points, 10.0)
    assert (len(shown), len(shown.rstrip())) == (20, expected)
