"""From the facts of one interaction to what its row says: signals, score, attributes, version."""

from typing import Final

from msgspec.structs import astuple

from pipeline.core.conditions import Conditions
from pipeline.core.events import RANKS, InteractionEvent, Operation, Outcome, Served, WrappedUp
from pipeline.core.interaction import Interaction
from pipeline.core.models import Misses
from pipeline.core.passage import Fact
from pipeline.core.scored import (
    ENDED,
    RANK_ENDED,
    RANK_TIMED_OUT,
    TIMED_OUT,
    Attributes,
    ScoredInteraction,
    State,
    row_version,
)
from pipeline.core.scoring import plan_for, score_by
from pipeline.core.signals import derive

OPERATION: Final = RANKS[Operation]
SERVED: Final = RANKS[Served]
COMMON: Final = -len(InteractionEvent.__struct_fields__)  # where an event's fields begin that all have in common
NO_MISSES: Final[Misses] = frozenset()
NOTHING: Final[frozenset[str]] = frozenset()  # absence means nothing where the beginning was not read


def assess(
    held: Interaction, state: State, step: int, epoch: int, conditions: Conditions
) -> tuple[ScoredInteraction, Misses]:
    """Score an interaction as it stands in `state`; beside the row, conditions that its score lacks.

    An open one is read as of `opened_at` + `provisional_after` · 2^step, or of its first service if that came later.
    Opening and touch-point must be known.
    """
    touch_point, opened_at = held.touch_point, held.opened_at
    assert touch_point is not None  # noqa: S101  # the shard writes nothing before both are known
    assert opened_at is not None  # noqa: S101  # as above
    facts = held.facts
    facts.sort()
    end, as_of, outcome, rank = standing_of(held, state, step, opened_at)
    emits = touch_point.emits if held.opened else NOTHING
    passage = derive(facts, emits, touch_point.channel.waits_from, end, outcome, as_of)
    around = conditions.read(touch_point, opened_at, passage.started_at, passage.served_at, end)
    if around.signals:
        passage.signals.update(around.signals)
    model = touch_point.model
    plan = plan_for(model, passage)
    scored = ScoredInteraction(
        interaction=held.id,
        touch_point=touch_point,
        attributes=read_attributes(facts, touch_point.team),
        passage=passage,
        score=score_by(plan, model.coverage_floor, passage),
        state=state,
        partial=not held.opened,
        opened_at=opened_at,
        active_conditions=around.active,
        events=held.events,
        duplicates=held.duplicates,
        first_offset=held.first_offset,
        version=row_version(epoch, held.events + held.duplicates, rank, around.records),
    )
    if not around.missing:
        return scored, NO_MISSES
    misses = plan.misses.get(around.missing)  # remembered: a sensor that is silent is so for all (tests/bench)
    if misses is None:
        found = ((kind, cause) for signal, kind, cause in around.missing if signal in plan.signals)
        misses = plan.misses[around.missing] = frozenset(found)
    return scored, misses


def standing_of(
    held: Interaction, state: State, step: int, opened_at: int
) -> tuple[int, int | None, Outcome | None, int]:
    """End of customer time, the time as of which an open one is read, outcome, and the rank of the state."""
    if state is ENDED:
        return customer_end(held, state), None, held.ending_outcome, RANK_ENDED
    if state is TIMED_OUT:
        return customer_end(held, state), None, Outcome.TIMED_OUT, RANK_TIMED_OUT
    as_of = opened_at + (held.windows.provisional_after << step)
    as_of = max(as_of, next((time for time, rank, _, _ in held.facts if rank == SERVED), as_of))
    return as_of, as_of, None, step + 1


def customer_end(held: Interaction, state: State) -> int:
    """When customer time ended: the last end event, else the latest event of its channel."""
    if state is ENDED and held.ending is not None:
        return held.ending[0]
    own = (time for time, _, _, event in held.facts if not isinstance(event, Operation | WrappedUp))
    return max(own, default=held.opened_at or 0)


def read_attributes(facts: list[Fact], team: str | None) -> Attributes:
    """Who and what, each from the latest event that names it; `facts` in their order, `team` if none names one."""
    customer = staff = task = segment = priority = continues = None
    appointment: bool | None = None
    attempt: int | None = None
    synthetic = False
    for _, rank, _, event in facts:
        if rank == OPERATION:
            continue
        # All at once and by place: events of many types in turn make each look-up by name a slow one (tests/bench).
        (
            _, _, _, new_customer, _, new_staff, new_team, new_task, new_segment, new_priority, new_appointment,
            is_synthetic, new_continues, new_attempt,
        ) = astuple(event)[COMMON:]  # fmt: skip
        customer = new_customer or customer
        staff = new_staff or staff
        team = new_team or team
        task = new_task or task
        segment = new_segment or segment
        priority = new_priority or priority
        continues = new_continues or continues
        appointment = appointment if new_appointment is None else new_appointment
        attempt = attempt if new_attempt is None else new_attempt
        synthetic = synthetic or is_synthetic
    return Attributes(
        customer=customer, staff=staff, team=team, task=task, segment=segment, priority=priority,
        appointment=appointment, continues=continues, attempt=attempt, synthetic=synthetic,
    )  # fmt: skip
