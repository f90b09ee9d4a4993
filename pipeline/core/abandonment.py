"""What giving up early can earn under a model: the bound that `model_check.py` holds every model to.

Owns that one bound; an upper one, so no model slips through it.
"""

from collections.abc import Iterable

from pipeline.core.events import Outcome
from pipeline.core.models import Cap, Element
from pipeline.core.predicates import Always, OutcomeIn, Predicate, Served
from pipeline.core.scoring import FULL
from pipeline.core.signal_names import OUTCOME


def best_when_abandoned(elements: Iterable[Element], caps: Iterable[Cap]) -> float:
    """The most that a passage can score which was abandoned before service, whatever was observed of it.

    An upper bound: any element whose signal may be unknown counts only where it helps.
    """
    sure: list[tuple[float, float]] = []
    helpful: list[tuple[float, float]] = []
    for element in elements:
        applies = _applies_when_abandoned(element.applies_when)
        points = element.table.get(Outcome.ABANDONED) if element.signal == OUTCOME else _best_points(element)
        if applies is False or points is None:
            continue
        certain = applies is True and element.signal == OUTCOME
        (sure if certain else helpful).append((points, element.weight))
    total, weight = sum(points * share for points, share in sure), sum(share for _, share in sure)
    for points, share in sorted(helpful, reverse=True):
        if weight == 0 or points > total / weight:
            total, weight = total + points * share, weight + share
    best = total / weight if weight else 0.0
    return min([best, *(cap.at_most for cap in caps if _applies_when_abandoned(cap.when) is True)])


def _best_points(element: Element) -> float:
    return element.curve.best if element.curve is not None else FULL


def _applies_when_abandoned(predicate: Predicate) -> bool | None:
    match predicate:
        case Always():
            return True
        case Served():
            return False
        case OutcomeIn(outcomes):
            return Outcome.ABANDONED in outcomes
        case _:
            return None
