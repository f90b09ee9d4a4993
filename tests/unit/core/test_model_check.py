from typing import Any

import pytest

from pipeline.core.abandonment import best_when_abandoned
from pipeline.core.events import Outcome
from pipeline.core.model_check import read_model
from tests.unit.core.passages import model_of, worked


def complaints(document: object) -> list[str]:
    model, mistakes = read_model(document)
    assert (model is None) == bool(mistakes)
    return [f"{mistake.field}: {mistake.message}" for mistake in mistakes]


def spoiled(element: str, **fields: Any) -> dict[str, Any]:  # noqa: ANN401 - a document may hold anything
    document = worked()
    document["elements"][element] |= fields
    return document


def without(*path: str) -> dict[str, Any]:
    document = inner = worked()
    for key in path[:-1]:
        inner = inner[key]
    del inner[path[-1]]
    return document


@pytest.mark.parametrize(
    ("document", "complaint"),
    [
        (spoiled("wait.line", weight=29), "elements: the weights sum to 99"),
        (spoiled("wait.line", weight=0), "elements[wait.line].weight: must be greater than 0; leave the element out"),
        (spoiled("wait.line", weight=-1), "elements[wait.line].weight: out of range: -1"),
        (spoiled("wait.line", weight=True), "elements[wait.line].weight: must be a number, not True"),
        (spoiled("wait.line", weight=float("nan")), "elements[wait.line].weight: must be a number, not nan"),
        (spoiled("wait.line", curve=[[0, 100], [1, 50], [2, 60]]), "curve: not monotone: points run 100, 50, 60"),
        (spoiled("wait.line", curve=[[0, 100], [0, 50]]), "curve: values must ascend, not run 0, 0"),
        (spoiled("wait.line", curve=[[0, 100]]), "elements[wait.line].curve: must list at least two knots"),
        (spoiled("wait.line", curve=[[0, 100], [1, 101]]), "elements[wait.line].curve[1]: bad knot [1, 101]"),
        (spoiled("wait.line", curve=[[0, 100], 7]), "elements[wait.line].curve[1]: bad knot 7"),
        (spoiled("wait.line", signal="wait_secs"), "unknown signal 'wait_secs'; did you mean 'wait_seconds'?"),
        (spoiled("wait.line", signal="operation_seconds."), "unknown signal 'operation_seconds.'"),
        (without("elements", "wait.line", "signal"), "elements[wait.line]: field 'signal' is missing"),
        (without("elements", "wait.line", "owner"), "elements[wait.line]: field 'owner' is missing"),
        (spoiled("wait.line", owner="  "), "elements[wait.line].owner: must be text"),
        (without("elements", "wait.line", "curve"), "elements[wait.line]: field 'curve' is missing"),
        (spoiled("wait.line", table={"completed": 1}), "the signal 'wait_seconds' takes a curve, not a table"),
        (spoiled("outcome.result", curve=[[0, 1]]), "the signal 'outcome' takes a table, not a curve"),
        (spoiled("outcome.result", table={"gone": 0}), "unknown outcome 'gone'"),
        (spoiled("outcome.result", table={"abandoned": -1}), "points must not be -1"),
        (spoiled("wait.line", applies_when="whenever"), "applies_when: 'whenever' is no condition"),
        (spoiled("wait.line", applies_when="transfers > 1"), "compares a signal; only caps may"),
        (spoiled("wait.line", colour="red"), "elements[wait.line].colour: unknown field"),
        (worked() | {"elements": {}}, "field 'elements' is missing"),
        (worked() | {"elements": {"line": {}}}, "bad element name 'line'; must be GROUP.NAME"),
        (worked() | {"name": "Two Words"}, "name: bad name 'Two Words'"),
        (worked() | {"version": 1.5}, "version: must be a whole number, not 1.5"),
        (worked() | {"version": 0}, "version: must be a whole number, not 0"),
        (worked() | {"applies_to": []}, "applies_to: must name at least one touch-point"),
        (worked() | {"applies_to": ["branch"]}, "applies_to[0]: bad touch-point 'branch'"),
        (worked() | {"applies_to": ["a/*", "a/*"]}, "applies_to[1]: 'a/*' stands here twice"),
        (worked() | {"valid_from": "2026-03-01T00:00:00"}, "valid_from: must be a time with a zone"),
        (worked() | {"coverage_floor": 50}, "coverage_floor: out of range: 50"),
        (worked() | {"caps": {"Low": {}}}, "bad cap name 'Low'"),
        (without("caps", "abandoned", "owner"), "caps.abandoned: field 'owner' is missing"),
        (without("caps", "abandoned", "when"), "caps.abandoned: field 'when' is missing"),
        (without("caps"), "abandoning early can score 60, must stay below 45"),
        (None, "must hold fields, not nothing"),
        ([1], "must hold fields, not [1]"),
    ],
)
def test_a_mistake_is_refused_by_field_and_reason(document: object, complaint: str) -> None:
    found = complaints(document)
    assert any(complaint in line for line in found), found


def test_all_mistakes_are_reported_at_once() -> None:
    document = without("caps")
    document["elements"]["wait.line"] |= {"weight": 31, "curve": [[0, 0], [1, 100], [2, 0]], "owner": ""}
    document["elements"]["effort.transfers"] |= {"signal": "transfer"}
    fields = [complaint.split(": ")[0] for complaint in complaints(document)]
    assert sorted(fields) == [
        "elements",
        "elements",
        "elements[effort.transfers].signal",
        "elements[wait.line].curve",
        "elements[wait.line].owner",
    ]


def test_mistakes_list_the_valid_values() -> None:
    _, mistakes = read_model(spoiled("wait.line", signal="x"))
    assert {"wait_seconds", "operation_seconds.SYSTEM"} <= set(mistakes[0].valid)


def test_abandoning_may_earn_up_to_45_and_not_more() -> None:
    document = worked()
    document["caps"]["abandoned"]["at_most"] = 44.9
    assert best_when_abandoned(model_of(document).elements, model_of(document).caps) == 44.9
    document["caps"]["abandoned"]["at_most"] = 45
    assert complaints(document) == ["caps: abandoning early can score 45, must stay below 45"]


def test_abandoning_may_be_held_down_by_the_weight_of_the_outcome_alone() -> None:
    document = without("caps")
    document["elements"] = {
        "wait.line": document["elements"]["wait.line"] | {"weight": 40},
        "outcome.result": document["elements"]["outcome.result"] | {"weight": 60},
    }
    assert best_when_abandoned(model_of(document).elements, ()) == pytest.approx(40)


def test_a_cap_that_a_signal_decides_does_not_hold_abandoning_down() -> None:
    document = worked()
    document["caps"]["abandoned"]["when"] = "wait_seconds > 5"
    assert complaints(document) == ["caps: abandoning early can score 60, must stay below 45"]


def test_a_table_that_is_silent_on_abandoning_does_not_hold_it_down() -> None:
    document = without("caps")
    del document["elements"]["outcome.result"]["table"]["abandoned"]
    assert complaints(document) == ["elements: abandoning early can score 100, must stay below 45"]


def test_defaults_are_always_and_a_coverage_floor_of_one_half() -> None:
    model = model_of(worked())
    assert model.coverage_floor == 0.5
    assert model.valid_from is None
    assert model.owners["cap.abandoned"] == "operations"
    assert model.elements[1].table == {Outcome.COMPLETED: 100, Outcome.ABANDONED: 0}


@pytest.mark.parametrize(
    "change",
    [
        spoiled("wait.line", curve=[[21, 100], [60, 80], [180, 30], [600, 0]]),
        spoiled("wait.line", owner="somebody else"),
        spoiled("wait.line", applies_when="queued"),
        worked() | {"version": 2},
        worked() | {"coverage_floor": 0.4},
    ],
)
def test_another_content_has_another_fingerprint(change: dict[str, Any]) -> None:
    assert model_of(change).fingerprint != model_of(worked()).fingerprint


@pytest.mark.parametrize(
    "change",
    [
        spoiled("wait.line", weight=30.0, applies_when="always"),
        worked() | {"coverage_floor": 0.5},
        worked() | {"description": "in other words", "valid_from": "2026-03-01T00:00:00Z", "applies_to": ["a/b"]},
    ],
)
def test_what_decides_no_score_leaves_the_fingerprint(change: dict[str, Any]) -> None:
    assert model_of(change).fingerprint == model_of(worked()).fingerprint
