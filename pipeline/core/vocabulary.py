"""The closed sets and the fields of the contract: limits, units and meaning, each stated once.

Owns what a single value may be; must not know which event carries it (`events.py`, `side_events.py`).
"""

import enum
from datetime import datetime
from typing import Annotated, Final

from msgspec import Meta

MAX_MILLISECONDS: Final = 9_000_000_000_000

Identifier = Annotated[str, Meta(min_length=1, max_length=200)]
Name = Annotated[str, Meta(min_length=1, max_length=100)]
Text = Annotated[str, Meta(max_length=200)]
Seconds = Annotated[float, Meta(ge=0, le=10_000_000)]
Count = Annotated[int, Meta(ge=0, le=1_000_000_000_000)]
EpochMilliseconds = Annotated[int, Meta(ge=0, le=MAX_MILLISECONDS, description="Milliseconds since 1970-01-01 UTC.")]
ZonedTime = Annotated[datetime, Meta(tz=True, description="RFC 3339 with a zone.")]
Instant = EpochMilliseconds | ZonedTime


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


class Measure(enum.StrEnum):
    """Scale of a customer's answer: satisfaction 1 to 5, effort 1 to 7, recommendation 0 to 10."""

    CSAT_1_5 = "csat_1_5"
    CES_1_7 = "ces_1_7"
    NPS_0_10 = "nps_0_10"


# Every event
Time = Annotated[Instant, Meta(description="When it happened, by the source's clock.")]
InteractionId = Annotated[Identifier, Meta(description="The interaction: key of the record; never used again.")]
TouchPointName = Annotated[
    Identifier, Meta(description="Where: the touch-point the interaction arrived at.", examples=["branch/042/teller"])
]
CustomerId = Annotated[Text | None, Meta(description="Who; leaves the worker only as a pseudonym.")]
SessionId = Annotated[Text | None, Meta(description="Workstation or staff session.")]
StaffId = Annotated[Text | None, Meta(description="Member of staff; leaves the worker only as a pseudonym.")]
TeamName = Annotated[Text | None, Meta(description="Team that the staff belongs to.")]
TaskName = Annotated[Text | None, Meta(description="What the customer came for, as the source classifies it.")]
SegmentName = Annotated[Text | None, Meta(description="Customer segment.")]
Priority = Annotated[Text | None, Meta(description="Priority class, as the source names it.")]
Appointment = Annotated[bool | None, Meta(description="Whether the customer had an appointment.")]
Synthetic = Annotated[bool, Meta(description="True for probes: no customer was there.")]
Continues = Annotated[Identifier | None, Meta(description="Id of the earlier interaction that this one carries on.")]
Attempt = Annotated[Count | None, Meta(description="Which attempt this is, counted from 1.")]

# Single types
Ticket = Annotated[Text | None, Meta(description="Number on the ticket.")]
Service = Annotated[Text | None, Meta(description="Service chosen on arrival.")]
Contained = Annotated[bool | None, Meta(description="Whether self service solved the matter.")]
QueueName = Annotated[Text | None, Meta(description="The queue.")]
EstimatedWait = Annotated[Seconds | None, Meta(description="Wait told to the customer, in seconds.")]
Counter = Annotated[Text | None, Meta(description="The counter or desk.")]
TransferTarget = Annotated[Text | None, Meta(description="Who or what receives it.")]
Transfer = Annotated[TransferKind | None, Meta(description="How it was handed over.")]
StepName = Annotated[Name, Meta(description="The step of the service.")]
Page = Annotated[Name | None, Meta(description="Page or section of the form.")]
Duration = Annotated[Seconds, Meta(description="How long it took, in seconds.")]
Succeeded = Annotated[bool, Meta(description="Whether it succeeded.")]
FieldName = Annotated[Name, Meta(description="Name of the form field; never what was typed.")]
Code = Annotated[Text | None, Meta(description="Error code; never what was typed.")]
Size = Annotated[Count, Meta(description="Size in bytes.")]
EndOutcome = Annotated[Outcome, Meta(description="How it ended.")]
EndActor = Annotated[EndedBy | None, Meta(description="Who ended it.")]
SystemName = Annotated[Name, Meta(description="The backend system.", examples=["identity"])]
OperationName = Annotated[Name, Meta(description="What it did.", examples=["verify"])]
Status = Annotated[OperationStatus, Meta(description="How the work ended.")]

# Beside the log
Subject = Annotated[
    Identifier,
    Meta(description="What it is about.", examples=["branch/042", "system/identity", "call_center/retail"]),
]
ConditionKind = Annotated[
    Name,
    Meta(
        description="Which state.",
        examples=["line_length", "comfort", "refreshments", "counters_open", "degraded", "latency_seconds"],
    ),
]
ConditionValue = Annotated[
    float, Meta(ge=-1e15, le=1e15, description="Value in the unit of its kind; 1 and 0 for yes and no.")
]
ValidFor = Annotated[Seconds | None, Meta(description="Seconds it holds at most, if its kind is not trusted for less.")]
MeasureName = Annotated[Measure, Meta(description="Scale of the answer.")]
Answer = Annotated[float, Meta(ge=0, le=10, description="The answer on the scale of its measure.")]
AnsweredInteraction = Annotated[Identifier, Meta(description="The interaction that the customer answers for.")]
FollowedInteraction = Annotated[Identifier | None, Meta(description="The interaction it followed, if known.")]
OutcomeKind = Annotated[Name, Meta(description="What became of the customer.", examples=["complained", "left"])]
OutcomeValue = Annotated[
    Annotated[float, Meta(ge=-1e15, le=1e15)] | None, Meta(description="Amount or count in the unit of its kind.")
]
