import re

import pytest

from pipeline.errors import ConfigError
from pipeline.source.simulator.business_day import HOUR, MINUTE
from pipeline.source.simulator.scenario import SCENARIOS, Changes, choose
from tests.unit.source.simulator.days import at, day, values

MOVED = Changes(incident_start="14:00", incident_end="14:30", branch="003", branch_start="10:00", load=0.3)


def test_the_four_scenarios() -> None:
    assert {name: (found.slow is not None, found.short is not None) for name, found in SCENARIOS.items()} == {
        "quiet_day": (False, False),
        "identity_slow": (True, False),
        "no_coffee_one_counter": (False, True),
        "busy_day": (True, True),
    }
    assert [found.load for found in SCENARIOS.values()] == [1.0, 1.0, 1.0, 1.15]


def test_without_changes_a_scenario_is_itself() -> None:
    assert all(choose(name, Changes()) == found for name, found in SCENARIOS.items())


def test_a_start_moved_alone_moves_the_end_along() -> None:
    slow = choose("identity_slow", Changes(incident_start="14:00")).slow
    assert slow is not None
    assert (slow.start, slow.end) == (14 * HOUR, 14 * HOUR + 45 * MINUTE)


@pytest.mark.parametrize(
    ("scenario", "changes", "message"),
    [
        ("bad_day", Changes(), "--scenario bad_day: valid: quiet_day, identity_slow"),
        ("quiet_day", Changes(incident_start="10:00"), "--incident-start: in quiet_day no system is slow"),
        ("identity_slow", Changes(branch="001"), "--branch: in identity_slow no branch"),
        ("no_coffee_one_counter", Changes(severity=2.0), "--severity: in no_coffee_one_counter no system"),
        ("busy_day", Changes(branch="004"), "--branch 004: valid: 001, 002, 003"),
        ("busy_day", Changes(incident_start="later"), "--incident-start later: valid: a time from 06:00 to 22:00"),
        ("busy_day", Changes(branch_end="23:00"), "--branch-end 23:00: valid: a time"),
        ("busy_day", Changes(incident_end="10:40"), "--incident-end: 10:40 is not after the start, 10:40"),
        ("busy_day", Changes(severity=0.0), "--severity 0: valid: above 0, at most 5"),
        ("busy_day", Changes(load=float("nan")), "--load nan: valid: above 0, at most 3"),
    ],
)
def test_a_wrong_parameter_is_named_with_the_valid_ones(scenario: str, changes: Changes, message: str) -> None:
    with pytest.raises(ConfigError, match=f"^{re.escape(message)}"):
        choose(scenario, changes)


def test_incidents_move_with_their_parameters() -> None:
    found = day("busy_day", changes=MOVED)
    assert [(each.subject, each.start, each.end) for each in found.truth.incidents] == [
        ("system/identity", at("14:00"), at("14:30")),
        ("branch/003", at("10:00"), at("13:00")),
    ]
    slow = [time for time, value in values(found, "system/identity", "degraded") if value]
    assert at("14:00") < min(slow) <= max(slow) <= at("14:32")
    out = [time for time, value in values(found, "branch/003", "refreshments") if not value]
    assert at("10:00") == min(out) <= max(out) < at("13:00")
    assert all(value for _, value in values(found, "branch/002", "refreshments"))


def test_more_severe_is_slower() -> None:
    def worst(severity: float) -> float:
        found = day("identity_slow", changes=Changes(severity=severity, load=0.3))
        return max(value for _, value in values(found, "system/identity", "latency_seconds"))

    assert worst(0.5) < worst(1.0) < worst(2.0)


def test_load_brings_more_customers() -> None:
    few, many = (
        sum(p.arrived for p in day("quiet_day", changes=Changes(load=n)).truth.touch_points.values())
        for n in (0.3, 0.6)
    )
    assert many == pytest.approx(2 * few, rel=0.1)
