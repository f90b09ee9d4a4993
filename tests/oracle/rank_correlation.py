"""Spearman's rank correlation: Pearson's over ranks, equal values sharing the mean of theirs."""

import statistics
from collections.abc import Sequence


def ranks(values: Sequence[float]) -> list[float]:
    """1 for the smallest."""
    ordered = sorted(values)
    first = {value: place for place, value in reversed(list(enumerate(ordered, 1)))}
    last = {value: place for place, value in enumerate(ordered, 1)}
    return [(first[value] + last[value]) / 2 for value in values]


def spearman(left: Sequence[float], right: Sequence[float]) -> float:
    """Between -1 and 1; both must vary."""
    return statistics.correlation(ranks(left), ranks(right))
