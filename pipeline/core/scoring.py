"""The score of one passage under one model, with its ledger, coverage and bounds.

Owns the arithmetic only; must not know where the passage or the model came from.
"""

import enum
from bisect import bisect_right
from typing import Final

from msgspec import Struct

from pipeline.core.curves import Curve
from pipeline.core.models import Cap, Element, Model, Plan, PlanLine, SignalCap
from pipeline.core.passage import Passage
from pipeline.core.predicates import Exceeds, holds

FULL: Final = 100.0
GOOD_ABOVE: Final = 75.0
FAIR_FROM: Final = 45.0
# Coverage is a quotient of sums of weights: half of the weight must pass a floor of 0.5 whatever the rounding.
ROUNDING: Final = 1e-9


class UnscoredReason(enum.StrEnum):
    """Why a passage has no score."""

    NOTHING_APPLIES = "nothing_applies"
    NOTHING_OBSERVED = "nothing_observed"
    LOW_COVERAGE = "low_coverage"


class Band(enum.StrEnum):
    """A score in one word: above 75 good, 45 to 75 fair, below 45 poor."""

    GOOD = "good"
    FAIR = "fair"
    POOR = "poor"


class Score(Struct, frozen=True, gc=False, kw_only=True):
    """Score 0-100 with its bounds. `score` is None, the ledger empty, when too little was observed.

    `points_lost` has one line for each observed element, zeros included, plus `cap.NAME`; it sums to 100 - score.
    """

    score: float | None
    low: float
    high: float
    coverage: float
    unscored_reason: UnscoredReason | None
    points_lost: dict[str, float]


def band_of(score: float) -> Band:
    """The band of a score."""
    if score > GOOD_ABOVE:
        return Band.GOOD
    return Band.FAIR if score >= FAIR_FROM else Band.POOR


def score(model: Model, passage: Passage) -> Score:
    """Score a passage. A signal that is missing is unknown: it costs coverage and widens the bounds, never points."""
    return score_by(plan_for(model, passage), model.coverage_floor, passage)


def score_by(plan: Plan, coverage_floor: float, passage: Passage) -> Score:
    """`score` by the plan that its model has for the passage."""
    lost = plan.fixed.copy()
    observed = plan.fixed_weight
    loss = plan.fixed_loss
    value_of = passage.signals.get
    # Curve.points_at and the caps stand inline: tests/bench/scoring.py pays for it.
    for name, signal, weight, values, segments in plan.lines:
        value = value_of(signal)
        if value is not None:
            start, least, slope = segments[bisect_right(values, value)]
            lost[name] = line = least + (value - start) * slope
            loss += line
            observed += weight
    applicable = plan.applicable
    if not applicable:
        return _unscored(UnscoredReason.NOTHING_APPLIES, 0.0, FULL, 0.0)
    cap, unknown_at_most = plan.tripped, plan.unknown_at_most
    if plan.signal_caps:
        cap, unknown_at_most = _decide_caps(plan, passage)
    high = FULL - loss / applicable
    low = FULL - (loss + FULL * (applicable - observed)) / applicable
    low = max(min(low, unknown_at_most), 0.0)
    if cap is not None:
        low, high = min(low, cap.at_most), min(high, cap.at_most)
    coverage = observed / applicable
    if not lost or coverage + ROUNDING < coverage_floor:
        reason = UnscoredReason.LOW_COVERAGE if lost else UnscoredReason.NOTHING_OBSERVED
        return _unscored(reason, low, high, coverage)
    points_lost = {name: line / observed for name, line in lost.items()}
    result = base = max(FULL - loss / observed, 0.0)
    if cap is not None and cap.at_most < base:
        result = cap.at_most
        points_lost[cap.line] = base - result
    # The bounds are other quotients of the same sums: rounding alone could put them on the wrong side.
    low, high = min(low, result), max(high, result)
    return Score(score=result, low=low, high=high, coverage=coverage, unscored_reason=None, points_lost=points_lost)


def _unscored(reason: UnscoredReason, low: float, high: float, coverage: float) -> Score:
    return Score(score=None, low=low, high=max(high, low), coverage=coverage, unscored_reason=reason, points_lost={})


def _decide_caps(plan: Plan, passage: Passage) -> tuple[Cap | None, float]:
    """The lowest tripped cap, the first in the file among equals, and the lowest whose condition is unknown."""
    tripped, unknown_at_most = plan.tripped, plan.unknown_at_most
    position = plan.tripped_position
    for signal_cap in plan.signal_caps:
        cap, value = signal_cap.cap, passage.signals.get(signal_cap.signal)
        if value is None:
            unknown_at_most = min(unknown_at_most, cap.at_most)
        elif value > signal_cap.threshold:
            rank = (cap.at_most, signal_cap.position)
            if tripped is None or rank < (tripped.at_most, position):
                tripped, position = cap, signal_cap.position
    return tripped, unknown_at_most


def plan_for(model: Model, passage: Passage) -> Plan:
    """The model worked out for passages of this shape; made once for each shape, of which a model has few."""
    systems = model.systems
    key = (
        passage.queued,
        passage.served,
        passage.outcome,
        passage.operations & systems if systems else systems,
    )
    plan = model.plans.get(key)
    if plan is None:
        plan = model.plans[key] = _make_plan(model, passage)
    return plan


def _make_plan(model: Model, passage: Passage) -> Plan:
    fixed: dict[str, float] = {}
    fixed_weight = 0.0
    unknown_weight: list[float] = []
    lines: list[PlanLine] = []
    for element in model.elements:
        applies = holds(element.applies_when, passage)
        if applies is False:
            continue
        if applies is None:
            # It may or may not apply: the weight counts, the value does not, so the bounds hold either way.
            unknown_weight.append(element.weight)
        elif element.curve is not None:
            lines.append(_plan_line(element, element.curve))
        elif passage.outcome in element.table:
            fixed[element.name] = element.weight * (FULL - element.table[passage.outcome])
            fixed_weight += element.weight
        else:
            unknown_weight.append(element.weight)
    # Added in the order in which `score` adds what it observes, so that full coverage is exactly 1.
    applicable = fixed_weight
    for weight in [*(line[2] for line in lines), *unknown_weight]:
        applicable += weight
    tripped, position = _tripped(model, passage)
    signal_caps = tuple(
        SignalCap(cap.when.signal, cap.when.threshold, index, cap)
        for index, cap in enumerate(model.caps)
        if isinstance(cap.when, Exceeds)
    )
    return Plan(
        lines=tuple(lines),
        fixed=fixed,
        fixed_weight=fixed_weight,
        fixed_loss=sum(fixed.values()),
        applicable=applicable,
        tripped=tripped,
        tripped_position=position,
        unknown_at_most=_unknown_at_most(model, passage),
        signal_caps=signal_caps,
        signals=frozenset([*(line[1] for line in lines), *(cap.signal for cap in signal_caps)]),
    )


def _plan_line(element: Element, curve: Curve) -> PlanLine:
    weight = element.weight
    segments = tuple((start, weight * (FULL - best), -weight * slope) for start, best, slope in curve.segments)
    return element.name, element.signal, weight, curve.values, segments


def _tripped(model: Model, passage: Passage) -> tuple[Cap | None, int]:
    decided = [
        (cap.at_most, index)
        for index, cap in enumerate(model.caps)
        if not isinstance(cap.when, Exceeds) and holds(cap.when, passage)
    ]
    if not decided:
        return None, 0
    _, index = min(decided)
    return model.caps[index], index


def _unknown_at_most(model: Model, passage: Passage) -> float:
    decided = [cap for cap in model.caps if not isinstance(cap.when, Exceeds)]
    return min((cap.at_most for cap in decided if holds(cap.when, passage) is None), default=FULL)
