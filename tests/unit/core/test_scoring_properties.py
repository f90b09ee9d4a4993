"""What holds for every model and every passage."""

from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from pipeline.core.events import Outcome
from pipeline.core.models import Model
from pipeline.core.passage import Passage
from pipeline.core.scoring import UnscoredReason, score
from tests.unit.core.passages import model_of, passage

SIGNALS = (
    "wait_seconds",
    "transfers",
    "hold_seconds",
    "recalls",
    "operation_seconds.identity",
    "comfort_while_waiting",
)
CONDITIONS = ("always", "queued", "served", "operation.identity", "operation.ledger", "outcome in [completed, saved]")
TOLERANCE = 1e-6

points = st.floats(0, 100)
outcomes = st.sampled_from(list(Outcome))


@st.composite
def curves(draw: st.DrawFn, *, costs: bool) -> list[list[float]]:
    size = draw(st.integers(2, 5))
    values = draw(st.lists(st.integers(0, 5000), min_size=size, max_size=size, unique=True))
    worth = sorted(draw(st.lists(points, min_size=size, max_size=size)), reverse=costs or draw(st.booleans()))
    return [list(knot) for knot in zip(sorted(values), worth, strict=True)]


@st.composite
def documents(draw: st.DrawFn, *, waiting_costs: bool = False) -> dict[str, Any]:
    """Models as their files say them; where `waiting_costs`, no curve over the wait rises."""
    shares = draw(st.lists(st.integers(1, 1000), min_size=1, max_size=8))
    elements: dict[str, Any] = {}
    for number, share in enumerate(shares):
        element: dict[str, Any] = {
            "weight": 100 * share / sum(shares),
            "owner": "somebody",
            "applies_when": draw(st.sampled_from(CONDITIONS)),
        }
        if draw(st.integers(0, 3)) == 0:
            element |= {"signal": "outcome", "table": draw(st.dictionaries(outcomes, points, min_size=1))}
        else:
            signal = draw(st.sampled_from(SIGNALS))
            costs = waiting_costs and signal == "wait_seconds"
            element |= {"signal": signal, "curve": draw(curves(costs=costs))}
        elements[f"effort.element{number}"] = element
    when = st.sampled_from([*CONDITIONS, "wait_seconds > 300", "transfers > 1"])
    caps = {
        f"cap{number}": {"when": condition, "at_most": at_most, "owner": "somebody", "group": "wait"}
        for number, (condition, at_most) in enumerate(draw(st.lists(st.tuples(when, points), max_size=3)))
    }
    # Random models may reward giving up; this one cap keeps them acceptable.
    caps["abandoned"] = {"when": "outcome in [abandoned]", "at_most": 44, "owner": "somebody", "group": "wait"}
    return {
        "name": "random",
        "version": 1,
        "applies_to": ["a/b"],
        "coverage_floor": draw(st.sampled_from([0, 0.3, 0.5, 1])),
        "elements": elements,
        "caps": caps,
    }


models = documents().map(model_of)


@st.composite
def passages(draw: st.DrawFn) -> Passage:
    return passage(
        draw(st.dictionaries(st.sampled_from(SIGNALS), st.floats(0, 6000))),
        draw(st.none() | outcomes),
        queued=draw(st.booleans()),
        served=draw(st.booleans()),
        operations=draw(st.frozensets(st.sampled_from(["identity", "ledger", "other"]))),
    )


@given(models, passages())
def test_ledger_sums_to_what_the_score_lacks(model: Model, seen: Passage) -> None:
    scored = score(model, seen)
    if scored.score is None:
        assert scored.points_lost == {}
        assert scored.unscored_reason
    else:
        assert abs(sum(scored.points_lost.values()) - (100 - scored.score)) <= TOLERANCE
        assert min(scored.points_lost.values()) >= 0


@given(models, passages())
def test_score_lies_between_its_bounds(model: Model, seen: Passage) -> None:
    scored = score(model, seen)
    assert 0 <= scored.low <= scored.high <= 100
    assert 0 <= scored.coverage <= 1
    assert scored.score is None or scored.low <= scored.score <= scored.high


@given(models, passages(), st.data())
def test_forgetting_a_signal_only_widens_the_bounds(model: Model, seen: Passage, data: st.DataObject) -> None:
    forgotten = data.draw(st.sampled_from([*seen.signals, "outcome"]))
    less = passage(
        {name: value for name, value in seen.signals.items() if name != forgotten},
        None if forgotten == "outcome" else seen.outcome,
        queued=seen.queued,
        served=seen.served,
        operations=seen.operations,
    )
    more_known, less_known = score(model, seen), score(model, less)
    # Bounds of nothing at all are 0 to 100: nothing can widen them.
    assume(more_known.unscored_reason is not UnscoredReason.NOTHING_APPLIES)
    assert less_known.high >= more_known.high - TOLERANCE
    assert less_known.low <= more_known.low + TOLERANCE


@given(documents(), st.lists(passages(), min_size=2, max_size=6))
def test_what_a_model_scored_before_changes_no_later_score(document: dict[str, Any], seen: list[Passage]) -> None:
    used = model_of(document)
    assert [score(used, each) for each in seen] == [score(model_of(document), each) for each in seen]


@given(documents(), passages())
def test_the_order_of_elements_in_a_file_changes_nothing(document: dict[str, Any], seen: Passage) -> None:
    reversed_elements = dict(reversed(document["elements"].items()))
    model, turned = model_of(document), model_of(document | {"elements": reversed_elements})
    assert turned.fingerprint == model.fingerprint
    assert score(turned, seen) == score(model, seen)


@given(documents(waiting_costs=True).map(model_of), passages(), st.floats(0, 6000), st.floats(0, 6000))
def test_a_longer_wait_never_scores_better_where_waiting_costs(
    model: Model, seen: Passage, one: float, other: float
) -> None:
    short, long = (
        passage(
            seen.signals | {"wait_seconds": wait},
            seen.outcome,
            queued=seen.queued,
            served=seen.served,
            operations=seen.operations,
        )
        for wait in sorted((one, other))
    )
    better, worse = score(model, short).score, score(model, long).score
    assert (better is None) == (worse is None)
    if better is not None and worse is not None:
        assert worse <= better + TOLERANCE
