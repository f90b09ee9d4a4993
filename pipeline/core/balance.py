"""Where every record of a partition went: the arithmetic that `touchpoint audit` holds against durable data.

    records = events + duplicates of rows not held + records of held interactions + rejects

Owns rule 9 of the promise; must not know where rows, rejects and counts come from.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from msgspec import Struct

from pipeline.core.interaction import Interaction, Standing
from pipeline.core.scored import State

# (interaction id, first offset): an id alone does not tell a life from the re-sent tail of one that was forgotten.
LifeKey = tuple[str, int]


class Life(Struct, frozen=True, gc=False):
    """An interaction that a shard held at the commit.

    `has_row`: its row was durable by then. `unsettled`: offsets of records whose fate was open, conflicts included; a
    worker that has gone on may have rejected them since.
    """

    records: int
    has_row: bool
    unsettled: tuple[int, ...] = ()


class CurrentRow(NamedTuple):
    """What a current row counts."""

    interaction: str
    first_offset: int
    events: int
    duplicates: int

    @property
    def records(self) -> int:
        """Records it stands for."""
        return self.events + self.duplicates


class Finding(Struct, frozen=True):
    """One thing that does not add up, at the first offset to look at. `records` the log delivers, `counted` are found.

    `interaction` is None for a record without a readable key.
    """

    interaction: str | None
    offset: int
    records: int
    counted: int
    detail: str


class Balance(Struct, frozen=True, kw_only=True):
    """The balance of one partition up to its committed offset.

    `removed`: those of the records that retention has removed; of them `assumed` were never counted by any audit and
    are taken as one for each offset. `findings` name what is wrong.
    """

    partition: int
    up_to_offset: int
    records: int
    events: int
    duplicates: int
    held: int
    rejected: int
    removed: int = 0
    assumed: int = 0
    findings: tuple[Finding, ...] = ()

    @property
    def rows(self) -> int:
        """Records in current rows of interactions that are not held."""
        return self.events + self.duplicates

    @property
    def difference(self) -> int:
        """Records that nothing accounts for; negative when more are accounted for than the log had."""
        return self.records - self.rows - self.held - self.rejected

    @property
    def balanced(self) -> bool:
        """Whether all is accounted for."""
        return not self.difference and not self.findings


def lives_of(held: Iterable[Interaction]) -> dict[LifeKey, Life]:
    """The held interactions whose records are in no reject: dead ones count there."""
    return {(one.id, one.first_offset): _life(one) for one in held if not one.dead}


def _life(one: Interaction) -> Life:
    if one.standing is Standing.UNDECIDED:
        unsettled = tuple(offset for offset, _ in one.refusable or ())
        return Life(len(unsettled), has_row=False, unsettled=unsettled)
    return Life(one.records, has_row=one.state is not State.OPEN)


def rows_not_held(rows: Iterable[CurrentRow], lives: Mapping[LifeKey, Life]) -> tuple[int, int]:
    """Events and duplicates over rows of interactions that are not held."""
    events = duplicates = 0
    for row in rows:
        if (row.interaction, row.first_offset) not in lives:
            events += row.events
            duplicates += row.duplicates
    return events, duplicates


def missing_rows(
    rows: Iterable[CurrentRow], lives: Mapping[LifeKey, Life], refused: Mapping[int, int]
) -> Iterable[Finding]:
    """Held interactions that are over, but have no row, or one that counts less than was durable at the commit.

    `refused`: records by first offset of interactions whose row ClickHouse refused.
    """
    counted = {(row.interaction, row.first_offset): row.records for row in rows}
    for key, life in lives.items():
        interaction, offset = key
        found = max(counted.get(key, 0), refused.get(offset, 0))
        if life.has_row and found < life.records:
            what = "its row counts fewer records" if key in counted else "it is over, but has no row"
            yield Finding(interaction, offset, life.records, found, what)


def refused_not_held(
    refused: Mapping[int, int], rows: Iterable[CurrentRow], lives: Mapping[LifeKey, Life]
) -> dict[int, int]:
    """Records, by first offset, for which only the reject of a refused row stands.

    What an accepted version of the row counts, or a held interaction, is left out. `rows`: those at these offsets.
    """
    held = {offset for _, offset in lives}
    counted = {row.first_offset: row.records for row in rows}
    return {
        offset: records - counted.get(offset, 0)
        for offset, records in refused.items()
        if offset not in held and records > counted.get(offset, 0)
    }
