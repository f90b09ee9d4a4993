"""One customer id that comes too often shows as a share, whichever it is, and nobody can read which."""

import random

import pytest

from pipeline.telemetry import customers
from pipeline.telemetry.customers import CAPACITY, ENOUGH, LargestShare
from pipeline.telemetry.metrics import Metrics
from tests.unit.telemetry.test_metrics import CATALOG, row, value

SHARE = "touchpoint_largest_customer_share_ratio"


def people(largest: LargestShare, interactions: int, share: float, seed: int = 1) -> LargestShare:
    """So many interactions: a share of them bears one id, all others one of their own."""
    chance = random.Random(seed)
    for number in range(interactions):
        largest.add("999999" if chance.random() < share else f"customer {seed} {number}")
    return largest


@pytest.mark.parametrize("share", [0.005, 0.02, 0.5, 1.0])
def test_the_share_of_one_id_is_found_among_endless_others(share: float) -> None:
    found = people(LargestShare(()), 50_000, share).share()
    assert found == pytest.approx(share, rel=0.1, abs=1.5 / CAPACITY)


def test_nobody_stands_out_among_people_and_what_is_kept_is_bounded() -> None:
    largest = people(LargestShare(()), 50_000, 0)
    assert largest.share() < 0.01
    assert largest.remembered <= 2 * CAPACITY


def test_placeholders_and_nobody_are_no_customer_and_yet_interactions() -> None:
    largest = LargestShare(["0"])
    for _ in range(ENOUGH // 2):
        largest.add(None)
        largest.add("0")
    assert largest.share() == 0
    largest.add("4711")
    assert largest.share() == 1 / (ENOUGH + 1)


def test_a_few_interactions_say_nothing() -> None:
    assert people(LargestShare(()), ENOUGH - 1, 1.0).share() == 0


def test_an_id_that_comes_no_more_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(customers, "MEMORY", 4_000)
    largest = people(LargestShare(()), 4_000, 0.5)
    assert people(largest, 20_000, 0, seed=2).share() < 0.01


def test_the_page_shows_the_share_and_never_the_id() -> None:
    metrics = Metrics(CATALOG, placeholders=["0"])
    one = [row(customer="somebody"), row(customer="0"), row(customer=None), row(customer="somebody", synthetic=True)]
    metrics.interactions_ended(one * ENOUGH)
    assert value(metrics, SHARE) == pytest.approx(1 / 3)
    assert b"somebody" not in metrics.page()
