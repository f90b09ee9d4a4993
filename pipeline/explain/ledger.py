"""The ledger of a row in the light of its model: which value cost the points, on which stretch of the curve, whose.

Owns what is observed and what is unknown; must not know where row and model come from, or how a page looks.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from msgspec import Struct, structs

from pipeline.core.curves import Point
from pipeline.core.events import Outcome, milliseconds
from pipeline.core.models import CAP_PREFIX, Cap, Element, Model
from pipeline.core.passage import Passage
from pipeline.core.predicates import holds, write_predicate
from pipeline.core.scoring import score
from pipeline.core.signal_names import find_signal
from pipeline.explain.interaction_row import InteractionRow

OPERATION_SECONDS: Final = "operation_seconds."


class Line(Struct, frozen=True, kw_only=True):
    """What one element, or a cap, cost. `points` is None where nothing was scored.

    `value` with `unit` is the signal's; `stretch` the two knots it lies between, twice the same where the curve is
    flat beyond its ends; `worth` the points 0-100 of the value. Of a cap `rule` says what it does. What only the model
    knows is None where that model is not on disk.
    """

    element: str
    points: float | None
    signal: str | None = None
    value: float | str | None = None
    unit: str | None = None
    stretch: tuple[Point, Point] | None = None
    worth: float | None = None
    rule: str | None = None
    weight: float | None = None
    owner: str | None = None


class Unknown(Struct, frozen=True):
    """An element that applied, but was not observed: it costs coverage, never points."""

    element: str
    signal: str
    weight: float
    owner: str


class Ledger(Struct, frozen=True):
    """All lines, the dearest first; `model_on_disk`: the model that made the row is in the catalog."""

    lines: tuple[Line, ...]
    unknown: tuple[Unknown, ...]
    model_on_disk: bool

    @property
    def by_owner(self) -> dict[str, float]:
        """Points that each owner can win back, the most first; who is not known is left out."""
        sums: dict[str, float] = {}
        for line in self.lines:
            if line.owner is not None and line.points:
                sums[line.owner] = sums.get(line.owner, 0.0) + line.points
        return dict(sorted(sums.items(), key=lambda one: (-one[1], one[0])))


def read_ledger(row: InteractionRow, models: Sequence[Model]) -> Ledger:
    """The row's ledger, explained by the model that made it; by names and owners of today where it is gone."""
    for model in models:
        if (model.name, model.version, model.fingerprint) == (row.model, row.model_version, row.model_fingerprint):
            return _explained(row, model)
    versions = [model for model in models if model.name == row.model]
    owners = max(versions, key=lambda model: model.version).owners if versions else {}
    lines = [Line(element=name, points=points, owner=owners.get(name)) for name, points in row.points_lost.items()]
    return Ledger(_sorted(lines), (), model_on_disk=False)


def _explained(row: InteractionRow, model: Model) -> Ledger:
    passage = _passage(row, model)
    lines: list[Line] = []
    unknown: list[Unknown] = []
    for element in model.elements:
        applies = holds(element.applies_when, passage)
        if applies is False:
            continue
        line = _line(row, element) if applies else None
        if line is not None and row.points_lost and element.name not in row.points_lost:
            continue  # it did not apply after all: the coverage did not tell whether the customer queued
        if line is None:
            unknown.append(Unknown(element.name, element.signal, element.weight, element.owner))
        else:
            lines.append(line)
    lines += [_cap_line(row, cap) for cap in model.caps if cap.line in row.points_lost]
    return Ledger(_sorted(lines), tuple(sorted(unknown, key=lambda one: -one.weight)), model_on_disk=True)


def _line(row: InteractionRow, element: Element) -> Line | None:
    known = find_signal(element.signal)
    line = Line(
        element=element.name,
        points=row.points_lost.get(element.name),
        signal=element.signal,
        unit=known.unit if known else None,
        weight=element.weight,
        owner=element.owner,
    )
    if element.curve is None:
        worth = element.table.get(Outcome(row.outcome)) if row.outcome else None
        return None if worth is None else structs.replace(line, value=row.outcome, worth=worth)
    value = row.signals.get(element.signal)
    if value is None:
        return None
    curve = element.curve
    return structs.replace(line, value=value, stretch=curve.stretch_at(value), worth=curve.points_at(value))


def _cap_line(row: InteractionRow, cap: Cap) -> Line:
    rule = f"at most {cap.at_most:g} when {write_predicate(cap.when)}"
    return Line(element=CAP_PREFIX + cap.name, points=row.points_lost[cap.line], rule=rule, owner=cap.owner)


def _sorted(lines: Iterable[Line]) -> tuple[Line, ...]:
    return tuple(sorted(lines, key=lambda line: (-(line.points or 0.0), line.element)))


def _passage(row: InteractionRow, model: Model) -> Passage:
    """The passage that was scored. A row does not say whether the customer queued: its coverage tells."""
    queued, straight = (_passage_if(row, queued=queued) for queued in (True, False))
    return min(queued, straight, key=lambda passage: abs(score(model, passage).coverage - row.coverage))


def _passage_if(row: InteractionRow, *, queued: bool) -> Passage:
    systems = {name.removeprefix(OPERATION_SECONDS) for name in row.signals if name.startswith(OPERATION_SECONDS)}
    return Passage(
        started_at=milliseconds(row.started_at),
        served_at=milliseconds(row.served_at) if row.served_at else None,
        ended_at=milliseconds(row.ended_at) if row.ended_at else None,
        outcome=Outcome(row.outcome) if row.outcome else None,
        queued=queued,
        served=row.served_at is not None,
        operations=frozenset(systems),
        signals=row.signals,
        system_seconds=row.system_seconds,
    )
