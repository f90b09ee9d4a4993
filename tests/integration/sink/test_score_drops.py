"""`score_drops` finds where and when the score fell, as docs/reference.md defines a drop."""

import statistics

import pytest
from msgspec import structs

from pipeline.core.scored import ScoredInteraction
from pipeline.sink.clickhouse import ClickHouse
from tests.integration.sink.test_live_views import BAD, ask, fill, same
from tests.integration.sink.test_views import AUTUMN
from tests.live_rows import COFFEE, IDENTITY, MORNING, QUARTER, TELLER, day, score_drops, utc
from tests.scored_rows import HOUR, LINE, MODEL, NOON, scored

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("seed", range(3))
def test_a_drop_names_element_owner_and_the_conditions_meanwhile(clickhouse: ClickHouse, seed: int) -> None:
    rows = day(seed, LINE, BAD, per_quarter=30)
    fill(clickhouse, *rows, *day(seed, TELLER))

    (found,) = ask(clickhouse, "SELECT * FROM score_drops")

    assert same([found], list(score_drops(rows)), "started_from")
    assert (found["local_from"], found["local_until"]) == ("1999-02-03 11:30", "1999-02-03 12:15")
    assert (found["element"], found["owner"]) == ("wait.queue", "branch management")
    assert found["conditions"][0][:2] == (IDENTITY, 1.0)


def test_drops_apart_are_two_and_a_quiet_day_has_none(clickhouse: ClickHouse) -> None:
    rows = day(8, LINE, range(5, 20, 7), per_quarter=30)
    fill(clickhouse, *rows, *day(9, TELLER, per_quarter=30))

    found = ask(clickhouse, "SELECT * FROM score_drops")

    assert len(found) == 3
    assert same(found, list(score_drops(rows)), "started_from")


@pytest.mark.parametrize(("n", "score", "drops"), [(20, 80.0, 1), (19, 80.0, 0), (20, 80.001, 0)])
def test_a_drop_takes_20_scored_interactions_and_10_points(
    clickhouse: ClickHouse, n: int, score: float, drops: int
) -> None:
    usual = [at(quarter, number, 90.0) for quarter in range(3) for number in range(20)]
    fill(clickhouse, *usual, *(at(3, number, score) for number in range(n)), at(3, 99, None))

    assert len(ask(clickhouse, "SELECT * FROM score_drops")) == drops


def test_what_costs_more_is_measured_against_what_the_fall_is_measured_against(clickhouse: ClickHouse) -> None:
    thin = [at(quarter, number, 70.0) for quarter in range(20) for number in range(18)]  # a short line all night
    full = [at(quarter, number, 95.0, element="people.hold") for quarter in range(20, 24) for number in range(20)]
    drop = [at(24, number, 75.0) for number in range(20)]
    fill(clickhouse, *thin, *full, *drop)

    (found,) = ask(clickhouse, "SELECT points_below, element, owner, more_points FROM score_drops")

    assert list(found.values()) == [20, "wait.queue", "branch management", 25]


def test_each_local_day_has_its_own_usual_score(clickhouse: ClickHouse) -> None:
    midnight = NOON + 10 * HOUR  # in Israel
    rows = [at(quarter, number, 90.0, midnight - HOUR) for quarter in range(4) for number in range(20)]
    rows += [at(quarter + 4, number, 70.0, midnight - HOUR) for quarter in range(4) for number in range(20)]
    fill(clickhouse, *rows)

    assert statistics.median(row.score.score or 0 for row in rows) == 80
    assert ask(clickhouse, "SELECT * FROM score_drops") == []


def test_a_drop_over_local_midnight_is_two(clickhouse: ClickHouse) -> None:
    evening = NOON + 8 * HOUR  # 22:00 in Israel, so the ninth quarter is the first of the next day
    fallen = (7, 8)
    rows = [
        at(quarter, number, 70.0 if quarter in fallen else 90.0, evening)
        for quarter in range(16)
        for number in range(20)
    ]
    fill(clickhouse, *rows)

    found = ask(clickhouse, "SELECT local_day, local_from, local_until FROM score_drops ORDER BY 1")

    assert [list(drop.values()) for drop in found] == [
        ["1999-02-03", "1999-02-03 23:45", "1999-02-04 00:00"],
        ["1999-02-04", "1999-02-04 00:00", "1999-02-04 00:15"],
    ]


def test_a_drop_that_began_with_another_model_names_both(clickhouse: ClickHouse) -> None:
    newer = structs.replace(LINE, model=structs.replace(MODEL, version=2))
    rows = [at(quarter, number, 70.0 if quarter == 3 else 90.0) for quarter in range(4) for number in range(20)]
    fill(clickhouse, *rows[:60], *(structs.replace(row, touch_point=newer) for row in rows[60:]))

    (found,) = ask(clickhouse, "SELECT model_versions FROM score_drops")

    assert found == {"model_versions": [("calls", 1), ("calls", 2)]}


def test_drops_in_the_two_hours_of_one_name_in_an_autumn_night_are_two(clickhouse: ClickHouse) -> None:
    midnight = AUTUMN - 2 * HOUR
    rows = [
        at(quarter, number, 70.0 if quarter in (8, 12) else 90.0, midnight)
        for quarter in range(20)
        for number in range(20)
    ]
    fill(clickhouse, *(structs.replace(row, touch_point=TELLER) for row in rows))

    found = ask(clickhouse, "SELECT started_from, local_from FROM score_drops ORDER BY 1")

    assert found == [
        {"started_from": utc(begin), "local_from": "1999-10-31 02:00"} for begin in (AUTUMN, AUTUMN + HOUR)
    ]


def at(
    quarter: int, number: int, score: float | None, begin: int = MORNING, element: str = "wait.queue"
) -> ScoredInteraction:
    started = begin + quarter * QUARTER + number
    lost = {} if score is None else {element: 100 - score}
    times = {"opened_at": started, "started_at": started, "ended_at": started}
    return scored(f"{quarter} {number}", score=score, points_lost=lost, **times)


def test_what_is_always_so_stands_behind_what_is_so_only_then(clickhouse: ClickHouse) -> None:
    rows = day(0, LINE, BAD, per_quarter=30)
    always = [structs.replace(row, active_conditions=tuple({COFFEE, *row.active_conditions})) for row in rows]
    fill(clickhouse, *always)

    (found,) = ask(clickhouse, "SELECT conditions.condition AS names, conditions.share AS shares FROM score_drops")

    assert found == {"names": [IDENTITY, COFFEE], "shares": [1.0, 1.0]}
