"""Days of interactions for the live views, and what the views must answer, reckoned from the rows in plain Python.

Written from the words of docs/reference.md; shares no code with the views.
"""

import random
import statistics
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from msgspec import structs

from pipeline.core.catalog import TouchPoint
from pipeline.core.scored import ScoredInteraction, State
from tests.scored_rows import HOUR, LINE, NOON, scored

MINUTE: Final = 60_000
QUARTER: Final = 15 * MINUTE
IDENTITY: Final = "system/identity degraded"
COFFEE: Final = "branch/002 refreshments"
ELSEWHERE: Final = ("self_service_seconds", "parked_seconds", "hold_seconds")
OWNERS: Final = {"wait.queue": "branch management", "people.hold": "call center", "system.identity": "identity"}
TELLER: Final = structs.replace(LINE, name="branch/002/teller", time_zone="Europe/Berlin")
MORNING: Final = NOON - 5 * HOUR  # 07:00 UTC, 09:00 in Israel

Found = dict[str, Any]


def day(seed: int, where: TouchPoint = LINE, bad: range = range(0), per_quarter: int = 25) -> list[ScoredInteraction]:
    """Nine hours from MORNING; in the quarters `bad` the line is long while identity is degraded."""
    chance = random.Random(seed)
    rows: list[ScoredInteraction] = []
    for quarter in range(36):
        for _ in range(chance.randint(per_quarter - 5, per_quarter + 5)):
            lost = {"wait.queue": chance.uniform(0, 20), "people.hold": chance.uniform(0, 8), "system.identity": 0.0}
            if quarter in bad:
                lost["wait.queue"] += 25
                lost["system.identity"] += 8
            rows.append(one(chance, f"{where.name} {len(rows)}", MORNING + quarter * QUARTER, lost, touch_point=where))
            active = tuple(
                name for name, is_on in ((IDENTITY, quarter in bad), (COFFEE, chance.random() < 0.1)) if is_on
            )
            rows[-1] = structs.replace(rows[-1], active_conditions=active)
    return rows


def one(chance: random.Random, name: str, begin: int, lost: dict[str, float], **changes: object) -> ScoredInteraction:
    """An interaction of the quarter of an hour from `begin`; some are unscored, some still open, some are probes."""
    started = begin + chance.randrange(QUARTER)
    unscored = chance.random() < 0.05
    is_open = chance.random() < 0.05
    return scored(
        name,
        score=None if unscored else 100 - sum(lost.values()),
        points_lost={} if unscored else lost,
        coverage=0.3 if unscored else chance.uniform(0.5, 1),
        opened_at=started,
        started_at=started,
        ended_at=None if is_open else started + chance.randrange(10 * MINUTE),
        served_at=started if chance.random() < 0.5 else None,
        state=State.OPEN if is_open else State.ENDED,
        signals={"wait_seconds": 1.0} | dict.fromkeys(ELSEWHERE[: chance.randrange(4)], 30.0),
        synthetic=chance.random() < 0.05,
        partial=chance.random() < 0.05,
        **changes,
    )


def customers(rows: Iterable[ScoredInteraction]) -> list[ScoredInteraction]:
    """All but probes."""
    return [row for row in rows if not row.attributes.synthetic]


def over(rows: Iterable[ScoredInteraction]) -> list[ScoredInteraction]:
    """Those of customers that are no longer open."""
    return [row for row in customers(rows) if row.state is not State.OPEN]


def scores_of(rows: Iterable[ScoredInteraction]) -> list[float]:
    return [row.score.score for row in rows if row.score.score is not None]


def lost_by(rows: Iterable[ScoredInteraction]) -> dict[str, float]:
    """Points by element."""
    lost: dict[str, float] = defaultdict(float)
    for row in rows:
        for element, points in row.score.points_lost.items():
            lost[element] += points
    return lost


def groups(rows: Iterable[ScoredInteraction]) -> dict[tuple[str, int], list[ScoredInteraction]]:
    """Rows by touch-point and quarter of an hour."""
    found = defaultdict(list)
    for row in rows:
        found[row.touch_point.name, row.passage.started_at // QUARTER * QUARTER].append(row)
    return found


def local(time: int, where: TouchPoint, form: str = "%Y-%m-%d %H:%M") -> str:
    return datetime.fromtimestamp(time / 1000, ZoneInfo(where.time_zone)).strftime(form)


def utc(time: int) -> datetime:
    return datetime.fromtimestamp(time / 1000, UTC)


def band(score: float | None) -> str:
    if score is None:
        return "unscored"
    return "good" if score > 75 else "poor" if score < 45 else "fair"


def summary(rows: list[ScoredInteraction]) -> Found:
    """What every view says of a set of rows."""
    scores = scores_of(rows)
    score = statistics.fmean(scores) if scores else None
    coverage = statistics.fmean(row.score.coverage for row in rows)
    return {"n": len(rows), "n_unscored": len(rows) - len(scores), "coverage": coverage, "score": score}


def model_versions(rows: Iterable[ScoredInteraction]) -> list[tuple[str, int]]:
    """The models that scored them."""
    return sorted({(row.touch_point.model.name, row.touch_point.model.version) for row in rows})


def score_now(rows: list[ScoredInteraction], now: int) -> Iterator[Found]:
    for minutes in (5, 15, 60):
        for name in sorted({row.touch_point.name for row in rows}):
            here = [row for row in customers(rows) if row.touch_point.name == name and is_live(row, now, minutes)]
            if here:
                found = summary(here)
                element, points = max(lost_by(here).items(), key=lambda line: line[1])
                yield found | {
                    "touch_point": name,
                    "window_minutes": minutes,
                    "now": utc(now),
                    "n_open": sum(row.state is State.OPEN for row in here),
                    "band": band(found["score"]),
                    "model_versions": model_versions(here),
                    "worst_element": element,
                    "worst_owner": OWNERS[element],
                    "worst_points": points / len(scores_of(here)),
                    "longest_wait_seconds": max((waiting(row, now) for row in here if is_waiting(row)), default=None),
                }


def is_live(row: ScoredInteraction, now: int, minutes: int) -> bool:
    if row.opened_at > now:
        return False
    ended = row.passage.ended_at
    return ended is None or now - minutes * MINUTE < ended <= now


def is_waiting(row: ScoredInteraction) -> bool:
    return row.state is State.OPEN and row.passage.served_at is None and "wait_seconds" in row.passage.signals


def waiting(row: ScoredInteraction, now: int) -> float:
    signals = row.passage.signals
    since_start = (now - row.passage.started_at) / 1000
    elsewhere = sum(signals.get(name, 0) for name in ELSEWHERE)
    return max(signals["wait_seconds"], since_start - elsewhere)


def score_drops(rows: list[ScoredInteraction]) -> Iterator[Found]:
    """Drops of rows that all belong to one touch-point and one local day."""
    where = rows[0].touch_point
    quarters = {begin: here for (_, begin), here in groups(over(rows)).items()}
    means = {begin: statistics.fmean(s) for begin, here in quarters.items() if len(s := scores_of(here)) >= 20}
    usual = statistics.median(means.values()) if means else 0
    low = sorted(begin for begin, mean in means.items() if mean <= usual - 10)
    rest = [row for begin in means if begin not in low for row in quarters[begin]]
    while low:
        first = end = low[0]
        inside: list[ScoredInteraction] = []
        while low and low[0] == end:
            inside += quarters[low.pop(0)]
            end += QUARTER
        found = summary(inside)
        yield {
            "touch_point": where.name,
            "local_day": local(first, where, "%Y-%m-%d"),
            "started_from": utc(first),
            "started_until": utc(end),
            "local_from": local(first, where),
            "local_until": local(end, where),
            "n": found["n"],
            "n_unscored": found["n_unscored"],
            "coverage": found["coverage"],
            "score": found["score"],
            "usual_score": usual,
            "points_below": usual - found["score"],
            "model_versions": model_versions(inside + rest),
            **dearest(inside, rest),
            "conditions": meanwhile(inside, rest),
        }


def dearest(inside: list[ScoredInteraction], rest: list[ScoredInteraction]) -> Found:
    now, usual = lost_by(inside), lost_by(rest)
    more = {name: now[name] / len(scores_of(inside)) - usual[name] / len(scores_of(rest)) for name in now}
    element = max(more, key=more.__getitem__)
    return {"element": element, "owner": OWNERS[element], "more_points": more[element]}


def meanwhile(inside: list[ScoredInteraction], rest: list[ScoredInteraction]) -> list[tuple[str, float, float]]:
    def share(rows: list[ScoredInteraction], name: str) -> float:
        return sum(name in row.active_conditions for row in rows) / len(rows)

    names = {name for row in inside for name in row.active_conditions}
    ordered = sorted(names, key=lambda name: (share(rest, name) - share(inside, name), -share(inside, name), name))
    whole = lost_by(inside)["wait.queue"]
    return [
        (name, share(inside, name), lost_by(r for r in inside if name in r.active_conditions)["wait.queue"] / whole)
        for name in ordered[:5]
    ]
