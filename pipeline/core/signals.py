"""From facts in order to signals: the one reading of an interaction that scoring and rows share.

Owns what each event means for a signal; must not know curves, weights or how facts were collected. Durations are
summed as whole milliseconds and become seconds at the very end, so that no order of arrival can change a float.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Final, cast

from pipeline.core.events import (
    ORDER,
    RANKS,
    Arrived,
    CallbackRequested,
    ClientError,
    Consulted,
    Event,
    FieldError,
    HelpOpened,
    NotAnswered,
    Operation,
    OperationStatus,
    Outcome,
    Queued,
    Recalled,
    Served,
    Step,
    SubmitAttempted,
    SubmitRefused,
    Transferred,
    Uploaded,
    WrappedUp,
)
from pipeline.core.passage import Fact, Passage
from pipeline.core.signal_names import SIGNALS
from pipeline.core.stays import FIRST_STAY, WAIT, Stay

Signals = dict[str, float]
Spent = dict[str, int]
Work = tuple[int, Operation]  # the start, at most the end of customer time

NO_SYSTEMS: Final[frozenset[str]] = frozenset()
ARRIVED: Final = RANKS[Arrived]
OPERATION: Final = RANKS[Operation]
OK: Final = OperationStatus.OK
TIMED_OUT: Final = Outcome.TIMED_OUT
WRAPPED_UP: Final = RANKS[WrappedUp]


def derive(  # noqa: PLR0913, PLR0917  # one call in one place, all of it decides
    facts: Sequence[Fact],
    emits: frozenset[str],
    waits_from: str,
    end: int,
    outcome: Outcome | None,
    as_of: int | None = None,
) -> Passage:
    """Read the facts of one interaction, sorted by (time, rank, key).

    `emits`: event kinds whose absence means zero; pass the empty set when the beginning was not read.
    `waits_from`: `queued`, `arrived`, or empty where nobody waits. `end`: when customer time ended, in epoch
    milliseconds; an event after it counts as at the end, an `ended` before it was superseded or taken back and ends
    nothing. `as_of`: set for an interaction still open; facts later than `end` are then ignored. How long something
    lasted that still ran at a time-out is unknown.
    """
    if as_of is not None:
        facts = [fact for fact in facts if fact[0] <= end]
    reading = Reading(zero_signals(emits).copy())
    running = reading.walk(facts, FIRST_STAY[waits_from], end)
    signals, spent, served_at = reading.signals, reading.spent, reading.served_at
    queued = WAIT in spent
    if served_at is not None:
        signals["service_seconds"] = (end - served_at) / 1000
        if not queued and would_have_waited(facts, emits, waits_from):
            signals[WAIT] = 0.0
    for name, milliseconds in spent.items():
        signals[name] = milliseconds / 1000
    if outcome is TIMED_OUT:
        signals.pop(running, None)
        signals.pop("service_seconds", None)
    systems = NO_SYSTEMS
    system_seconds: dict[str, float] = {}
    if reading.operations:
        systems, system_seconds = add_operations(signals, reading.operations, served_at, end)
    return Passage(
        started_at=start_of_customer_time(facts, end),
        served_at=served_at,
        ended_at=end if as_of is None else None,
        outcome=outcome,
        queued=queued,
        served=served_at is not None,
        operations=systems,
        signals=signals,
        system_seconds=system_seconds,
    )


class Reading:
    """What has been read so far: signals in their unit, time `spent` in milliseconds by signal, operations by start."""

    __slots__ = ("operations", "served_at", "signals", "spent")

    def __init__(self, signals: Signals) -> None:
        self.signals = signals
        self.spent: Spent = {}
        self.operations: list[Work] = []
        self.served_at: int | None = None

    def walk(self, facts: Iterable[Fact], stay: Stay, end: int) -> str:
        """Follow the customer from `stay` to `end`, note what happens on the way; the signal that counts to the end."""
        spent, operations = self.spent, self.operations
        since = end
        for fact_time, rank, _, event in facts:
            time = fact_time if fact_time < end else end
            if rank == OPERATION:  # summed when the span of the service is known
                operations.append((time, event))  # type: ignore[arg-type]  # of its rank there are no others
                continue
            after = stay.after[rank]
            if after is not stay:
                if stay.clock:
                    spent[stay.clock] = spent.get(stay.clock, 0) + time - since
                stay, since = after, time
            note = NOTES[rank]
            if note is not None:
                note(self, time, event)
            if event.attempt is not None:
                self.signals["attempt"] = float(event.attempt)
        if stay.clock:
            spent[stay.clock] = spent.get(stay.clock, 0) + end - since
        return stay.clock


@lru_cache(maxsize=1024)
def zero_signals(emits: frozenset[str]) -> Signals:
    """What is zero until an event says otherwise, given the kinds that the source really sends; not to be changed.

    Not the wait: somebody who was never served may have left before any queue.
    """
    return {name: 0.0 for name, signal in SIGNALS.items() if signal.zero_without in emits and name != WAIT}


def would_have_waited(facts: Iterable[Fact], emits: frozenset[str], waits_from: str) -> bool:
    """Whether somebody served without a wait is known to have had none, rather than one that nobody reported."""
    if waits_from == Queued.kind:
        return Queued.kind in emits
    return bool(waits_from) and any(rank == ARRIVED for _, rank, _, _ in facts)


def start_of_customer_time(facts: Iterable[Fact], end: int) -> int:
    """Time of the first event between customer and organisation, at most `end`."""
    for time, rank, _, _ in facts:
        if rank not in (OPERATION, WRAPPED_UP):
            return time if time < end else end
    return end


def add_operations(
    signals: Signals, operations: Iterable[Work], start: int | None, end: int
) -> tuple[frozenset[str], dict[str, float]]:
    """Add seconds and failures of each backend system to `signals`.

    Returns the systems, and the seconds of each between `start` and `end`: parallel operations add up, no start means
    none.
    """
    sums: dict[str, list[int]] = {}  # of each system: milliseconds, failures, milliseconds between start and end
    for time, operation in operations:
        system = operation.system
        milliseconds = round(operation.seconds * 1000)  # `whole_milliseconds`, inline: tests/bench
        known = sums.get(system)
        if known is None:
            known = sums[system] = [0, 0, 0]
        known[0] += milliseconds
        if operation.status is not OK:
            known[1] += 1
        if start is not None:
            until = time + milliseconds
            overlap = (until if until < end else end) - (time if time > start else start)
            if overlap > 0:
                known[2] += overlap
    inside: dict[str, float] = {}
    for system, (milliseconds, failures, overlap) in sums.items():
        signals[f"operation_seconds.{system}"] = milliseconds / 1000
        signals[f"operation_failures.{system}"] = float(failures)
        if overlap:
            inside[system] = overlap / 1000
    return frozenset(sums), inside


def whole_milliseconds(seconds: float) -> int:
    """Nearest whole milliseconds."""
    return round(seconds * 1000)


# What an event adds besides moving the customer. Times are event times, at most the end.
Note = Callable[[Reading, int, Event], None]


def counts(name: str) -> Note:
    """The note of a type whose every event adds one to the signal `name`."""

    def count(reading: Reading, _: int, __: Event) -> None:
        reading.signals[name] = reading.signals.get(name, 0.0) + 1.0

    return count


def begin_service(reading: Reading, time: int, _: Event) -> None:
    """Only the first `served` begins service; later ones follow a transfer."""
    if reading.served_at is None:
        reading.served_at = time


def add_step(reading: Reading, _: int, event: Event) -> None:
    """A step's seconds, and whether it failed."""
    step = cast("Step", event)
    reading.spent["step_seconds"] = reading.spent.get("step_seconds", 0) + whole_milliseconds(step.seconds)
    reading.signals["failed_steps"] = reading.signals.get("failed_steps", 0.0) + (not step.ok)


def add_upload(reading: Reading, _: int, event: Event) -> None:
    """An upload's seconds."""
    milliseconds = whole_milliseconds(cast("Uploaded", event).seconds)
    reading.spent["upload_seconds"] = reading.spent.get("upload_seconds", 0) + milliseconds


NOTES_BY_TYPE: Final[dict[type[Event], Note]] = {
    Served: begin_service,
    Step: add_step,
    Uploaded: add_upload,
    Transferred: counts("transfers"),
    Consulted: counts("consults"),
    NotAnswered: counts("unanswered_offers"),
    Recalled: counts("recalls"),
    CallbackRequested: counts("callbacks_requested"),
    FieldError: counts("field_errors"),
    SubmitRefused: counts("submit_refusals"),
    SubmitAttempted: counts("submit_attempts"),
    HelpOpened: counts("help_opens"),
    ClientError: counts("client_errors"),
}
NOTES: Final = tuple(NOTES_BY_TYPE.get(event_type) for event_type in ORDER)
