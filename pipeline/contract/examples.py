"""One example of every event, shown in schemas and AsyncAPI and tried by the tests. All invented."""

from typing import Any, Final

from pipeline.core import events
from pipeline.core.events import CHANNEL_TYPES, TYPES, Event, InteractionEvent, Operation
from pipeline.core.side_events import Condition, CustomerOutcome, Feedback, SideEvent
from pipeline.core.vocabulary import EndedBy, Measure, OperationStatus, Outcome, TransferKind

TIME: Final = 1_741_078_800_000
PLACES: Final = {
    "branch": ("20250304-042-A117", "branch/042/teller"),
    "call_center": ("call-7f3a91", "call_center/retail/line"),
    "online_form": ("form-c05e", "online_form/health_claim"),
}
# Beyond the fields that every event has.
OWN_FIELDS: Final[dict[type[InteractionEvent], dict[str, Any]]] = {
    events.Arrived: {"ticket": "A117", "service": "cash", "customer": "c-1029", "appointment": True},
    events.SelfServiceLeft: {"contained": False},
    events.Queued: {"queue": "retail", "estimated_wait": 240.0, "segment": "private", "priority": "2"},
    events.Called: {"counter": "3"},
    events.Recalled: {"counter": "3"},
    events.Served: {"counter": "3", "staff": "s-17", "team": "retail-1", "session": "ws-0042-3"},
    events.Transferred: {"to": "mortgages", "transfer": TransferKind.WARM},
    events.Step: {"name": "identify", "seconds": 41.5, "ok": True},
    events.StepViewed: {"step": "treatment"},
    events.FieldError: {"field": "iban", "code": "checksum"},
    events.SubmitRefused: {"code": "missing_document"},
    events.Uploaded: {"bytes": 482_133, "seconds": 6.2},
    events.ClientError: {"code": "script"},
    events.Ended: {"outcome": Outcome.COMPLETED, "by": EndedBy.STAFF},
}


def channel_of(kind: str) -> str:
    """The channel in which the example of a kind plays: the first that has it."""
    return next(channel for channel, kinds in CHANNEL_TYPES.items() if kind in kinds)


def event_example(kind: str) -> Event:
    """A valid event of a kind, operations included."""
    if kind == Operation.kind:
        interaction, _ = PLACES["branch"]
        return Operation(
            interaction=interaction, system="identity", operation="verify", time=TIME, seconds=1.8,
            status=OperationStatus.OK, attempt=1,
        )  # fmt: skip
    event_class = TYPES[kind]
    interaction, touch_point = PLACES[channel_of(kind)]
    own = OWN_FIELDS.get(event_class, {})
    return event_class(interaction=interaction, touch_point=touch_point, time=TIME, **own)


def side_event_example(event_class: type[SideEvent]) -> SideEvent:
    """A valid event of one of the topics beside the log."""
    interaction, _ = PLACES["branch"]
    examples: dict[type[SideEvent], SideEvent] = {
        Condition: Condition(subject="branch/042", kind="line_length", value=14, time=TIME, valid_for=900),
        Feedback: Feedback(interaction=interaction, measure=Measure.CSAT_1_5, value=4, time=TIME),
        CustomerOutcome: CustomerOutcome(customer="c-1029", interaction=interaction, kind="complained", time=TIME),
    }
    return examples[event_class]
