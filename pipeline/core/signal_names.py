"""Every signal a model may name: unit, meaning, and the event type whose absence means zero.

Owns names only. `signals.py` derives the values, `model_check.py` refuses what is not listed here.
"""

from typing import Final

from msgspec import Struct


class Signal(Struct, frozen=True):
    """One name a model may use.

    `zero_without`: the event kind that the touch-point must emit for "none seen" to mean zero;
    empty when the value is either measured or unknown.
    """

    name: str
    unit: str
    meaning: str
    zero_without: str = ""


OUTCOME: Final = "outcome"

SIGNALS: Final[dict[str, Signal]] = {
    signal.name: signal
    for signal in (
        Signal("wait_seconds", "seconds", "waiting for a person, all queue stays, also when given up", "queued"),
        Signal("self_service_seconds", "seconds", "in the voice unit or at the kiosk", "self_service_entered"),
        Signal("service_seconds", "seconds", "with a person, holds and parking included", "served"),
        Signal("hold_seconds", "seconds", "on hold during service", "held"),
        Signal("parked_seconds", "seconds", "set aside after being called", "parked"),
        Signal("transfers", "count", "handed to somebody else", "transferred"),
        Signal("consults", "count", "staff asked a colleague while the customer waited", "consulted"),
        Signal("unanswered_offers", "count", "rang at staff who did not answer", "not_answered"),
        Signal("recalls", "count", "ticket called again", "recalled"),
        Signal("callbacks_requested", "count", "customer asked to be called back", "callback_requested"),
        Signal("failed_steps", "count", "steps of the service that did not succeed", "step"),
        Signal("step_seconds", "seconds", "all steps of the service together", "step"),
        Signal("field_errors", "count", "fields refused while filling in", "field_error"),
        Signal("submit_refusals", "count", "forms not accepted on submit", "submit_refused"),
        Signal("submit_attempts", "count", "presses of submit", "submit_attempted"),
        Signal("help_opens", "count", "openings of help", "help_opened"),
        Signal("client_errors", "count", "failures of browser or app", "client_error"),
        Signal("upload_seconds", "seconds", "all document uploads together", "uploaded"),
        Signal("form_seconds", "seconds", "from opening the form to its end"),
        Signal("attempt", "count", "the how-manieth try at the same matter, as the source says"),
        Signal(OUTCOME, "outcome", "how it ended; takes a value table instead of a curve"),
        Signal("line_length_at_arrival", "count", "customers in line on arrival, from conditions"),
        Signal("comfort_while_waiting", "ratio", "comfort of the waiting area, 0 to 1, from conditions"),
        Signal("refreshments_while_waiting", "ratio", "share of the wait with refreshments, from conditions"),
        Signal("counters_open_at_arrival", "count", "counters open on arrival, from conditions"),
    )
}

# `PREFIX.NAME`: NAME is a backend system; observed whenever that system did work for the interaction.
OPERATION_SIGNALS: Final[dict[str, Signal]] = {
    signal.name: signal
    for signal in (
        Signal("operation_seconds", "seconds", "work of one backend system, all operations together"),
        Signal(
            "system_latency_seconds", "seconds", "how long one backend system took while it served, from conditions"
        ),
        Signal("operation_failures", "count", "operations of one backend system that were not ok"),
    )
}

SIGNAL_NAMES: Final = frozenset(SIGNALS)


def find_signal(name: str) -> Signal | None:
    """The signal called `name`, `operation_seconds.identity` included, or None."""
    prefix, dot, system = name.partition(".")
    if dot:
        return OPERATION_SIGNALS.get(prefix) if system else None
    return SIGNALS.get(name)
