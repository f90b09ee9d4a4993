"""Random worlds for the promise: a log with disorder, duplicates, re-sent and headless interactions, and conditions.

`runs.py` goes through them. Time is in minutes where a name says so, else in epoch milliseconds. Everything follows
from one seed.
"""

import random
from collections.abc import Iterable

from msgspec import Struct

from pipeline.core.conditions import ConditionRecord
from pipeline.core.events import Arrived, Ended, Event, Operation, OperationStatus, Outcome, Reopened, Step

MINUTE = 60_000
HOUR = 60 * MINUTE
SUBJECTS = (
    ("branch/1", "line_length"),
    ("call_center/a", "line_length"),
    ("system/identity", "degraded"),
    ("system/identity", "latency_seconds"),
)
TOUCH_POINTS = ("branch/1/teller", "call_center/a/line")


class Sent(Struct):
    """A record before it has its offset; `body` tells apart two contents under one event id."""

    interaction: int
    time: int
    stamp: int
    kind: str
    key: str
    body: int = 0


def make_log(seed: int, interactions: int = 30, span: int = 16 * HOUR) -> list[Sent]:
    """A log in order of its Kafka time stamps."""
    rng = random.Random(seed)
    sent: list[Sent] = []
    for number in range(interactions):
        own = list(send_late(rng, number, live(rng, rng.randrange(span))))
        for record in own:
            sent.extend(with_copies(rng, record))
        if own and rng.random() < 0.08:
            sent.extend(resend(rng, own))
    return sorted(sent, key=lambda record: record.stamp)


def make_conditions(seed: int, span: int = 18 * HOUR) -> list[ConditionRecord]:
    """What was reported meanwhile: line lengths and a system that degrades, some of it late; in order of stamps."""
    rng = random.Random(seed)
    samples = []
    for subject, kind in SUBJECTS:
        time = 0
        while time < span:
            time += rng.randrange(3, 40) * MINUTE
            late = rng.randrange(5000) if rng.random() < 0.8 else rng.randrange(1, 60) * MINUTE
            samples.append((time + late, subject, kind, time, float(rng.randrange(4))))
    samples.sort()
    return [
        ConditionRecord(offset, stamp, subject, kind, time, value)
        for offset, (stamp, subject, kind, time, value) in enumerate(samples)
    ]


def live(rng: random.Random, start: int) -> list[tuple[int, str]]:
    """One life: (time, kind), as it happened."""
    length = rng.randrange(60, 420) * MINUTE if rng.random() < 0.08 else rng.randrange(2, 25) * MINUTE
    steps = rng.randrange(1, 4) if length < HOUR else length // (20 * MINUTE)
    life = [(start, "arrived")]
    life += [(start + length * (step + 1) // (steps + 2), "step") for step in range(steps)]
    if rng.random() < 0.85:
        life.append((start + length, "ended"))
    if rng.random() < 0.06:
        life.append((start + length + 3 * MINUTE, "reopened"))
        life += [(start + length + 9 * MINUTE, "ended")] * (rng.random() < 0.6)
    life += [(start + rng.randrange(length + 1), "operation") for _ in range(rng.randrange(3))]
    life += [(start - rng.randrange(1, 6) * MINUTE, "operation")] * (rng.random() < 0.2)
    life += [(start + length + rng.randrange(1, 20) * MINUTE, "operation")] * (rng.random() < 0.2)
    if rng.random() < 0.04:
        life = [moment for moment in life if moment[1] != "arrived"]
    if rng.random() < 0.04:
        life = [moment for moment in life if moment[1] == "operation"]
    return life


def send_late(rng: random.Random, number: int, life: list[tuple[int, str]]) -> Iterable[Sent]:
    """Each moment becomes a record: at once, delayed, or with all others when its source is back online."""
    offline_until = max((time for time, _ in life), default=0) + rng.randrange(120) * MINUTE
    offline = rng.random() < 0.1
    for index, (time, kind) in enumerate(life):
        delay = int(rng.expovariate(1 / (3 * MINUTE))) if rng.random() < 0.3 else rng.randrange(2000)
        if offline:
            delay = max(0, offline_until - time) + index * 10
        elif rng.random() < 0.02:
            delay = rng.randrange(20, 360) * MINUTE
        skewed = time + rng.randrange(240_000) if rng.random() < 0.03 else time
        yield Sent(number, max(skewed, 0), max(time + delay, 0), kind, f"{number}.{index}")


def with_copies(rng: random.Random, record: Sent) -> Iterable[Sent]:
    """The record, sometimes a duplicate, a conflict, or something undecodable beside it."""
    yield record
    if rng.random() < 0.08:
        later = rng.randrange(1, 10 * MINUTE) if rng.random() < 0.6 else rng.randrange(4 * HOUR)
        yield Sent(record.interaction, record.time, record.stamp + later, record.kind, record.key)
    if rng.random() < 0.02:
        later = rng.randrange(1, HOUR)
        yield Sent(record.interaction, record.time, record.stamp + later, record.kind, record.key, body=1)
    if rng.random() < 0.02:
        yield Sent(record.interaction, record.time, record.stamp, "garbage", record.key)


def resend(rng: random.Random, own: list[Sent]) -> Iterable[Sent]:
    """All or half of an interaction once more, hours later, perhaps shuffled."""
    at = max(record.stamp for record in own) + rng.randrange(10, 480) * MINUTE
    again = own[:]
    if rng.random() < 0.5:
        rng.shuffle(again)
    if rng.random() < 0.4:
        again = again[: max(1, len(again) // 2)]
    for index, record in enumerate(again):
        yield Sent(record.interaction, record.time, at + index * 5000, record.kind, record.key)


def as_event(record: Sent, name: str) -> Event:
    """The decoded event of a record."""
    touch_point = TOUCH_POINTS[record.interaction % 2]
    if record.kind == "operation":
        return Operation(
            interaction=name,
            system="identity",
            operation="check",
            time=record.time,
            seconds=1.5,
            status=OperationStatus.OK,
        )
    if record.kind == "ended":
        outcome = Outcome.ABANDONED if record.body else Outcome.COMPLETED
        return Ended(interaction=name, touch_point=touch_point, time=record.time, outcome=outcome)
    if record.kind == "step":
        return Step(interaction=name, touch_point=touch_point, time=record.time, name="form", seconds=2, ok=True)
    kinds: dict[str, type[Arrived | Reopened]] = {"arrived": Arrived, "reopened": Reopened}
    return kinds[record.kind](interaction=name, touch_point=touch_point, time=record.time)
