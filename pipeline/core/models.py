"""A scoring model as data: elements, caps, owners and its fingerprint.

Owns the shape; `model_check.py` reads and refuses, `scoring.py` applies.
"""

import hashlib
import json
from typing import Final

from msgspec import Struct, field

from pipeline.core.curves import Curve, Segment
from pipeline.core.events import Outcome
from pipeline.core.predicates import Exceeds, OperationSeen, Predicate, write_predicate

GROUPS: Final = ("wait", "effort", "people", "system", "environment", "outcome")
CAP_PREFIX: Final = "cap."
FINGERPRINT_DIGITS: Final = 16


class Element(Struct, frozen=True, kw_only=True):
    """One thing that may cost points: its signal, what its values are worth, its weight and who owns it.

    Exactly one of `curve` and `table` is set; a table belongs to the signal `outcome`.
    """

    name: str
    signal: str
    weight: float
    owner: str
    applies_when: Predicate
    curve: Curve | None = None
    table: dict[Outcome, float] = field(default_factory=dict)

    @property
    def group(self) -> str:
        """The part of the name before the dot, one of GROUPS."""
        return self.name.partition(".")[0]


class Cap(Struct, frozen=True, kw_only=True):
    """While the condition holds, the score is at most this; its ledger line is `cap.NAME`."""

    name: str
    when: Predicate
    at_most: float
    owner: str
    group: str

    @property
    def line(self) -> str:
        """The name of its ledger line."""
        return CAP_PREFIX + self.name


class SignalCap(Struct, frozen=True):
    """A cap that a signal decides; `position` in the file settles ties."""

    signal: str
    threshold: float
    position: int
    cap: Cap


# Element name, signal, weight, knot values, segments in weighted loss: what `score` walks for each element.
PlanLine = tuple[str, str, float, tuple[float, ...], tuple[Segment, ...]]
Misses = frozenset[tuple[str, str]]  # kind of condition, and `never` or `stale`


class Plan(Struct, frozen=True, kw_only=True):
    """A model worked out for passages that agree in queued, served, outcome and systems at work.

    Losses are weight * (100 - points), not yet divided by the observed weight. `signals`: what is read of the passage;
    `misses` is the memory of `assess.py`, by what nobody reported.
    """

    lines: tuple[PlanLine, ...]
    fixed: dict[str, float]
    fixed_weight: float
    fixed_loss: float
    applicable: float
    tripped: Cap | None
    tripped_position: int
    unknown_at_most: float
    signal_caps: tuple[SignalCap, ...]
    signals: frozenset[str]
    misses: dict[frozenset[tuple[str, str, str]], Misses] = field(default_factory=dict)


PlanKey = tuple[bool, bool, Outcome | None, frozenset[str]]


class Model(Struct, frozen=True, kw_only=True, eq=False):
    """One version of the rules by which touch-points are scored. Elements in order of name, caps as in the file.

    `valid_from` in epoch milliseconds, None since ever. `plans` is scoring's memory, no part of the content.
    """

    name: str
    version: int
    fingerprint: str
    description: str
    applies_to: tuple[str, ...]
    elements: tuple[Element, ...]
    caps: tuple[Cap, ...]
    coverage_floor: float
    valid_from: int | None
    systems: frozenset[str]
    plans: dict[PlanKey, Plan] = field(default_factory=dict)

    @property
    def owners(self) -> dict[str, str]:
        """Who owns each ledger line, caps included."""
        lines = {element.name: element.owner for element in self.elements}
        return lines | {cap.line: cap.owner for cap in self.caps}

    @property
    def signals(self) -> frozenset[str]:
        """What its elements and caps read."""
        read = {element.signal for element in self.elements}
        return frozenset(read.union(cap.when.signal for cap in self.caps if isinstance(cap.when, Exceeds)))

    def __eq__(self, other: object) -> bool:
        """Same content, same validity, same touch-points."""
        return isinstance(other, Model) and self._identity() == other._identity()

    def __hash__(self) -> int:
        """Consistent with equality."""
        return hash(self._identity())

    def _identity(self) -> tuple[str, int | None, tuple[str, ...]]:
        return self.fingerprint, self.valid_from, self.applies_to


def make_model(  # noqa: PLR0913 - the fields of a model, keyword only
    *,
    name: str,
    version: int,
    description: str,
    applies_to: tuple[str, ...],
    elements: tuple[Element, ...],
    caps: tuple[Cap, ...],
    coverage_floor: float,
    valid_from: int | None,
) -> Model:
    """A model from checked parts; adds the fingerprint."""
    # Sorted, so that the order in a file changes neither sums nor the fingerprint.
    elements = tuple(sorted(elements, key=lambda element: element.name))
    predicates = [element.applies_when for element in elements] + [cap.when for cap in caps]
    return Model(
        name=name,
        version=version,
        fingerprint=_fingerprint(name, version, elements, caps, coverage_floor),
        description=description,
        applies_to=applies_to,
        elements=elements,
        caps=caps,
        coverage_floor=coverage_floor,
        valid_from=valid_from,
        systems=frozenset(predicate.system for predicate in predicates if isinstance(predicate, OperationSeen)),
    )


def _fingerprint(
    name: str, version: int, elements: tuple[Element, ...], caps: tuple[Cap, ...], coverage_floor: float
) -> str:
    content = {
        "name": name,
        "version": version,
        "coverage_floor": coverage_floor,
        "elements": [
            {
                "name": element.name,
                "signal": element.signal,
                "weight": element.weight,
                "owner": element.owner,
                "applies_when": write_predicate(element.applies_when),
                "curve": element.curve.knots if element.curve else None,
                "table": element.table,
            }
            for element in elements
        ],
        "caps": [
            {
                "name": cap.name,
                "when": write_predicate(cap.when),
                "at_most": cap.at_most,
                "owner": cap.owner,
                "group": cap.group,
            }
            for cap in caps
        ],
    }
    return fingerprint_of(content)


def fingerprint_of(content: object) -> str:
    """A hash of content as canonical JSON: order of keys, comments and layout do not matter."""
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode()).hexdigest()[:FINGERPRINT_DIGITS]
