"""How many interactions of a shard are open at each touch-point, and since when the oldest is.

Counted as they open and end, since a million held ones take too long to look through. Probes are no customers and not
counted. Decides nothing.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from pipeline.core.events import RANKS, Operation
from pipeline.core.scored import RANK_TIMED_OUT

if TYPE_CHECKING:
    from pipeline.core.interaction import Interaction

OPERATION: Final = RANKS[Operation]
NOWHERE: Final = ""  # no touch-point: where probes are kept


class StillOpen:
    """Interactions that have neither ended nor timed out, by touch-point, in the order in which they opened."""

    def __init__(self) -> None:
        self._at: dict[str, dict[str, Interaction]] = {}

    def note(self, held: "Interaction") -> None:
        """Count it at the touch-point where it opened, or no more; to be called whenever that may have changed."""
        touch_point = held.touch_point
        if touch_point is None or not held.lasts or held.idle_rank == RANK_TIMED_OUT:
            self.drop(held)
        elif held.open_at is None:
            held.open_at = name = NOWHERE if is_probe(held) else touch_point.name
            self._at.setdefault(name, {})[held.id] = held

    def drop(self, held: "Interaction") -> None:
        """Count it no more."""
        if held.open_at is not None:
            there = self._at[held.open_at]
            del there[held.id]
            if not there:
                del self._at[held.open_at]
            held.open_at = None

    def oldest(self) -> Iterator[tuple["Interaction", int]]:
        """For each touch-point where somebody is, the one that came first, and how many there are."""
        for name, there in self._at.items():
            if name != NOWHERE:
                yield next(iter(there.values())), len(there)


def is_probe(held: "Interaction") -> bool:
    """Whether an event read so far says that no customer was there: as a rule the first one does."""
    for _, rank, _, event in held.facts:  # noqa: SIM110  # asked of each interaction: a generator takes 0.3 µs more
        if event.synthetic and rank != OPERATION:
            return True
    return False
