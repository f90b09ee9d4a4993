"""What the shipped models make of the simulated days: incidents show where they were, and nothing shows elsewhere.

Reads events and conditions with the pipeline's own signals and scores, and the rule of `score_drops`: a quarter of an
hour with 20 or more interactions that ended, at least 10 points below the touch-point's median of the day.
"""

from collections import defaultdict
from functools import cache
from pathlib import Path
from statistics import mean, median
from typing import NamedTuple

import pytest

from pipeline.catalog_files import load_catalog
from pipeline.core.conditions import ConditionRecord, Conditions
from pipeline.core.events import RANKS, Ended, Event, NoShow, Operation, Outcome, Saved, event_time
from pipeline.core.passage import Fact
from pipeline.core.scoring import score
from pipeline.core.side_events import Condition
from pipeline.core.signals import derive
from tests.unit.source.simulator.days import at, day

CATALOG = load_catalog(Path(__file__).parents[4] / "schemas")
QUARTER = 15 * 60_000
WAITS = ("wait.line", "wait.queue")
TELLERS = ("branch/001/teller", "branch/002/teller", "branch/003/teller")
PEOPLE = (*TELLERS, "call_center/claims/line", "call_center/retail/line")
IDENTITY = range(at("10:30"), at("12:00"))
AFTERNOON = range(at("13:30"), at("17:15"))


class Scored(NamedTuple):
    ended: int
    score: float
    lost: dict[str, float]
    active: tuple[str, ...]


@cache
def scored_day(scenario: str) -> dict[str, list[Scored]]:
    """Touch-point -> its interactions."""
    conditions = Conditions()
    facts: dict[str, list[Fact]] = defaultdict(list)
    for offset, each in enumerate(day(scenario).records):
        event = each.event
        if isinstance(event, Condition):
            conditions.apply(ConditionRecord(offset, 0, event.subject, event.kind, each.time, event.value))
        elif isinstance(event, Event):
            facts[event.interaction].append((each.time, RANKS[type(event)], each.event_id, event))
    found: dict[str, list[Scored]] = defaultdict(list)
    for own in facts.values():
        name, scored = scored_one(sorted(own), conditions)
        found[name].append(scored)
    return found


def scored_one(facts: list[Fact], conditions: Conditions) -> tuple[str, Scored]:
    first = next(event for *_, event in facts if not isinstance(event, Operation))
    touch_point = CATALOG.resolve(first.touch_point, 0)
    assert touch_point is not None
    last = next(event for *_, event in facts if isinstance(event, Ended | NoShow | Saved))
    outcome = last.outcome if isinstance(last, Ended) else Outcome(last.kind)
    end = event_time(last)
    passage = derive(facts, touch_point.emits, touch_point.channel.waits_from, end, outcome)
    around = conditions.read(touch_point, event_time(first), passage.started_at, passage.served_at, end)
    assert around is not None
    passage.signals.update(around.signals)
    scored = score(touch_point.model, passage)
    assert scored.score is not None
    return touch_point.name, Scored(end, scored.score, scored.points_lost, around.active)


def drops(scenario: str, touch_point: str) -> list[int]:
    """Starts of the quarters of an hour in which the touch-point fell."""
    rows = scored_day(scenario)[touch_point]
    by_quarter: dict[int, list[float]] = defaultdict(list)
    for row in rows:
        by_quarter[row.ended // QUARTER * QUARTER].append(row.score)
    usual = median(row.score for row in rows)
    return sorted(start for start, found in by_quarter.items() if len(found) >= 20 and mean(found) <= usual - 10)


@pytest.mark.parametrize("touch_point", [*PEOPLE, "online_form/health_claim"])
def test_on_a_quiet_day_nothing_falls(touch_point: str) -> None:
    assert drops("quiet_day", touch_point) == []


@pytest.mark.parametrize("touch_point", PEOPLE)
def test_on_a_busy_day_all_fall_while_identity_is_slow_and_only_one_branch_in_the_afternoon(touch_point: str) -> None:
    found = drops("busy_day", touch_point)
    assert any(start in IDENTITY for start in found)
    assert any(start in AFTERNOON for start in found) == (touch_point == "branch/002/teller")
    assert all(start in IDENTITY or start in AFTERNOON for start in found)


@pytest.mark.parametrize("touch_point", PEOPLE)
def test_most_points_lost_by_waiting_around_the_identity_incident_are_lost_while_identity_is_degraded(
    touch_point: str,
) -> None:
    rows = [row for row in scored_day("busy_day")[touch_point] if row.ended in IDENTITY]
    lost = [(sum(row.lost.get(name, 0.0) for name in WAITS), "system/identity degraded" in row.active) for row in rows]
    assert sum(points for points, degraded in lost if degraded) > 0.6 * sum(points for points, _ in lost) > 0


def test_the_branch_without_coffee_loses_points_for_all_that_is_missing() -> None:
    rows = [row for row in scored_day("busy_day")["branch/002/teller"] if row.ended in AFTERNOON]
    lost = {name: sum(row.lost.get(name, 0.0) for row in rows) for row in rows for name in row.lost}
    for name in ("wait.line", "environment.comfort", "environment.refreshments", "people.counters_open"):
        assert lost[name] > len(rows) * 0.3, name
    named = {condition for row in rows for condition in row.active}
    assert {f"branch/002 {kind}" for kind in ("counters_open", "comfort", "refreshments")} <= named
