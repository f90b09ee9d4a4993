"""The score of one passage under one model, with its ledger, coverage and bounds.

Owns the arithmetic only; must not know where the passage or the model came from.
"""

from msgspec import Struct


class Score(Struct, frozen=True, gc=False, kw_only=True):
    """Score 0-100 with its bounds. `score` is None, the ledger empty, when too little was observed.

    `points_lost` has one line for each observed element, zeros included, plus `cap.NAME`; it sums to 100 - score.
    """

    score: float | None
    low: float
    high: float
    coverage: float
    unscored_reason: str | None
    points_lost: dict[str, float]
