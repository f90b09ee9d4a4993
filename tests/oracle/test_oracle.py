"""The oracle against hand-made cases: what judges must be right itself."""

import pytest

from tests.oracle.bank_calls import Judgement, Seen, judge, look_at
from tests.oracle.rank_correlation import ranks, spearman

CLOCKS = ("vru_entry", "vru_exit", "q_start", "q_exit")


def seen(outcome: str, clocks: str, q_time: str = "0") -> Seen:
    return look_at(dict(zip(CLOCKS, clocks.split(), strict=True)) | {"outcome": outcome, "q_time": q_time})


MODEL = {
    "elements": {
        "wait": {"signal": "wait_seconds", "weight": 30, "applies_when": "always",
                 "curve": [[20, 100], [60, 80], [180, 30], [600, 0]]},
        "hold": {"signal": "hold_seconds", "weight": 10, "applies_when": "served", "curve": [[0, 100], [60, 0]]},
        "outcome": {"signal": "outcome", "weight": 30, "applies_when": "always",
                    "table": {"completed": 100, "abandoned": 0}},
    },
    "caps": {"abandoned": {"when": "outcome in [abandoned, no_show]", "at_most": 30}},
}  # fmt: skip


def test_worked_example_of_a_caller_who_gave_up() -> None:
    call = seen("HANG", "9:00:00 9:00:10 9:00:10 9:00:50", "40")

    assert judge(MODEL, call) == Judgement(30, 30, 30, 1, {"wait": 5, "outcome": 50, "cap.abandoned": 15})


def test_what_is_unknown_opens_the_bounds() -> None:
    call = seen("AGENT", "9:00:00 9:00:10 9:00:10 9:02:10", "120")

    found = judge(MODEL, call)

    assert found[:4] == pytest.approx((77.5, 66.428571, 80.714286, 6 / 7))
    assert found.points_lost == {"wait": 22.5, "outcome": 0}


def test_a_call_over_midnight_lasts_seconds_and_a_wrong_entry_none() -> None:
    assert seen("HANG", "23:59:50 0:00:05 0:00:00 0:00:00").signals == {"self_service_seconds": 15}
    assert seen("HANG", "9:00:05 9:00:00 0:00:00 0:00:00").signals == {"self_service_seconds": 0}


def test_whoever_is_served_at_once_waited_no_second() -> None:
    assert seen("AGENT", "9:00:00 9:00:05 0:00:00 0:00:00").signals["wait_seconds"] == 0


def test_ranks_share_ties() -> None:
    assert ranks([10, 20, 20, 5]) == [2, 3.5, 3.5, 1]


def test_spearman_is_about_order_only() -> None:
    assert spearman([1, 2, 3, 4], [1, 10, 100, 1000]) == pytest.approx(1)
    assert spearman([1, 2, 3, 4], [9, 7, 3, 1]) == pytest.approx(-1)
    assert spearman([1, 2, 3, 4, 5], [5, 6, 7, 8, 7]) == pytest.approx(0.8207826816681233)
