"""Conditions say what was really so, when it changed, often enough and not too often."""

from bisect import bisect_left
from itertools import pairwise

import pytest

from pipeline.core.conditions import KINDS
from pipeline.core.events import Arrived, Called, Ended, Operation
from pipeline.core.side_events import Condition
from pipeline.source.simulator.circumstances import comfort_of
from tests.unit.source.simulator.days import at, day, events, light_day, values

QUARTER_MINUTE = 15_000


@pytest.mark.parametrize("scenario", ["quiet_day", "identity_slow"])
def test_the_line_is_as_long_as_the_people_standing_in_it(scenario: str) -> None:
    found = day(scenario)
    comes, goes = [], []
    for own in events(found).values():
        first = own[0]
        if isinstance(first, Arrived) and first.touch_point == "branch/001/teller":
            moments = [event.time for event in own if isinstance(event, Arrived | Called | Ended)]
            assert isinstance(moments[0], int)
            assert isinstance(moments[1], int)
            comes.append(moments[0])
            goes.append(moments[1])
    comes.sort()
    goes.sort()
    reported = values(found, "branch/001", "line_length")
    assert len(reported) > 200
    assert all(value == bisect_left(comes, time) - bisect_left(goes, time) for time, value in reported)


def test_no_condition_speaks_more_often_than_every_fifteen_seconds_or_grows_stale_while_open() -> None:
    by_key: dict[str, list[int]] = {}
    for each in day("busy_day").records:
        if isinstance(each.event, Condition):
            by_key.setdefault(each.event.key, []).append(each.time)
    for key, times in by_key.items():
        assert all(after - before >= QUARTER_MINUTE for before, after in pairwise(times)), key
        tolerance = KINDS[key.rpartition("/")[2]].tolerance
        open_hours = [time for time in times if at("08:15") <= time <= at("17:45")]
        assert all(after - before <= tolerance for before, after in pairwise(open_hours)), key


def test_coffee_comfort_and_counters_go_and_come_back_at_one_branch_only() -> None:
    found = light_day("no_coffee_one_counter")
    coffee = values(found, "branch/002", "refreshments")
    assert {value for time, value in coffee if at("13:30") <= time < at("16:30")} == {0.0}
    assert {value for time, value in coffee if not at("13:30") <= time < at("16:30")} == {1.0}
    counters = values(found, "branch/002", "counters_open")
    assert {value for time, value in counters if at("13:30") <= time < at("16:30")} == {1.0}
    assert min(value for time, value in values(found, "branch/002", "comfort") if time > at("14:30")) == 0.0
    assert all(value > 0.9 for _, value in values(found, "branch/001", "comfort"))
    assert (at("16:30"), 4.0) in counters


def test_a_system_is_degraded_while_it_is_slow_and_no_other_ever() -> None:
    found = light_day("identity_slow")
    changes = [time for time, value in values(found, "system/identity", "degraded") if value]
    assert at("10:40") < min(changes) <= at("10:42")
    back = [time for time, value in values(found, "system/identity", "degraded") if not value and time > at("11:00")]
    assert at("11:25") < min(back) <= at("11:28")
    for system in ("core_banking", "documents", "telephony"):
        assert not any(value for _, value in values(found, f"system/{system}", "degraded"))


def test_on_a_quiet_day_nothing_is_degraded() -> None:
    found = light_day("quiet_day")
    assert not any(value for _, value in values(found, "system/identity", "degraded"))


def test_latency_is_the_mean_of_the_last_minute() -> None:
    found = light_day()
    work = [
        (each.time + round(each.event.seconds * 1000), each.event.seconds)
        for each in found.records
        if isinstance(each.event, Operation) and each.event.system == "identity"
    ]
    reported = values(found, "system/identity", "latency_seconds")
    for time, value in reported[::20]:
        recent = [seconds for done, seconds in work if time - 60_000 <= done < time]
        assert value == pytest.approx(sum(recent) / len(recent), abs=0.001)


@pytest.mark.parametrize(
    ("degrees", "comfort"), [(-5, 0), (15, 0), (17.5, 0.5), (20, 1), (22, 1), (25.5, 0.5), (40, 0)]
)
def test_comfort_follows_the_temperature(degrees: float, comfort: float) -> None:
    assert comfort_of(degrees) == pytest.approx(comfort)
