"""What became of the records of a shard, counted so that it adds up: consumed = applied + duplicates + rejected."""

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.core.events import RejectReason
    from pipeline.core.models import Misses


class Tally:
    """Counts since a worker took up its work. A record that is rejected after all moves from one count to another."""

    def __init__(self) -> None:
        self.applied = self.duplicates = self.ended = self.unknown_fields = 0
        self.rejected: Counter[RejectReason] = Counter()
        self.join_misses: Counter[Misses] = Counter()  # interactions by all that nobody reported for them

    @property
    def consumed(self) -> int:
        """All records so far, whatever became of them."""
        return self.applied + self.duplicates + self.rejected.total()

    def misses(self) -> Counter[tuple[str, str]]:
        """How often each kind of condition was missed, and for which cause."""
        found: Counter[tuple[str, str]] = Counter()
        for misses, interactions in self.join_misses.items():
            for miss in misses:
                found[miss] += interactions
        return found

    def add(self, other: "Tally") -> None:
        """Take over the counts of another shard."""
        self.applied += other.applied
        self.duplicates += other.duplicates
        self.ended += other.ended
        self.unknown_fields += other.unknown_fields
        self.rejected.update(other.rejected)
        self.join_misses.update(other.join_misses)
