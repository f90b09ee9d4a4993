"""The conditions a model may write: `always`, `queued`, `served`, `operation.NAME`, `outcome in [a, b]`, `SIGNAL > N`.

Owns the grammar and what each says about a passage; `applies_when` of elements and `when` of caps share it.
"""

import math
import re
from typing import Final

from msgspec import Struct

from pipeline.core.events import Outcome
from pipeline.core.passage import Passage
from pipeline.core.signal_names import OUTCOME, find_signal

APPLIES_WHEN_FORMS: Final = ("always", "queued", "served", "operation.NAME", "outcome in [OUTCOME, ...]")
CAP_FORMS: Final = (*APPLIES_WHEN_FORMS, "SIGNAL > NUMBER")
NOBODY_SAID: Final = (None, Outcome.TIMED_OUT)

_OPERATION: Final = re.compile(r"operation\.([a-z][a-z0-9_]*)")
_OUTCOME_IN: Final = re.compile(r"outcome\s+in\s+\[([^\]]*)\]")
_EXCEEDS: Final = re.compile(r"([a-z][a-z0-9_.]*)\s*>\s*(\S+)")


class Always(Struct, frozen=True):
    """Holds for every passage."""


class Queued(Struct, frozen=True):
    """The customer stood in a queue."""


class Served(Struct, frozen=True):
    """A person served the customer."""


class OperationSeen(Struct, frozen=True):
    """The named backend system worked for the interaction."""

    system: str


class OutcomeIn(Struct, frozen=True):
    """It ended in one of these ways.

    Unknown while it has not ended, and when it timed out: nobody said how. Unless `timed_out` itself is listed.
    """

    outcomes: frozenset[Outcome]


class Exceeds(Struct, frozen=True):
    """A signal is greater than a number; unknown when the signal is."""

    signal: str
    threshold: float


Predicate = Always | Queued | Served | OperationSeen | OutcomeIn | Exceeds
_WORDS: Final[dict[str, Predicate]] = {"always": Always(), "queued": Queued(), "served": Served()}


def holds(predicate: Predicate, passage: Passage) -> bool | None:
    """Whether a passage meets the condition; None when that is not known."""
    match predicate:
        case Always():
            return True
        case Queued():
            return passage.queued
        case Served():
            return passage.served
        case OperationSeen(system):
            return system in passage.operations
        case OutcomeIn(outcomes):
            return True if passage.outcome in outcomes else None if passage.outcome in NOBODY_SAID else False
        case Exceeds(signal, threshold):
            value = passage.signals.get(signal)
            return None if value is None else value > threshold


def write_predicate(predicate: Predicate) -> str:
    """The one spelling of a condition, as fingerprints and `explain` use it."""
    match predicate:
        case OperationSeen(system):
            return f"operation.{system}"
        case OutcomeIn(outcomes):
            return f"outcome in [{', '.join(sorted(outcomes))}]"
        case Exceeds(signal, threshold):
            return f"{signal} > {threshold!r}"
        case _:
            return type(predicate).__name__.lower()


def parse_predicate(text: str) -> Predicate:
    """Read a condition; ValueError with a sentence for the author of the model."""
    text = text.strip()
    if text in _WORDS:
        return _WORDS[text]
    if found := _OPERATION.fullmatch(text):
        return OperationSeen(found[1])
    if found := _OUTCOME_IN.fullmatch(text):
        return OutcomeIn(_parse_outcomes(found[1]))
    if found := _EXCEEDS.fullmatch(text):
        return Exceeds(_parse_signal(found[1]), _parse_number(found[2]))
    message = f"{text!r} is no condition"
    raise ValueError(message)


def _parse_outcomes(listed: str) -> frozenset[Outcome]:
    names = [name.strip() for name in listed.split(",") if name.strip()]
    unknown = [name for name in names if name not in set(Outcome)]
    if not names or unknown:
        what = f"unknown outcome {', '.join(map(repr, unknown))}" if unknown else "no outcome listed"
        message = f"{what}; outcomes: {', '.join(Outcome)}"
        raise ValueError(message)
    return frozenset(map(Outcome, names))


def _parse_signal(name: str) -> str:
    if name == OUTCOME or find_signal(name) is None:
        message = f"{name!r} is no signal that can be compared"
        raise ValueError(message)
    return name


def _parse_number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        message = f"{text!r} is no number"
        raise ValueError(message)
    return number
