"""Why a shard stops before it folds a record: do what the exception says, then fold the same record again.

Nothing of the record is folded by then, and no decision depends on how often a shard stops.
"""

# ruff: noqa: N818 - nothing is wrong


class LookupNeeded(Exception):
    """The clock cannot move on before it is known which of these ids have an earlier life in the table."""

    def __init__(self, ids: list[str]) -> None:
        super().__init__(f"{len(ids)} interactions to look up")
        self.ids = ids


class MoreDue(Exception):
    """The clock jumped so far that what is due is settled in stretches: let others work, nothing else is to be done."""
