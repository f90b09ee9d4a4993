"""How much of the traffic bears one customer id: more than a person can have been means an id that means nobody.

Keeps salted hashes, few of them, and never tells which one it was.
"""

from collections import Counter
from collections.abc import Collection
from typing import Final

CAPACITY: Final = 1_000  # the share is too small by 1 / CAPACITY at most
ENOUGH: Final = 1_000  # interactions; among fewer a regular customer has too large a share
MEMORY: Final = 200_000  # interactions; beyond, all counts are halved, so that the last ones weigh most


class LargestShare:
    """Counts the ids that come often (Misra and Gries), `placeholders` not among them. Not safe for threads."""

    def __init__(self, placeholders: Collection[str]) -> None:
        self._placeholders = frozenset(placeholders)
        self._often: Counter[int] = Counter()
        self._seen = 0.0

    def add(self, customer: str | None) -> None:
        """One more interaction, and whose it was."""
        self._seen += 1
        if customer is not None and customer not in self._placeholders:
            self._often[hash(customer)] += 1
            if len(self._often) > 2 * CAPACITY:
                self._drop_the_rare()
        if self._seen >= MEMORY:
            self._seen /= 2
            self._often = Counter({one: count // 2 for one, count in self._often.items() if count > 1})

    def share(self) -> float:
        """The share of the most frequent id, 0 to 1; 0 while there is not enough to tell."""
        return max(self._often.values(), default=0) / self._seen if self._seen >= ENOUGH else 0.0

    @property
    def remembered(self) -> int:
        """How many ids are kept."""
        return len(self._often)

    def _drop_the_rare(self) -> None:
        rare = sorted(self._often.values(), reverse=True)[CAPACITY]
        self._often = Counter({one: count - rare for one, count in self._often.items() if count > rare})
