"""What customers say when asked, minutes later, and what becomes of some of them, hours later.

Owns how a wait and an ending turn into satisfaction; must not know how the pipeline scores, and does not.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from pipeline.core.events import Outcome
from pipeline.core.side_events import SCALES, CustomerOutcome, Feedback, SideEvent
from pipeline.core.vocabulary import Measure
from pipeline.source.simulator.business_day import HOUR, MINUTE, SECOND
from pipeline.source.simulator.journal import AFTER_EVENTS, Outgoing
from pipeline.source.simulator.place import Ending, PlaceDay, World

ASKED: Final = 0.10
ANSWER_MINUTES: Final = (2, 40)
TOLERANCE_SECONDS: Final = {"branch": 1500.0, "call_center": 400.0, "online_form": 1500.0}
WAIT_WEIGHT: Final = 0.6
FAILURE_WEIGHT: Final = 0.5
MOOD_WEIGHT: Final = 0.5
GOOD: Final = frozenset({Outcome.COMPLETED, Outcome.SUBMITTED, Outcome.SAVED})
ANGRY: Final = 0.4
COMPLAINS: Final = 0.2
LEAVES: Final = 0.97
REACTION_HOURS: Final = (1, 5)


def satisfaction(ending: Ending, channel: str) -> float:
    """0 to 1: what the wait and the ending left of it, and the mood of the day."""
    waited = min((ending.waited or 0) / SECOND / TOLERANCE_SECONDS[channel], 1.0)
    failed = ending.outcome not in GOOD
    felt = 1.0 - WAIT_WEIGHT * waited - FAILURE_WEIGHT * failed + MOOD_WEIGHT * (ending.person.mood - 0.5)
    return min(max(felt, 0.0), 1.0)


def reactions(world: World, places: Iterable[PlaceDay]) -> Iterator[Outgoing]:
    """Answers and what became of customers, as far as it happens on the same date."""
    for place in places:
        channel = place.touch_point.partition("/")[0]
        for ending in place.endings:
            felt = satisfaction(ending, channel)
            for event in (_answer(ending, channel, felt), _consequence(ending, felt)):
                if event is not None and isinstance(event.time, int) and event.time <= world.day.last:
                    yield _outgoing(event, event.time, ending.interaction)


def _answer(ending: Ending, channel: str, felt: float) -> Feedback | None:
    person = ending.person
    if person.asked >= ASKED:
        return None
    measure = _measure(channel, person.asked)
    low, high = SCALES[measure]
    first, last = ANSWER_MINUTES
    time = ending.ended + int((first + (last - first) * person.delay) * MINUTE)
    return Feedback(
        interaction=ending.interaction, measure=measure, value=float(low + round(felt * (high - low))), time=time
    )


def _measure(channel: str, asked: float) -> Measure:
    if channel == "online_form":
        return Measure.CES_1_7
    return Measure.NPS_0_10 if channel == "call_center" and asked < ASKED / 2 else Measure.CSAT_1_5


def _consequence(ending: Ending, felt: float) -> CustomerOutcome | None:
    person = ending.person
    if felt >= ANGRY or COMPLAINS <= person.temper < LEAVES:
        return None
    first, last = REACTION_HOURS
    kind = "left" if person.temper >= LEAVES else "complained"
    return CustomerOutcome(
        customer=person.customer, interaction=ending.interaction, kind=kind,
        time=ending.ended + int((first + (last - first) * person.delay) * HOUR),
    )  # fmt: skip


def _outgoing(event: SideEvent, time: int, interaction: str) -> Outgoing:
    kind = event.kind_name
    rank = AFTER_EVENTS + isinstance(event, CustomerOutcome)
    return Outgoing(time, rank, interaction, 1, f"{interaction}/{kind}", f"simulator/{kind}", None, event)
