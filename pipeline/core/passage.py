"""What the facts of one interaction say when read in order: the input of scoring, the body of a row.

Owns the shape only; `signals.py` fills it, `scoring.py` reads it.
"""

from msgspec import Struct

from pipeline.core.events import Event, Outcome

# (epoch milliseconds, rank of the type from events.RANKS, event identity, event): facts are read in this order.
Fact = tuple[int, int, str, Event]


class Passage(Struct, frozen=True, gc=False, kw_only=True):
    """One customer's way through one touch-point. Times in epoch milliseconds, signals in their named unit.

    `served_at`: the first service, `ended_at`: None while open; both lie between `started_at` and the end.
    `signals` holds observed values only: a name that is missing is unknown, never zero.
    `operations` names every system that did work for the interaction, `system_seconds` how much of it fell inside
    service time.
    """

    started_at: int
    served_at: int | None
    ended_at: int | None
    outcome: Outcome | None
    queued: bool
    served: bool
    operations: frozenset[str]
    signals: dict[str, float]
    system_seconds: dict[str, float]
