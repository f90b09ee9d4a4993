"""Microseconds of `derive` for two typical interactions: `python -m tests.bench.signals`.

The limits are the share of signals in the worker's budget per event; the best of many rounds is shown, since
other work on the machine only ever adds time.
"""

import timeit
from functools import partial
from typing import Final

from pipeline.core.events import (
    CHANNEL_TYPES,
    RANKS,
    Arrived,
    Ended,
    Event,
    Held,
    InteractionEvent,
    Operation,
    OperationStatus,
    Outcome,
    Queued,
    Resumed,
    SelfServiceEntered,
    SelfServiceLeft,
    Served,
    Transferred,
    event_time,
)
from pipeline.core.passage import Fact
from pipeline.core.signals import derive

LIMITS_MICROSECONDS: Final = {"call of 6 facts": 5.0, "mixed call of 10 facts": 9.0}
CALL: Final = CHANNEL_TYPES["call_center"]
START: Final = 1_700_000_000_000


def in_order(*events: Event) -> list[Fact]:
    """Facts as an interaction hands them over."""
    facts = [(event_time(event), RANKS[type(event)], f"bench\x1f{n}", event) for n, event in enumerate(events)]
    return sorted(facts, key=lambda fact: fact[:3])


def plain(kind: type[InteractionEvent], seconds: int) -> Event:
    """An event of a call without further fields."""
    return kind(interaction="call", touch_point="call_center/bank/line", time=START + 1000 * seconds)


def ended(seconds: int) -> Event:
    """The end of a completed call."""
    time = START + 1000 * seconds
    return Ended(interaction="call", touch_point="call_center/bank/line", time=time, outcome=Outcome.COMPLETED)


def identity(seconds: int) -> Event:
    """Four seconds of work by the identity platform."""
    time = START + 1000 * seconds
    return Operation(
        interaction="call", system="identity", operation="check", time=time, seconds=4.25, status=OperationStatus.OK
    )


FACTS: Final = {
    "call of 6 facts": in_order(
        plain(Arrived, 0),
        plain(SelfServiceEntered, 0),
        plain(SelfServiceLeft, 9),
        plain(Queued, 9),
        plain(Served, 70),
        ended(300),
    ),
    "mixed call of 10 facts": in_order(
        plain(Arrived, 0),
        plain(SelfServiceEntered, 0),
        plain(SelfServiceLeft, 9),
        plain(Queued, 9),
        plain(Served, 70),
        identity(75),
        plain(Held, 90),
        plain(Resumed, 120),
        plain(Transferred, 200),
        ended(300),
    ),
}


def measure(rounds: int = 30, calls: int = 2000) -> dict[str, float]:
    """Microseconds of one call of `derive`, by interaction."""
    best = {}
    for name, facts in FACTS.items():
        end = facts[-1][0]
        timer = timeit.Timer(partial(derive, facts, CALL, "queued", end, Outcome.COMPLETED))
        best[name] = min(timer.repeat(rounds, calls)) / calls * 1e6
    return best


if __name__ == "__main__":
    for name, microseconds in measure().items():
        print(f"{name}: {microseconds:.2f} µs (limit {LIMITS_MICROSECONDS[name]:.0f})")
