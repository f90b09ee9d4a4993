"""The event contract as types: one struct per event type, the operation, and the closed sets they draw from.

Owns names, units and order of events; must not know how they travel (`stream/decode.py`) or what
they mean for the score (`signals.py`). JSON Schemas and AsyncAPI are generated from here.
"""

import enum
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, ClassVar, Final

from msgspec import Meta, Struct, field

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
TYPE_PREFIX: Final = "touchpoint."
OPERATION_TYPE: Final = "touchpoint.operation.v1"
MAX_MILLISECONDS: Final = 9_000_000_000_000

Identifier = Annotated[str, Meta(min_length=1, max_length=200)]
Name = Annotated[str, Meta(min_length=1, max_length=100)]
Text = Annotated[str, Meta(max_length=200)]
Seconds = Annotated[float, Meta(ge=0, le=10_000_000)]
Count = Annotated[int, Meta(ge=0, le=1_000_000_000_000)]
EpochMilliseconds = Annotated[int, Meta(ge=0, le=MAX_MILLISECONDS, description="milliseconds since 1970-01-01 UTC")]
ZonedTime = Annotated[datetime, Meta(tz=True, description="RFC 3339 with a zone")]
Time = EpochMilliseconds | ZonedTime


class Outcome(enum.StrEnum):
    """How an interaction ended; `timed_out` is set by the worker when nobody said."""

    COMPLETED = "completed"
    SUBMITTED = "submitted"
    ABANDONED = "abandoned"
    NO_SHOW = "no_show"
    FAILED = "failed"
    REFUSED = "refused"
    SAVED = "saved"
    CALLED_BACK = "called_back"
    TIMED_OUT = "timed_out"


class EndedBy(enum.StrEnum):
    """Who ended the interaction."""

    CUSTOMER = "customer"
    STAFF = "staff"
    SYSTEM = "system"


class TransferKind(enum.StrEnum):
    """`blind`: handed over without a word; `warm`: introduced."""

    BLIND = "blind"
    WARM = "warm"


class OperationStatus(enum.StrEnum):
    """How a backend system's work ended."""

    OK = "ok"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    REFUSED = "refused"


class RejectReason(enum.StrEnum):
    """Why a record could not be used. Closed: tables, metrics and docs list exactly these."""

    MALFORMED = "malformed"
    SCHEMA = "schema"
    UNKNOWN_TYPE = "unknown_type"
    UNKNOWN_TOUCH_POINT = "unknown_touch_point"
    BAD_TIME = "bad_time"
    TOO_LARGE = "too_large"
    MISPLACED = "misplaced"
    LATE = "late"
    ORPHAN = "orphan"
    CONFLICT = "conflict"
    ROW_REFUSED = "row_refused"


class Operation(Struct, kw_only=True, gc=False, omit_defaults=True):
    """A backend system's work for one interaction. `time` is its start."""

    kind: ClassVar[str] = "operation"
    interaction: Identifier
    system: Name
    operation: Name
    time: Time
    seconds: Seconds
    status: OperationStatus
    attempt: Count | None = None
    synthetic: bool = False


class InteractionEvent(Struct, kw_only=True, gc=False, omit_defaults=True):
    """Fields that every event between customer and organisation may carry."""

    kind: ClassVar[str] = ""
    interaction: Identifier
    touch_point: Identifier
    time: Time
    customer: Text | None = None
    session: Text | None = None
    staff: Text | None = None
    team: Text | None = None
    task: Text | None = None
    segment: Text | None = None
    priority: Text | None = None
    appointment: bool | None = None
    synthetic: bool = False
    continues: Identifier | None = None
    attempt: Count | None = None


class Arrived(InteractionEvent):
    """The customer is here: took a ticket, the line picked up, the form opened."""

    kind = "arrived"
    ticket: Text | None = None
    service: Text | None = None


class SelfServiceEntered(InteractionEvent):
    """A voice unit or kiosk took over."""

    kind = "self_service_entered"


class SelfServiceLeft(InteractionEvent):
    """Self service ended; `contained`: it solved the matter."""

    kind = "self_service_left"
    contained: bool | None = None


class Queued(InteractionEvent):
    """Waiting for a person begins; `estimated_wait` in seconds, as told to the customer."""

    kind = "queued"
    queue: Text | None = None
    estimated_wait: Seconds | None = None


class Offered(InteractionEvent):
    """The interaction rings at a member of staff."""

    kind = "offered"


class NotAnswered(InteractionEvent):
    """Nobody took the offer."""

    kind = "not_answered"


class Called(InteractionEvent):
    """The ticket was called to a counter."""

    kind = "called"
    counter: Text | None = None


class Recalled(InteractionEvent):
    """The ticket was called again."""

    kind = "recalled"
    counter: Text | None = None


class NoShow(InteractionEvent):
    """Nobody came to the counter; ends the interaction with outcome `no_show`."""

    kind = "no_show"


class Served(InteractionEvent):
    """Service by a person begins."""

    kind = "served"
    counter: Text | None = None


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
    to: Text | None = None
    transfer: TransferKind | None = field(default=None, name="kind")


class CallbackRequested(InteractionEvent):
    """The customer asked to be called back."""

    kind = "callback_requested"


class Step(InteractionEvent):
    """One named step of the service took `seconds`."""

    kind = "step"
    name: Name
    seconds: Seconds
    ok: bool


class StepViewed(InteractionEvent):
    """A page or section of a form came on screen."""

    kind = "step_viewed"
    step: Name | None = None


class FieldError(InteractionEvent):
    """A field was refused; never carries what was typed."""

    kind = "field_error"
    field: Name
    code: Text | None = None


class SubmitAttempted(InteractionEvent):
    """The customer pressed submit."""

    kind = "submit_attempted"


class SubmitRefused(InteractionEvent):
    """The form was not accepted."""

    kind = "submit_refused"
    code: Text | None = None


class HelpOpened(InteractionEvent):
    """The customer opened help."""

    kind = "help_opened"


class Uploaded(InteractionEvent):
    """A document arrived: `bytes` long, after `seconds`."""

    kind = "uploaded"
    bytes: Count
    seconds: Seconds


class ClientError(InteractionEvent):
    """The customer's browser or app failed."""

    kind = "client_error"
    code: Text | None = None


class Saved(InteractionEvent):
    """Put aside by the customer; ends the interaction with outcome `saved`."""

    kind = "saved"


class Ended(InteractionEvent):
    """It is over: how, and by whom."""

    kind = "ended"
    outcome: Outcome
    by: EndedBy | None = None


class Reopened(InteractionEvent):
    """Takes back an end."""

    kind = "reopened"


class WrappedUp(InteractionEvent):
    """Staff finished the paperwork; never customer time."""

    kind = "wrapped_up"


Event = InteractionEvent | Operation

# The position in this tuple is the type's rank: facts of equal time are read in this order.
ORDER: Final[tuple[type[Event], ...]] = (
    Arrived,
    StepViewed,
    SelfServiceEntered,
    SelfServiceLeft,
    Queued,
    Offered,
    NotAnswered,
    Called,
    Recalled,
    Served,
    Operation,
    Step,
    Held,
    Parked,
    Resumed,
    Consulted,
    Transferred,
    CallbackRequested,
    FieldError,
    HelpOpened,
    Uploaded,
    ClientError,
    SubmitAttempted,
    SubmitRefused,
    NoShow,
    Saved,
    Ended,
    Reopened,
    WrappedUp,
)
RANKS: Final[dict[type[Event], int]] = {event_type: rank for rank, event_type in enumerate(ORDER)}
TYPES: Final[dict[str, type[InteractionEvent]]] = {
    event_type.kind: event_type for event_type in ORDER if issubclass(event_type, InteractionEvent)
}

CHANNEL_TYPES: Final[dict[str, frozenset[str]]] = {
    "branch": frozenset(
        "arrived called recalled no_show served parked resumed transferred step ended reopened wrapped_up".split()
    ),
    "call_center": frozenset(
        "arrived self_service_entered self_service_left queued offered not_answered served held resumed consulted"
        " transferred callback_requested step ended reopened wrapped_up".split()
    ),
    "online_form": frozenset(
        "arrived step_viewed field_error submit_attempted submit_refused help_opened uploaded client_error saved"
        " ended reopened".split()
    ),
}


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
