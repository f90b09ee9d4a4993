"""What happened on the day, in words: each finding with the SQL that found it.

Pure: knows nothing but rows of the view `score_drops`. Says "while" and never "because".
"""

import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, Final

from msgspec import Struct

from pipeline.demo import questions

# A condition is worth naming when at least half of the interactions met it; first stands what was rare otherwise.
WORTH_NAMING: Final = 0.5
# What a condition's kind says of its subject; any other kind stands as it is.
SAYS: Final = {
    "degraded": "was degraded",
    "counters_open": "had at most one counter open",
    "refreshments": "was short of refreshments",
    "comfort": "was uncomfortable",
}
ALMOST_ALL: Final = 0.995
WIDTH: Final = 118
MARGIN: Final = "  "


class Meanwhile(Struct, frozen=True):
    """A condition during a drop: share of the interactions that met it, and of the points lost to waiting with them."""

    condition: str
    share: float
    wait_share: float


class Loss(Struct, frozen=True):
    """Points that an element cost during a drop, of those who met its leading condition."""

    element: str
    owner: str
    lost: float


class Drop(Struct, frozen=True):
    """A row of `score_drops`, with its losses from `points_lost_during`. Times as text, local to the touch-point."""

    touch_point: str
    local_from: str
    local_until: str
    n: int
    score: float
    usual_score: float
    points_below: float
    element: str
    owner: str
    more_points: float
    conditions: tuple[Meanwhile, ...]
    losses: tuple[Loss, ...] = ()

    @property
    def named(self) -> tuple[Meanwhile, ...]:
        """The conditions that most of its interactions met."""
        return tuple(one for one in self.conditions if one.share >= WORTH_NAMING)


class Finding(Struct, frozen=True):
    """Sentences, and the question whose answer they tell. Without a question it is a heading."""

    sentences: tuple[str, ...]
    sql: str = ""


class Day(Struct, frozen=True):
    """The size of what was looked at."""

    touch_points: int
    n: int
    mean_score: float | None


def read_drop(row: Mapping[str, Any]) -> Drop:
    """A row of `questions.DROPS`."""
    return Drop(**{**row, "conditions": tuple(Meanwhile(*each) for each in row["conditions"])})


def losses_question(drop: Drop) -> str:
    """The question whose rows are the losses of this drop."""
    leading = drop.named[0].condition if drop.named else questions.NO_CONDITION
    return questions.lost_while(drop.touch_point, drop.local_from, drop.local_until, leading)


def tell(drops: Sequence[Drop], day: Day) -> list[Finding]:
    """The findings: drops in order of time, those with the same leading condition under one heading."""
    if not drops:
        return [_nothing_fell(day)]
    told = []
    for _, together in groupby(sorted(drops, key=_order(drops)), key=_leading):
        group = list(together)
        told += [_heading(group), *(finding for drop in group for finding in _tell_drop(drop))]
    return told


def write(findings: Iterable[Finding]) -> list[str]:
    """The findings as lines for a terminal; each question stands in a line of its own, ready to be copied."""
    lines: list[str] = []
    for finding in findings:
        margin = MARGIN if finding.sql else ""
        lines.append("")
        for sentence in finding.sentences:
            lines += textwrap.wrap(
                sentence, WIDTH, initial_indent=margin, subsequent_indent=MARGIN, break_on_hyphens=False
            )
        lines += [margin + command(finding.sql)] if finding.sql else []
    return lines


def command(sql: str) -> str:
    """A question as one types it."""
    return f'touchpoint sql "{sql}"'


def deepest(drops: Sequence[Drop]) -> Drop | None:
    """The drop that cost the most points in all."""
    return max(drops, key=lambda drop: drop.n * drop.points_below, default=None)


def _nothing_fell(day: Day) -> Finding:
    mean = "no score" if day.mean_score is None else f"mean score {day.mean_score:.1f}"
    return Finding(
        (
            f"Nothing fell: {day.n:,} interactions at {day.touch_points} touch-points, {mean}.",
            "No quarter of an hour with 20 scored interactions or more was 10 points below its touch-point's median.",
        ),
        questions.NOTHING_FELL,
    )


def _order(drops: Sequence[Drop]) -> Any:  # noqa: ANN401 - a key of `sorted`
    """By the first drop under the same leading condition, then by time."""
    first = {_leading(drop): drop.local_from for drop in sorted(drops, key=lambda drop: drop.local_from, reverse=True)}
    return lambda drop: (first[_leading(drop)], _leading(drop), drop.local_from, drop.touch_point)


def _leading(drop: Drop) -> str:
    """The subject of the condition that stood out most; empty when none did."""
    return drop.named[0].condition.partition(" ")[0] if drop.named else ""


def _heading(group: Sequence[Drop]) -> Finding:
    subject = _leading(group[0])
    fallen = len({drop.touch_point for drop in group})
    count = "one touch-point" if fallen == 1 else f"{fallen} touch-points"
    if not subject:
        return Finding((f"While no reported condition stood out, {count} fell:",))
    named = {one.condition: None for drop in group for one in drop.named if one.condition.startswith(f"{subject} ")}
    return Finding((f"While {_phrase(named)}, {count} fell:",))


def _tell_drop(drop: Drop) -> Iterator[Finding]:
    clock_from, clock_until = drop.local_from[-5:], drop.local_until[-5:]
    fall = f"from its median of {drop.usual_score:.1f} to {drop.score:.1f} ({drop.n:,} interactions)"
    yield Finding(
        (
            f"{clock_from} to {clock_until}  {drop.touch_point} fell by {drop.points_below:.1f} points {fall}.",
            f"Dearest was {drop.element}, {drop.more_points:.1f} points more than usual (owner: {_owner(drop.owner)}).",
            _tell_meanwhile(drop),
        ),
        questions.drop(drop.touch_point, drop.local_from),
    )
    if drop.losses:
        first, *others = drop.losses
        lost = [f"{first.lost:,.0f} points to {first.element} ({_owner(first.owner)})"]
        lost += [f"{loss.lost:,.0f} to {loss.element} ({_owner(loss.owner)})" for loss in others]
        yield Finding((f"Meanwhile they lost {_listed(lost)}.",), losses_question(drop))


def _tell_meanwhile(drop: Drop) -> str:
    if not drop.named:
        return "No reported condition held for most of them."
    leading = drop.named[0]
    waited = f", {_share(leading.wait_share)} of the points lost to waiting with them" if leading.wait_share else ""
    return f"{_share(leading.share).capitalize()} of them came while {_phrase([leading.condition])}{waited}."


def _share(share: float) -> str:
    return "all" if share > ALMOST_ALL else f"{share:.0%}"


def _owner(owner: str) -> str:
    return owner or "not known"


def _phrase(conditions: Iterable[str]) -> str:
    """Conditions as people say them: those of one subject together."""
    by_subject: dict[str, list[str]] = {}
    for condition in conditions:
        subject, _, kind = condition.partition(" ")
        by_subject.setdefault(subject, []).append(SAYS.get(kind, kind))
    return _listed([f"{subject} {_listed(said)}" for subject, said in by_subject.items()])


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
