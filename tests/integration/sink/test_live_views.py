"""The live views answer what their comments promise, by the log's clock; `tests/live_rows.py` says what to expect."""

import re
import threading
from typing import Any

import pytest
from msgspec import structs

from pipeline.core.scored import ScoredInteraction, State
from pipeline.sink.block import Block, Patience
from pipeline.sink.clickhouse import ClickHouse
from pipeline.sink.clocks import ClockRow, write_clocks
from pipeline.sink.migrations import ELEMENT_COLUMNS
from tests.integration.sink.test_block import write
from tests.live_rows import (
    COFFEE,
    IDENTITY,
    MINUTE,
    MORNING,
    OWNERS,
    TELLER,
    Found,
    band,
    customers,
    day,
    groups,
    is_waiting,
    local,
    lost_by,
    model_versions,
    over,
    score_now,
    summary,
    utc,
    waiting,
)
from tests.scored_rows import DAY, HOUR, LINE, LOG, NOON, PSEUDONYMS, scored

pytestmark = pytest.mark.integration

BAD = range(10, 13)  # 11:30 to 12:15 in Israel
PATIENCE = Patience(threading.Event(), lambda _: None)
CLOSED, PROBED = (structs.replace(TELLER, name=f"branch/003/{name}") for name in ("closed", "probed"))
OTHER_TOPIC = structs.replace(LOG, topic_id="topic-of-yesterday")


def fill(clickhouse: ClickHouse, *rows: ScoredInteraction, clock: int = NOON) -> None:
    """Rows, a superseded and worthless version of each, owners, and the clock."""
    write(clickhouse, *(structs.replace(row, version=1, score=structs.replace(row.score, score=1.0)) for row in rows))
    write(clickhouse, *rows)
    lines = [("calls", 1, name, owner, name.partition(".")[0], 10.0, "") for name, owner in OWNERS.items()]
    clickhouse.insert("elements", ELEMENT_COLUMNS, [list(column) for column in zip(*lines, strict=True)])
    set_clock(clickhouse, ClockRow(LOG, clock, 1000))


def set_clock(clickhouse: ClickHouse, *rows: ClockRow) -> None:
    assert write_clocks(clickhouse, rows, PATIENCE)


def ask(clickhouse: ClickHouse, sql: str) -> list[Found]:
    found = clickhouse.query(sql)
    return [dict(zip(found.names, row, strict=True)) for row in found.rows]


def same(found: list[Found], expected: list[Found], *key: str) -> bool:
    """Equal rows in any order, numbers but for rounding."""

    def ordered(rows: list[Found]) -> list[Found]:
        return sorted(rows, key=lambda row: [row[name] for name in key])

    return ordered(found) == [{name: rounded(value) for name, value in row.items()} for row in ordered(expected)]


def rounded(value: Any) -> Any:  # noqa: ANN401 - any cell
    if isinstance(value, float):
        return pytest.approx(value)
    if isinstance(value, list):
        return [tuple(rounded(part) for part in line) for line in value]
    return value


# ---- the clock ----


def test_now_is_the_furthest_clock_of_the_topic_that_moved_last(clickhouse: ClickHouse) -> None:
    set_clock(clickhouse, ClockRow(OTHER_TOPIC, NOON + DAY, 5000))
    clickhouse.query("SELECT sleep(0.01)")
    set_clock(clickhouse, ClockRow(LOG, NOON, 7), ClockRow(structs.replace(LOG, partition=4), NOON - 3500, 9))

    (found,) = ask(clickhouse, "SELECT topic_id, now, clock_behind_seconds, partitions FROM log_clock")

    assert found == {"topic_id": LOG.topic_id, "now": utc(NOON), "clock_behind_seconds": 3.5, "partitions": 2}


def test_the_clock_of_a_worker_that_lost_its_partition_does_not_count(clickhouse: ClickHouse) -> None:
    set_clock(clickhouse, ClockRow(LOG, NOON, 70))
    set_clock(clickhouse, ClockRow(LOG, NOON - HOUR, 50))

    assert ask(clickhouse, "SELECT now FROM log_clock") == [{"now": utc(NOON)}]


def test_live_views_are_empty_before_the_first_commit(clickhouse: ClickHouse) -> None:
    write(clickhouse, scored("a"), scored("b", state=State.OPEN, ended_at=None))

    for view in ("log_clock", "live_interactions", "score_now", "open_and_waiting", "completeness"):
        assert ask(clickhouse, f"SELECT * FROM {view}") == []


# ---- now ----


@pytest.mark.parametrize("clock", [MORNING + HOUR, NOON - 12_345])
def test_score_now_is_the_mean_of_who_left_in_the_window_and_who_is_here(clickhouse: ClickHouse, clock: int) -> None:
    rows = [*day(1, LINE, BAD), *day(2, TELLER)]
    fill(clickhouse, *rows, clock=clock)

    assert same(
        ask(clickhouse, "SELECT * FROM score_now"), list(score_now(rows, clock)), "window_minutes", "touch_point"
    )


def test_a_window_begins_after_its_first_instant_and_ends_with_the_clock(clickhouse: ClickHouse) -> None:
    ends = {"too early": NOON - 5 * MINUTE, "first": NOON - 5 * MINUTE + 1, "last": NOON, "too late": NOON + 1}
    opened = NOON - HOUR
    fill(clickhouse, *(scored(name, opened_at=opened, started_at=opened, ended_at=end) for name, end in ends.items()))

    found = ask(clickhouse, "SELECT window_minutes, n FROM score_now ORDER BY 1")

    assert [row["n"] for row in found] == [2, 3, 3]


def test_without_any_score_a_touch_point_is_unscored_and_nothing_is_dearest(clickhouse: ClickHouse) -> None:
    fill(clickhouse, scored("a", score=None, points_lost={}, ended_at=NOON))

    (found,) = ask(clickhouse, "SELECT n, n_unscored, score, band, worst_element, worst_owner, worst_points"
                   " FROM score_now WHERE window_minutes = 5")  # fmt: skip

    assert list(found.values()) == [1, 1, None, "unscored", "", "", 0.0]


def test_open_rows_of_a_topic_that_is_gone_are_nobodys(clickhouse: ClickHouse) -> None:
    fill(clickhouse, scored("here", state=State.OPEN, ended_at=None))
    block = Block()
    block.add(OTHER_TOPIC, [scored("gone", state=State.OPEN, ended_at=None), scored("left", ended_at=NOON)])
    block.write(clickhouse, PSEUDONYMS, PATIENCE)

    assert ask(clickhouse, "SELECT n, n_open FROM score_now WHERE window_minutes = 5") == [{"n": 2, "n_open": 1}]


def test_open_and_waiting_tells_who_is_here_and_who_is_still_in_line(clickhouse: ClickHouse) -> None:
    rows = [*day(3, LINE), *day(4, TELLER), scored("form", state=State.OPEN, ended_at=None, signals={})]
    fill(clickhouse, *rows)
    expected = []
    for where in (LINE, TELLER):
        here = [row for row in customers(rows) if row.touch_point is where and row.state is State.OPEN]
        here = [row for row in here if row.opened_at <= NOON]
        waits = [waiting(row, NOON) for row in here if is_waiting(row)]
        expected.append(
            {
                "touch_point": where.name,
                "now": utc(NOON),
                "n_open": len(here),
                "n_waiting": len(waits),
                "longest_open_seconds": max(NOON - row.passage.started_at for row in here) / 1000,
                "longest_wait_seconds": max(waits),
            }
        )

    assert same(ask(clickhouse, "SELECT * FROM open_and_waiting"), expected, "touch_point")


def test_score_now_reads_only_what_may_be_live(clickhouse: ClickHouse) -> None:
    older = [scored(str(n), opened_at=NOON - n * HOUR, started_at=NOON - n * HOUR, ended_at=NOON - n * HOUR + MINUTE)
             for n in range(2, 400)]  # fmt: skip
    fill(clickhouse, *older, scored("now", ended_at=NOON))

    plan = "\n".join(line for (line,) in clickhouse.query("EXPLAIN indexes = 1 SELECT * FROM score_now").rows)

    assert "Condition: and((toYYYYMMDD(opened_at) in" in plan
    assert "Condition: or((ended_at isNull), (ended_at in" in plan
    parts = [(int(kept), int(of)) for kept, of in re.findall(r"Parts: (\d+)/(\d+)", plan)]
    assert parts[0][0] * 3 < parts[0][1]


# ---- over the day ----


def test_score_over_time_counts_by_quarter_hour_of_the_start(clickhouse: ClickHouse) -> None:
    rows = [*day(5, LINE, BAD), *day(6, TELLER)]
    fill(clickhouse, *rows)
    places = {LINE.name: LINE, TELLER.name: TELLER}
    expected = [
        summary(here)
        | {
            "touch_point": name,
            "started_from": utc(begin),
            "local_from": local(begin, places[name]),
            "local_hour": local(begin, places[name], "%Y-%m-%d %H:00"),
            "band": band(summary(here)["score"]),
            "model_versions": model_versions(here),
        }
        for (name, begin), here in groups(over(rows)).items()
    ]

    assert same(ask(clickhouse, "SELECT * FROM score_over_time"), expected, "touch_point", "started_from")


def test_points_lost_during_splits_each_element_by_condition(clickhouse: ClickHouse) -> None:
    rows = day(7, LINE, BAD)
    fill(clickhouse, *rows)
    expected = []
    for (name, begin), here in groups(over(rows)).items():
        for condition in (IDENTITY, COFFEE, "none"):
            during = [
                row for row in here if condition in (row.active_conditions or ("none",)) and row.score.points_lost
            ]
            expected += [
                {
                    "touch_point": name,
                    "started_from": utc(begin),
                    "local_from": local(begin, LINE),
                    "element": element,
                    "owner": OWNERS[element],
                    "condition": condition,
                    "points": points,
                    "n": len(during),
                    "model": "calls",
                    "model_version": 1,
                }
                for element, points in lost_by(during).items()
            ]

    found = ask(clickhouse, "SELECT * FROM points_lost_during")
    assert same(found, expected, "started_from", "element", "condition")
