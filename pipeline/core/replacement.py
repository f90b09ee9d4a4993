"""Which rows a recomputation may write: it replaces rows of an earlier epoch, and never adds or moves one.

Owns what keeps a recomputation from harming the balance (rule 9 of the promise); must not know tables.
"""

from collections.abc import Iterable
from typing import NamedTuple

from msgspec import Struct

from pipeline.core.scored import ScoredInteraction


class StandingRow(NamedTuple):
    """What a current row says of its life, and its version. `opened_at` in epoch ms."""

    interaction: str
    first_offset: int
    opened_at: int
    events: int
    duplicates: int
    version: int


class Replacement(Struct, frozen=True):
    """`rows` replace what stands; `already` stood in this epoch before; `left` keep what stands, or miss it."""

    rows: list[ScoredInteraction]
    already: int
    left: int


def replacement(
    rows: Iterable[ScoredInteraction], standing: Iterable[StandingRow], opened_since: int = 0
) -> Replacement:
    """Take the rows whose life stands in the table with the same key and the same records.

    Those opened before `opened_since` (epoch ms) are left: conditions that their rows know may be gone by now.

    A life that reads otherwise than it did (its beginning is gone from the log, other windows decide now) keeps the
    row it has: records that one row counts more would be counted by a reject, too, or by no other row.
    """
    versions = {one[:-1]: one.version for one in standing}
    taken: list[ScoredInteraction] = []
    already = left = 0
    for row in rows:
        version = versions.get((row.interaction, row.first_offset, row.opened_at, row.events, row.duplicates))
        if version is not None and version >= row.version:
            already += 1
        elif version is None or row.opened_at < opened_since:
            left += 1
        else:
            taken.append(row)
    return Replacement(taken, already, left)
