"""Interactions told in a line: `story("0 arrived, 9 queued, 70 served, 300 ended")`, times in seconds."""

from collections.abc import Iterable
from typing import Final

from pipeline.core.events import (
    RANKS,
    TYPES,
    Ended,
    Event,
    FieldError,
    InteractionEvent,
    Operation,
    OperationStatus,
    Outcome,
    Step,
    Uploaded,
    event_time,
)
from pipeline.core.passage import Fact, Passage
from pipeline.core.signals import derive

START: Final = 1_700_000_000_000
END_KINDS: Final = frozenset({"ended", "saved", "no_show"})


def at(seconds: float) -> int:
    """Epoch milliseconds, so many seconds into the story."""
    return START + round(seconds * 1000)


def plain(kind: str, time: int) -> InteractionEvent:
    """An event of this kind with what it cannot do without."""
    common = {"interaction": "i", "touch_point": "t", "time": time}
    required: dict[type[InteractionEvent], dict[str, object]] = {
        Ended: {"outcome": Outcome.COMPLETED},
        FieldError: {"field": "iban"},
        Step: {"name": "identify", "seconds": 0.0, "ok": True},
        Uploaded: {"bytes": 1, "seconds": 0.0},
    }
    event_type = TYPES[kind]
    return event_type(**common, **required.get(event_type, {}))  # type: ignore[arg-type]  # checked by kind


def events(text: str) -> list[Event]:
    """The events of a story."""
    return [plain(kind, at(float(seconds))) for seconds, kind in (part.split() for part in text.split(",") if part)]


def operation(seconds: float, system: str, lasts: float, status: OperationStatus = OperationStatus.OK) -> Operation:
    """A backend system's work that begins so many seconds into the story."""
    return Operation(
        interaction="i", system=system, operation="check", time=at(seconds), seconds=lasts, status=status, attempt=7
    )


def in_order(found: Iterable[Event]) -> list[Fact]:
    """Facts as an interaction hands them over; the identity comes from the content, not from the arrival."""
    facts = [(event_time(event), RANKS[type(event)], repr(event), event) for event in found]
    return sorted(facts, key=lambda fact: fact[:3])


def read(  # noqa: PLR0913  # the parameters of `derive`, with the defaults of a story
    text: str,
    *more: Event,
    emits: str = "",
    waits_from: str = "queued",
    end: float | None = None,
    as_of: float | None = None,
    outcome: Outcome = Outcome.COMPLETED,
) -> Passage:
    """Derive a story; customer time ends at its last end event, else at its last event, unless `end` says so."""
    facts = in_order([*events(text), *more])
    ends = [time for time, _, _, event in facts if event.kind in END_KINDS]
    last = ends[-1] if ends else facts[-1][0]
    moment = as_of if as_of is not None else end
    return derive(
        facts,
        frozenset(emits.split()),
        waits_from,
        last if moment is None else at(moment),
        outcome if as_of is None else None,
        None if as_of is None else at(as_of),
    )
