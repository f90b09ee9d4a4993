"""Formulas that others published, each written from its definition: what our views and scores are compared with.

Nothing in the pipeline uses them; they are references.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

NORMAL_95: Final = 1.959963984540054
TOLERATED_FACTOR: Final = 4


class Sample(NamedTuple):
    """One response: how long it took, whether it failed."""

    seconds: float
    failed: bool = False


def apdex(samples: Sequence[Sample], target: float) -> float:
    """Apdex 1.1: (satisfied + tolerating / 2) / all; up to T satisfied, up to 4 T tolerating, failures frustrated."""
    satisfied = sum(not sample.failed and sample.seconds <= target for sample in samples)
    within = sum(not sample.failed and sample.seconds <= TOLERATED_FACTOR * target for sample in samples)
    return (satisfied + (within - satisfied) / 2) / len(samples)


def weighted_composite(parts: Sequence[tuple[float, float]]) -> float:
    """ServiceNow Digital Experience Score: sum of score x weight over sum of weights (shown rounded)."""
    return sum(score * weight for score, weight in parts) / sum(weight for _, weight in parts)


def normalise_higher_is_better(value: float, measured: tuple[float, float], band: tuple[float, float]) -> float:
    """ServiceNow band normalisation (maximize): L1 + (M1 - L2) / (H2 - L2) x (H1 - L1)."""
    (low, high), (floor, ceiling) = measured, band
    return floor + (value - low) / (high - low) * (ceiling - floor)


def normalise_lower_is_better(value: float, measured: tuple[float, float], band: tuple[float, float]) -> float:
    """ServiceNow band normalisation (minimize): H1 - (M1 - L2) / (H2 - L2) x (H1 - L1)."""
    (low, high), (floor, ceiling) = measured, band
    return ceiling - (value - low) / (high - low) * (ceiling - floor)


def nps(promoters: int, passives: int, detractors: int) -> float:
    """Net Promoter Score: % of 9-10 less % of 0-6."""
    return 100 * (promoters - detractors) / (promoters + passives + detractors)


def nps_interval(promoters: int, passives: int, detractors: int) -> tuple[float, float]:
    """Its 95 % interval: each answer counts +1, 0 or -1, variance (p + d) - (p - d)^2 over n."""
    answers = promoters + passives + detractors
    share_up, share_down = promoters / answers, detractors / answers
    margin = 100 * NORMAL_95 * math.sqrt((share_up + share_down - (share_up - share_down) ** 2) / answers)
    middle = nps(promoters, passives, detractors)
    return middle - margin, middle + margin


def ces_mean(answers: Mapping[int, int]) -> float:
    """Customer Effort Score as the mean answer, 1 to 7."""
    return sum(answer * count for answer, count in answers.items()) / sum(answers.values())


def ces_share_agreeing(answers: Mapping[int, int]) -> float:
    """Customer Effort Score as the share of answers 5 to 7, in %."""
    return _percent(answers, (5, 6, 7))


def ces_index(answers: Mapping[int, int]) -> float:
    """Customer Effort Score as an index: % of 6-7 less % of 1-3."""
    return _percent(answers, (6, 7)) - _percent(answers, (1, 2, 3))


def _percent(answers: Mapping[int, int], of: tuple[int, ...]) -> float:
    return 100 * sum(answers[answer] for answer in of) / sum(answers.values())


def burn_rate_factor(budget_share: float, window_hours: float, period_hours: float = 30 * 24) -> float:
    """Site Reliability Workbook: how fast the budget burns when a window uses up this share of a period's budget."""
    return budget_share * period_hours / window_hours
