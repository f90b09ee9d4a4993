"""Formulas that others published, reproduced; where our own arithmetic can express one, it must agree."""

from typing import Any

import pytest

from pipeline.core.curves import make_curve
from pipeline.core.scoring import score
from tests.published_formulas import (
    Sample,
    apdex,
    burn_rate_factor,
    ces_index,
    ces_mean,
    ces_share_agreeing,
    normalise_higher_is_better,
    normalise_lower_is_better,
    nps,
    nps_interval,
    weighted_composite,
)
from tests.unit.core.passages import model_of, passage, worked

EFFORT_ANSWERS = {1: 80, 2: 210, 3: 140, 4: 110, 5: 160, 6: 180, 7: 120}
APPLICATION = {"wait.health": (55.0, 50), "effort.sentiment": (58.0, 30), "people.service": (72.0, 20)}


def composite_element(signal: str, points: float, weight: float) -> dict[str, Any]:
    return {"signal": signal, "weight": weight, "owner": "somebody", "curve": [[0, points], [1, points]]}


def test_apdex_includes_its_limits_and_counts_failures_as_frustrated() -> None:
    samples = [Sample(2.0), Sample(0.1, failed=True), Sample(2.001), Sample(8.0), Sample(8.001)]
    assert apdex(samples, target=2.0) == pytest.approx((1 + 2 / 2) / 5)


def test_apdex_of_one_hundred_samples_of_the_usual_example() -> None:
    samples = [Sample(1.0)] * 60 + [Sample(4.0)] * 30 + [Sample(20.0)] * 10
    assert apdex(samples, target=3.0) == pytest.approx(0.75)


def test_weighted_composite_gives_the_published_application_score() -> None:
    composite = weighted_composite(list(APPLICATION.values()))
    assert composite == pytest.approx(59.3)
    assert round(composite) == 59


def test_our_score_is_the_weighted_composite_when_all_is_observed() -> None:
    signals = ("wait_seconds", "recalls", "transfers")
    document = worked()
    document["elements"] = {
        name: composite_element(signal, points, weight)
        for signal, (name, (points, weight)) in zip(signals, APPLICATION.items(), strict=True)
    }
    assert score(model_of(document), passage(dict.fromkeys(signals, 0.0))).score == pytest.approx(59.3)


def test_band_normalisation_gives_the_published_examples() -> None:
    reception = normalise_higher_is_better(400, (50, 500), (75, 100))
    processor = normalise_lower_is_better(79, (55, 84), (65, 74))
    assert reception == pytest.approx(94.4444, abs=5e-5)
    # Published as 94 and as 66: the first rounded, the second cut off.
    assert (round(reception), int(processor)) == (94, 66)
    assert processor == pytest.approx(66.5517, abs=5e-5)


def test_our_curve_between_two_knots_is_band_normalisation() -> None:
    assert make_curve([(50, 75), (500, 100)]).points_at(400) == pytest.approx(
        normalise_higher_is_better(400, (50, 500), (75, 100))
    )
    assert make_curve([(55, 74), (84, 65)]).points_at(79) == pytest.approx(
        normalise_lower_is_better(79, (55, 84), (65, 74))
    )


def test_net_promoter_score_comes_with_its_interval() -> None:
    assert nps(50, 30, 20) == 30
    # Each answer is +1, 0 or -1: variance 0.7 - 0.3^2 = 0.61, standard error sqrt(0.61 / 100) = 0.0781.
    assert nps_interval(50, 30, 20) == pytest.approx((14.69, 45.31), abs=0.005)


def test_unanimous_promoters_leave_no_interval() -> None:
    assert nps_interval(10, 0, 0) == (100, 100)


def test_customer_effort_has_three_values_on_one_sample() -> None:
    assert ces_mean(EFFORT_ANSWERS) == pytest.approx(4.08)
    assert ces_share_agreeing(EFFORT_ANSWERS) == pytest.approx(46)
    assert ces_index(EFFORT_ANSWERS) == pytest.approx(-13)


@pytest.mark.parametrize(
    ("budget_share", "window_hours", "factor"), [(0.02, 1, 14.4), (0.05, 6, 6), (0.10, 24, 3), (0.10, 72, 1)]
)
def test_burn_rate_factors_follow_from_budget_and_window(
    budget_share: float, window_hours: float, factor: float
) -> None:
    assert burn_rate_factor(budget_share, window_hours) == pytest.approx(factor)
