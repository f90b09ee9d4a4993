"""How many interactions of a shard are open at each touch-point, since when the oldest is, and how they are scored.

Counted as they open and end, since a million held ones take too long to look through. Probes are no customers and not
counted. Decides nothing.
"""

from collections.abc import Iterator
from itertools import islice
from operator import attrgetter
from typing import TYPE_CHECKING, Final

from pipeline.core.events import RANKS, Operation
from pipeline.core.scored import RANK_TIMED_OUT

if TYPE_CHECKING:
    from pipeline.core.interaction import Interaction

OPERATION: Final = RANKS[Operation]
FIRST_OFFSET: Final = attrgetter("first_offset")
NOWHERE: Final = ""  # no touch-point: where probes are kept


class OpenHere:
    """The open ones of one touch-point: those `held` in the order in which they opened, `scores` by id.

    `returned`: those of them that are open again, or moved here, and stand behind others that came later. A score is
    that of the newest provisional row; who has none yet, or one without a score, is not among them.
    """

    def __init__(self) -> None:
        self.held: dict[str, Interaction] = {}
        self.returned: dict[str, Interaction] = {}
        self.scores: dict[str, float] = {}
        self._latest = -1  # first offset of the latest that ever came

    @property
    def oldest(self) -> "Interaction":
        """The one that came first."""
        in_order = (held for name, held in self.held.items() if name not in self.returned)
        return min((*self.returned.values(), *islice(in_order, 1)), key=FIRST_OFFSET)

    def add(self, held: "Interaction") -> None:
        """It is open here."""
        if held.first_offset < self._latest:
            self.returned[held.id] = held
        else:
            self._latest = held.first_offset
        self.held[held.id] = held

    def remove(self, held: "Interaction") -> None:
        """It is no more."""
        del self.held[held.id]
        self.returned.pop(held.id, None)
        self.scores.pop(held.id, None)


class StillOpen:
    """Interactions that have neither ended nor timed out, by touch-point, in the order in which they opened."""

    def __init__(self) -> None:
        self._at: dict[str, OpenHere] = {}

    def note(self, held: "Interaction") -> None:
        """Count it at the touch-point where it opened, or no more; to be called whenever that may have changed."""
        touch_point = held.touch_point
        if touch_point is None or not held.lasts or held.idle_rank == RANK_TIMED_OUT:
            self.drop(held)
        elif held.open_at is None:
            held.open_at = name = NOWHERE if is_probe(held) else touch_point.name
            here = self._at.get(name)
            if here is None:
                here = self._at[name] = OpenHere()
            here.add(held)

    def leave_other(self, held: "Interaction") -> None:
        """Count it no more where it is counted, if that is another touch-point than its own: it was not known then."""
        if held.open_at is not None and held.touch_point is not None and held.open_at != held.touch_point.name:
            self.drop(held)

    def drop(self, held: "Interaction") -> None:
        """Count it no more."""
        if held.open_at is not None:
            here = self._at[held.open_at]
            here.remove(held)
            if not here.held:
                del self._at[held.open_at]
            held.open_at = None

    def note_score(self, held: "Interaction", score: float | None) -> None:
        """Its provisional row says so from now on, until the next one or its end."""
        if held.open_at is not None:
            scores = self._at[held.open_at].scores
            if score is None:
                scores.pop(held.id, None)
            else:
                scores[held.id] = score

    def places(self) -> Iterator[OpenHere]:
        """Each touch-point where a customer is."""
        return (here for name, here in self._at.items() if name != NOWHERE)


def is_probe(held: "Interaction") -> bool:
    """Whether an event read so far says that no customer was there: as a rule the first one does."""
    for _, rank, _, event in held.facts:  # noqa: SIM110  # asked of each interaction: a generator takes 0.3 µs more
        if event.synthetic and rank != OPERATION:
            return True
    return False
