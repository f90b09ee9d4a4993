"""Interactions that have ended or timed out and may still be corrected, in the order in which they last changed."""

from collections.abc import Iterator

from pipeline.core.conditions import ConditionRecord, Conditions
from pipeline.core.interaction import Interaction
from pipeline.core.scored import State

CLOCK_SKEW = 5 * 60 * 1000  # ms; an event may lie this far ahead of the clock


class Correctable:
    """Finds those that a late condition touches without looking through all that are held."""

    def __init__(self) -> None:
        self._changed_at: dict[Interaction, int] = {}

    def note(self, held: Interaction, clock: int) -> None:
        """It changed when the clock stood there."""
        self.drop(held)
        if held.state is not State.OPEN:
            self._changed_at[held] = max(clock, held.folded_clock)

    def drop(self, held: Interaction) -> None:
        """Nothing corrects it any more."""
        self._changed_at.pop(held, None)

    def touched(self, record: ConditionRecord, conditions: Conditions) -> Iterator[Interaction]:
        """Those whose row the condition may change: of its subject, and not ended before it."""
        for held, changed_at in reversed(self._changed_at.items()):
            if changed_at + CLOCK_SKEW < record.time:
                return  # it ended before, and so did all that changed earlier
            if held.state is State.ENDED and held.ending is not None and held.ending[0] < record.time:
                continue
            if held.touch_point is not None and record.subject in conditions.subjects_of(held.touch_point):
                yield held
