"""Scores of recorded bank calls, computed anew from a row of the file and the model as data.

Written from the words of the scoring and event contracts alone; shares no code with the pipeline. It knows only what
such a call can show: voice unit, queue, service, outcome.
"""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any, Final, NamedTuple

DAY: Final = 86_400
HALF_DAY: Final = DAY // 2

Row = Mapping[str, str]


class Judgement(NamedTuple):
    """What a row of the table must say."""

    score: float
    low: float
    high: float
    coverage: float
    points_lost: dict[str, float]


class Seen(NamedTuple):
    """What is known of a call: signal values, and what `applies_when` asks for."""

    signals: dict[str, float]
    queued: bool
    served: bool
    outcome: str


def name(row: Row) -> str:
    """The call's id: unique only with line and day."""
    return f"{row['vru+line']}-{row['date']}-{row['call_id']}"


def look_at(row: Row) -> Seen:
    """Derive the signals. Only those who were served or stood in the queue have a wait."""
    queued = (row["q_start"], row["q_exit"]) != ("0:00:00", "0:00:00")
    served = row["outcome"] == "AGENT"
    signals = {"self_service_seconds": _passed(row["vru_entry"], row["vru_exit"])}
    if queued:
        signals["wait_seconds"] = float(row["q_time"])
    elif served:
        signals["wait_seconds"] = 0.0
    return Seen(signals, queued, served, "completed" if served else "abandoned")


def _passed(start: str, end: str) -> float:
    """Seconds between two clocks. A little backwards is a wrong entry: no time. Far backwards is midnight."""
    seconds = _clock(end) - _clock(start)
    return float(seconds + DAY if seconds < -HALF_DAY else max(0, seconds))


def _clock(text: str) -> int:
    hours, minutes, seconds = text.split(":")
    return int(hours) * 3600 + int(minutes) * 60 + int(seconds)


def judge(model: Mapping[str, Any], seen: Seen) -> Judgement:
    """Score, bounds, coverage and ledger. Every call has an outcome, so a cap's condition is never unknown."""
    known: dict[str, tuple[float, float]] = {}
    applicable = 0.0
    for element, content in model["elements"].items():
        if not _applies(content["applies_when"], seen):
            continue
        applicable += content["weight"]
        points = _points(content, seen)
        if points is not None:
            known[element] = (content["weight"], points)
    observed = sum(weight for weight, _ in known.values())
    gained = sum(weight * points for weight, points in known.values())
    base = gained / observed
    cap, limit = _lowest_cap(model, seen)
    ledger = {element: weight * (100 - points) / observed for element, (weight, points) in known.items()}
    if cap is not None and limit < base:
        ledger[f"cap.{cap}"] = base - limit
    low, high = gained / applicable, (gained + 100 * (applicable - observed)) / applicable
    return Judgement(min(base, limit), min(low, limit), min(high, limit), observed / applicable, ledger)


def _applies(when: str, seen: Seen) -> bool:
    answers = {"always": True, "queued": seen.queued, "served": seen.served}
    return False if when.startswith("operation.") else answers[when]


def _points(content: Mapping[str, Any], seen: Seen) -> float | None:
    if content["signal"] == "outcome":
        return float(content["table"][seen.outcome])
    value = seen.signals.get(content["signal"])
    return None if value is None else _on_curve(content["curve"], value)


def _on_curve(curve: list[list[float]], value: float) -> float:
    if value <= curve[0][0]:
        return curve[0][1]
    for (left, high), (right, low) in pairwise(curve):
        if value <= right:
            return high + (low - high) * (value - left) / (right - left)
    return curve[-1][1]


def _lowest_cap(model: Mapping[str, Any], seen: Seen) -> tuple[str | None, float]:
    """Of those whose outcome this is; their conditions are all of the form `outcome in [a, b]`."""
    tripped: tuple[str | None, float] = (None, 100.0)
    for cap, content in model["caps"].items():
        outcomes = content["when"].removeprefix("outcome in [").removesuffix("]").split(", ")
        if seen.outcome in outcomes and content["at_most"] < tripped[1]:
            tripped = (cap, content["at_most"])
    return tripped
