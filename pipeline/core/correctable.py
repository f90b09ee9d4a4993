"""Interactions that have ended or timed out and may still be corrected, in the order in which they last changed."""

from collections.abc import Iterator, Mapping
from typing import Final

from pipeline.core.conditions import subjects_of
from pipeline.core.interaction import NEVER, Interaction
from pipeline.core.scored import ENDED, OPEN

CLOCK_SKEW: Final = 5 * 60 * 1000  # ms; the setting `max_ahead_seconds` allows an event to be at most as far ahead


class Correctable:
    """Finds those that a late condition touches without looking through all that are held."""

    def __init__(self) -> None:
        self._changed_at: dict[Interaction, int] = {}

    def note(self, held: Interaction, clock: int) -> None:
        """It changed when the clock stood there."""
        self.drop(held)
        if held.state is not OPEN:
            self._changed_at[held] = max(clock, held.folded_clock)

    def drop(self, held: Interaction) -> None:
        """Nothing corrects it any more."""
        self._changed_at.pop(held, None)

    def touched(self, since: Mapping[str, int]) -> Iterator[Interaction]:
        """Those whose row new conditions may change: of their subjects, and not ended before them.

        `since`: of each subject the earliest time of a new condition; whoever ended before that is touched by none.
        One walk serves them all: a source that was offline sends thousands at once.
        """
        earliest = min(since.values())
        since_at: dict[tuple[str, tuple[str, ...]], int] = {}
        for held, changed_at in reversed(self._changed_at.items()):
            if changed_at + CLOCK_SKEW < earliest:
                return  # it ended before, and so did all that changed earlier
            touch_point = held.touch_point
            if touch_point is None:
                continue
            place = (touch_point.name, touch_point.systems)
            time = since_at.get(place)
            if time is None:
                here = subjects_of(*place) & since.keys()
                time = since_at[place] = min((since[subject] for subject in here), default=NEVER)
            if changed_at + CLOCK_SKEW < time:
                continue
            if held.state is not ENDED or held.ending is None or held.ending[0] >= time:
                yield held
