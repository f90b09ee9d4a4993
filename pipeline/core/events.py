"""The event contract as types: one struct per event type, the operation, and the order they are read in.

Owns names and order of events; must not know how they travel (`stream/decode.py`) or what they mean for the score
(`signals.py`). What a single field may hold stands in `vocabulary.py`. JSON Schemas and AsyncAPI are generated from
here. A struct refuses fields it does not know: decoding takes that as the sign to drop them (and to count).
"""

from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Final, final

from msgspec import Struct, field

from pipeline.core import vocabulary
from pipeline.core.vocabulary import MAX_MILLISECONDS, EndedBy, OperationStatus, Outcome, RejectReason, TransferKind

__all__ = [
    "CHANNEL_TYPES", "EPOCH", "MAX_MILLISECONDS", "OPERATION_TYPE", "ORDER", "RANKS", "TYPES", "TYPE_PREFIX",
    "Arrived", "CallbackRequested", "Called", "ClientError", "Consulted", "Ended", "EndedBy", "Event", "FieldError",
    "Held", "HelpOpened", "InteractionEvent", "NoShow", "NotAnswered", "Offered", "Operation", "OperationStatus",
    "Outcome", "Parked", "Queued", "Recalled", "RejectReason", "Reopened", "Resumed", "Saved", "SelfServiceEntered",
    "SelfServiceLeft", "Served", "Step", "StepViewed", "SubmitAttempted", "SubmitRefused", "TransferKind",
    "Transferred", "Uploaded", "WrappedUp", "event_time", "milliseconds", "type_name",
]  # fmt: skip

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
TYPE_PREFIX: Final = "touchpoint."
OPERATION_TYPE: Final = "touchpoint.operation.v1"


@final
class Operation(Struct, kw_only=True, gc=False, omit_defaults=True, forbid_unknown_fields=True):
    """A backend system's work for one interaction. `time` is its start."""

    kind: ClassVar[str] = "operation"
    schema_version: ClassVar[str] = "1-0-0"
    interaction: vocabulary.InteractionId
    system: vocabulary.SystemName
    operation: vocabulary.OperationName
    time: vocabulary.Time
    seconds: vocabulary.Duration
    status: vocabulary.Status
    attempt: vocabulary.Attempt = None
    synthetic: vocabulary.Synthetic = False


class InteractionEvent(Struct, kw_only=True, gc=False, omit_defaults=True, forbid_unknown_fields=True):
    """Fields that every event between customer and organisation may carry."""

    kind: ClassVar[str] = ""
    schema_version: ClassVar[str] = "1-0-0"  # SchemaVer: raise ADDITION for a new optional field
    interaction: vocabulary.InteractionId
    touch_point: vocabulary.TouchPointName
    time: vocabulary.Time
    customer: vocabulary.CustomerId = None
    session: vocabulary.SessionId = None
    staff: vocabulary.StaffId = None
    team: vocabulary.TeamName = None
    task: vocabulary.TaskName = None
    segment: vocabulary.SegmentName = None
    priority: vocabulary.Priority = None
    appointment: vocabulary.Appointment = None
    synthetic: vocabulary.Synthetic = False
    continues: vocabulary.Continues = None
    attempt: vocabulary.Attempt = None


class Arrived(InteractionEvent):
    """The customer is here: took a ticket, the line picked up, the form opened."""

    kind = "arrived"
    ticket: vocabulary.Ticket = None
    service: vocabulary.Service = None


class SelfServiceEntered(InteractionEvent):
    """A voice unit or kiosk took over."""

    kind = "self_service_entered"


class SelfServiceLeft(InteractionEvent):
    """Self service ended; `contained`: it solved the matter."""

    kind = "self_service_left"
    contained: vocabulary.Contained = None


class Queued(InteractionEvent):
    """Waiting for a person begins; `estimated_wait` in seconds, as told to the customer."""

    kind = "queued"
    queue: vocabulary.QueueName = None
    estimated_wait: vocabulary.EstimatedWait = None


class Offered(InteractionEvent):
    """The interaction rings at a member of staff."""

    kind = "offered"


class NotAnswered(InteractionEvent):
    """Nobody took the offer."""

    kind = "not_answered"


class Called(InteractionEvent):
    """The ticket was called to a counter."""

    kind = "called"
    counter: vocabulary.Counter = None


class Recalled(InteractionEvent):
    """The ticket was called again."""

    kind = "recalled"
    counter: vocabulary.Counter = None


class NoShow(InteractionEvent):
    """Nobody came to the counter; ends the interaction with outcome `no_show`, until a `reopened` takes that back."""

    kind = "no_show"


class Served(InteractionEvent):
    """Service by a person begins."""

    kind = "served"
    counter: vocabulary.Counter = None


class Held(InteractionEvent):
    """The customer was put on hold."""

    kind = "held"


class Parked(InteractionEvent):
    """The ticket was set aside."""

    kind = "parked"


class Resumed(InteractionEvent):
    """Ends a hold or a parking."""

    kind = "resumed"


class Consulted(InteractionEvent):
    """Staff asked a colleague while the customer waited."""

    kind = "consulted"


class Transferred(InteractionEvent):
    """Handed to somebody else; counts at the touch-point of arrival."""

    kind = "transferred"
    to: vocabulary.TransferTarget = None
    transfer: vocabulary.Transfer = field(default=None, name="kind")


class CallbackRequested(InteractionEvent):
    """The customer asked to be called back."""

    kind = "callback_requested"


class Step(InteractionEvent):
    """One named step of the service took `seconds`."""

    kind = "step"
    name: vocabulary.StepName
    seconds: vocabulary.Duration
    ok: vocabulary.Succeeded


class StepViewed(InteractionEvent):
    """A page or section of a form came on screen."""

    kind = "step_viewed"
    step: vocabulary.Page = None


class FieldError(InteractionEvent):
    """A field was refused; never carries what was typed."""

    kind = "field_error"
    field: vocabulary.FieldName
    code: vocabulary.Code = None


class SubmitAttempted(InteractionEvent):
    """The customer pressed submit."""

    kind = "submit_attempted"


class SubmitRefused(InteractionEvent):
    """The form was not accepted."""

    kind = "submit_refused"
    code: vocabulary.Code = None


class HelpOpened(InteractionEvent):
    """The customer opened help."""

    kind = "help_opened"


class Uploaded(InteractionEvent):
    """A document arrived: `bytes` long, after `seconds`."""

    kind = "uploaded"
    bytes: vocabulary.Size
    seconds: vocabulary.Duration


class ClientError(InteractionEvent):
    """The customer's browser or app failed."""

    kind = "client_error"
    code: vocabulary.Code = None


class Saved(InteractionEvent):
    """Put aside by the customer; ends the interaction with outcome `saved`."""

    kind = "saved"


class Ended(InteractionEvent):
    """It is over: how, and by whom."""

    kind = "ended"
    outcome: vocabulary.EndOutcome
    by: vocabulary.EndActor = None


class Reopened(InteractionEvent):
    """Takes back an end."""

    kind = "reopened"


class WrappedUp(InteractionEvent):
    """Staff finished the paperwork; never customer time."""

    kind = "wrapped_up"


Event = InteractionEvent | Operation

# The position in this tuple is the type's rank: facts of equal time are read in this order.
ORDER: Final[tuple[type[Event], ...]] = (
    Arrived, StepViewed, SelfServiceEntered, SelfServiceLeft, Queued, Offered, NotAnswered, Called, Recalled,
    Served, Operation, Step, Held, Parked, Resumed, Consulted, Transferred, CallbackRequested, FieldError,
    HelpOpened, Uploaded, ClientError, SubmitAttempted, SubmitRefused, NoShow, Saved, Ended, Reopened,
    WrappedUp,
)  # fmt: skip
RANKS: Final[dict[type[Event], int]] = {event_type: rank for rank, event_type in enumerate(ORDER)}
TYPES: Final = {event_type.kind: event_type for event_type in ORDER if issubclass(event_type, InteractionEvent)}

CHANNEL_TYPES: Final[dict[str, frozenset[str]]] = {
    "branch": frozenset({
        "arrived", "called", "recalled", "no_show", "served", "parked", "resumed", "transferred", "step",
        "ended", "reopened", "wrapped_up",
    }),
    "call_center": frozenset({
        "arrived", "self_service_entered", "self_service_left", "queued", "offered", "not_answered", "served",
        "held", "resumed", "consulted", "transferred", "callback_requested", "step", "ended", "reopened",
        "wrapped_up",
    }),
    "online_form": frozenset({
        "arrived", "step_viewed", "field_error", "submit_attempted", "submit_refused", "help_opened",
        "uploaded", "client_error", "saved", "ended", "reopened",
    }),
}  # fmt: skip


def type_name(channel: str, kind: str) -> str:
    """The `ce_type` of an event: `touchpoint.<channel>.<kind>.v1`."""
    return f"{TYPE_PREFIX}{channel}.{kind}.v1"


def milliseconds(time: datetime) -> int:
    """Whole milliseconds since 1970 UTC, rounded down."""
    return (time - EPOCH) // timedelta(milliseconds=1)


def event_time(event: Event) -> int:
    """Event time in epoch milliseconds; decoded events already carry an int."""
    time: Any = event.time
    return time if type(time) is int else milliseconds(time)
