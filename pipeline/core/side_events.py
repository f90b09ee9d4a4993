"""The events beside the log: conditions, feedback, and what became of customers.

Owns their shapes; must not know how they travel or are joined. They never open, extend or change an interaction.
"""

from typing import ClassVar, Final

from msgspec import Struct

from pipeline.core import vocabulary
from pipeline.core.events import TYPE_PREFIX
from pipeline.core.vocabulary import Measure

CONDITION_KEY_SEPARATOR: Final = "/"
SCALES: Final = {Measure.CSAT_1_5: (1, 5), Measure.CES_1_7: (1, 7), Measure.NPS_0_10: (0, 10)}


class Condition(Struct, kw_only=True, gc=False, omit_defaults=True, forbid_unknown_fields=True):
    """A state that touches many interactions, from `time` until the next value, or as long as it may be trusted."""

    kind_name: ClassVar[str] = "condition"
    schema_version: ClassVar[str] = "1-0-0"
    subject: vocabulary.Subject
    kind: vocabulary.ConditionKind
    value: vocabulary.ConditionValue
    time: vocabulary.Time
    valid_for: vocabulary.ValidFor = None

    @property
    def key(self) -> str:
        """The record's key, by which the topic is compacted: subject and kind."""
        return f"{self.subject}{CONDITION_KEY_SEPARATOR}{self.kind}"


class Feedback(Struct, kw_only=True, gc=False, omit_defaults=True, forbid_unknown_fields=True):
    """The customer's own answer, minutes to days later."""

    kind_name: ClassVar[str] = "feedback"
    schema_version: ClassVar[str] = "1-0-0"
    interaction: vocabulary.AnsweredInteraction
    measure: vocabulary.MeasureName
    value: vocabulary.Answer
    time: vocabulary.Time

    def __post_init__(self) -> None:
        """Refuse an answer outside its scale; decoding reports it as a schema mistake."""
        low, high = SCALES[self.measure]
        if not low <= self.value <= high:
            msg = f"{self.measure} lies between {low} and {high}"
            raise ValueError(msg)


class CustomerOutcome(Struct, kw_only=True, gc=False, omit_defaults=True, forbid_unknown_fields=True):
    """What became of a customer, days and weeks later; names the customer, an interaction, or both."""

    kind_name: ClassVar[str] = "outcome"
    schema_version: ClassVar[str] = "1-0-0"
    customer: vocabulary.CustomerId = None
    interaction: vocabulary.FollowedInteraction = None
    kind: vocabulary.OutcomeKind
    value: vocabulary.OutcomeValue = None
    time: vocabulary.Time

    def __post_init__(self) -> None:
        """Refuse an outcome of nobody; decoding reports it as a schema mistake."""
        if not self.customer and not self.interaction:
            msg = "an outcome names a customer or an interaction"
            raise ValueError(msg)


SideEvent = Condition | Feedback | CustomerOutcome

# By topic, named as in the contract.
SIDE_EVENTS: Final[dict[str, type[SideEvent]]] = {
    "conditions": Condition,
    "feedback": Feedback,
    "outcomes": CustomerOutcome,
}


def side_type_name(event_class: type[SideEvent]) -> str:
    """The `ce_type` of an event beside the log: `touchpoint.<kind>.v1`."""
    return f"{TYPE_PREFIX}{event_class.kind_name}.v1"
