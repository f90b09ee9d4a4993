"""The state of all touch-points at one moment, as the views answer; the board draws it.

Owns how answers become one picture; must not know how it is drawn.
"""

import datetime as dt
from collections import defaultdict
from typing import Any, Final
from zoneinfo import ZoneInfo

from msgspec import Struct

from pipeline.demo import questions
from pipeline.sink.clickhouse import ClickHouse

UTC: Final = "UTC"


class Place(Struct, frozen=True, kw_only=True):
    """One touch-point. `half_hours`: mean scores by start, oldest first; None where nobody was scored."""

    touch_point: str
    score: float | None = None
    band: str = "unscored"
    element: str = ""
    owner: str = ""
    points: float = 0.0
    n_open: int = 0
    n_waiting: int = 0
    longest_wait_seconds: float | None = None
    half_hours: tuple[float | None, ...] = ()


class Flow(Struct, frozen=True):
    """How the worker keeps up; None while nobody knows."""

    events_per_second: float | None = None
    lag_seconds: float | None = None


class Snapshot(Struct, frozen=True, kw_only=True):
    """All of it. `now` is the log's time, in the time zone of most touch-points; None before the first commit."""

    now: dt.datetime | None
    flow: Flow
    n: int = 0
    n_unscored: int = 0
    n_rejected: int = 0
    coverage: float | None = None
    places: tuple[Place, ...] = ()


def take(clickhouse: ClickHouse, flow: Flow) -> Snapshot:
    """Ask the views. Raises as ClickHouse.query does."""
    clock = ask(clickhouse, questions.CLOCK)
    if not clock:
        return Snapshot(now=None, flow=flow)
    now = clock[0]["now"].astimezone(ZoneInfo(clock[0]["time_zone"] or UTC))
    whole = ask(clickhouse, questions.COMPLETENESS)[0]
    return Snapshot(
        now=now,
        flow=flow,
        n=whole["n"],
        n_unscored=whole["n_unscored"],
        n_rejected=whole["n_rejected"],
        coverage=whole["mean_coverage"],
        places=tuple(_places(clickhouse)),
    )


def ask(clickhouse: ClickHouse, sql: str) -> list[dict[str, Any]]:
    """The rows, each by column name. Raises as ClickHouse.query does."""
    result = clickhouse.query(sql)
    return [dict(zip(result.names, row, strict=True)) for row in result.rows]


def _places(clickhouse: ClickHouse) -> list[Place]:
    """One for each touch-point that was ever seen: a counter that is closed keeps its line."""
    found: dict[str, dict[str, Any]] = defaultdict(dict)
    for sql in (questions.SCORES, questions.WAITING):
        for row in ask(clickhouse, sql):
            found[row["touch_point"]] |= row
    days = ask(clickhouse, questions.HALF_HOURS)
    for touch_point, half_hours in _in_step(days).items():
        found[touch_point] |= {"touch_point": touch_point, "half_hours": half_hours}
    return [Place(**found[touch_point]) for touch_point in sorted(found)]


def _in_step(rows: list[dict[str, Any]]) -> dict[str, tuple[float | None, ...]]:
    """The same half hours for every touch-point, so that the lines of the board can be compared."""
    steps = sorted({row["half_hour"] for row in rows})
    scores = {(row["touch_point"], row["half_hour"]): row["mean_score"] for row in rows}
    return {name: tuple(scores.get((name, step)) for step in steps) for name, _ in scores}
