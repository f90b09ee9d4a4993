"""One interaction as it stands after scoring: everything a row says, before it becomes columns.

Owns the shape and the row version; must not know ClickHouse or how identifiers are pseudonymised.
"""

import enum
from typing import Final

from msgspec import Struct

from pipeline.core.catalog import TouchPoint
from pipeline.core.passage import Passage
from pipeline.core.scoring import Score


class State(enum.StrEnum):
    """Where an interaction stands: still open, timed out, or ended by an event."""

    OPEN = "open"
    TIMED_OUT = "timed_out"
    ENDED = "ended"


# By these names: to look a member up in its class costs more than to compare it (tests/bench).
OPEN: Final = State.OPEN
TIMED_OUT: Final = State.TIMED_OUT
ENDED: Final = State.ENDED


class Attributes(Struct, frozen=True, gc=False, kw_only=True):
    """What the events say about who and what; each the latest that an event named. Identifiers are in clear here."""

    customer: str | None = None
    staff: str | None = None
    team: str | None = None
    task: str | None = None
    segment: str | None = None
    priority: str | None = None
    appointment: bool | None = None
    continues: str | None = None
    attempt: int | None = None
    synthetic: bool = False


class ScoredInteraction(Struct, frozen=True, gc=False, kw_only=True):
    """The content of one row. Times in epoch milliseconds; `version` orders the rows of one interaction."""

    interaction: str
    touch_point: TouchPoint
    attributes: Attributes
    passage: Passage
    score: Score
    state: State
    partial: bool
    opened_at: int
    active_conditions: tuple[str, ...]
    events: int
    duplicates: int
    first_offset: int
    version: int


EPOCH_BITS: Final = 12
RECORD_BITS: Final = 24
RANK_BITS: Final = 8
CONDITION_BITS: Final = 20
MOST_RECORDS: Final = (1 << RECORD_BITS) - 1
MOST_CONDITIONS: Final = (1 << CONDITION_BITS) - 1
RANK_TIMED_OUT: Final = (1 << RANK_BITS) - 2
RANK_ENDED: Final = (1 << RANK_BITS) - 1


def row_version(epoch: int, records: int, rank: int, conditions: int) -> int:
    """UInt64, high to low: epoch, records folded, state rank, condition records.

    Each part saturates, so that an overflow cannot spill into the part above it.
    """
    if records > MOST_RECORDS:
        records = MOST_RECORDS
    if conditions > MOST_CONDITIONS:
        conditions = MOST_CONDITIONS
    return ((epoch << RECORD_BITS | records) << RANK_BITS | rank) << CONDITION_BITS | conditions
