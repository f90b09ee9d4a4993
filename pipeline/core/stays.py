"""Where the customer is, moment by moment: one place at a time, each event type moves them or leaves them there.

Owns the places and the moves between them, as a table that `signals.py` walks; must not know signals that are
counted. One place at a time means that no second is billed twice: a hold or a parking interrupts a wait.
"""

from typing import Final

from pipeline.core.events import (
    ORDER,
    RANKS,
    Arrived,
    Held,
    Parked,
    Queued,
    Resumed,
    SelfServiceEntered,
    SelfServiceLeft,
    Served,
    Transferred,
)

WAIT: Final = "wait_seconds"
SELF_SERVICE: Final = "self_service_seconds"
HOLD: Final = "hold_seconds"
PARKED: Final = "parked_seconds"
FORM: Final = "form_seconds"


class Stay:
    """A place. `clock` names the signal that counts the time spent there, empty if none does.

    `after[rank]` is the place after an event of that rank; mostly this one.
    """

    __slots__ = ("after", "clock")

    def __init__(self, clock: str = "") -> None:
        self.clock = clock
        self.after: list[Stay] = [self] * len(ORDER)


def first_stay(waits_from: str) -> Stay:
    """The place before the first event, for a channel whose wait begins at `waits_from` (empty: nobody waits)."""
    elsewhere, attended, waiting = Stay(), Stay(), Stay(WAIT)
    self_service, form = Stay(SELF_SERVICE), Stay(FORM)
    pauses = {(clock, base): Stay(clock) for clock in (HOLD, PARKED) for base in (attended, waiting)}
    bases = {waiting: waiting} | {pause: base for (_, base), pause in pauses.items()}

    for stay in (elsewhere, attended, waiting, self_service, form, *pauses.values()):
        base = bases.get(stay, attended)
        stay.after[RANKS[SelfServiceEntered]] = self_service
        stay.after[RANKS[Served]] = attended
        stay.after[RANKS[Held]] = pauses[HOLD, base]
        stay.after[RANKS[Parked]] = pauses[PARKED, base]
        if waits_from:
            stay.after[RANKS[Queued]] = waiting
    for pause in pauses.values():
        # Whom a colleague has taken over is no longer on hold at the first.
        pause.after[RANKS[Resumed]] = pause.after[RANKS[Transferred]] = bases[pause]
    # Arriving and leaving self service move only who is still there: skewed clocks must not undo a later place.
    self_service.after[RANKS[SelfServiceLeft]] = elsewhere
    if waits_from != Queued.kind:
        elsewhere.after[RANKS[Arrived]] = waiting if waits_from else form
    return elsewhere


FIRST_STAY: Final = {waits_from: first_stay(waits_from) for waits_from in (Queued.kind, Arrived.kind, "")}
