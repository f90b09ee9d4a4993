import pytest

from pipeline.core.events import Outcome
from pipeline.core.scoring import Band, UnscoredReason, band_of, score
from tests.unit.core.passages import model_of, passage, worked

CASE_A = passage(
    {"wait_seconds": 120.0, "transfers": 1.0, "operation_seconds.identity": 9.0},
    Outcome.COMPLETED,
    served=True,
    operations=frozenset({"identity"}),
)
CASE_B = passage({"wait_seconds": 40.0}, Outcome.ABANDONED)


def with_caps(**caps: tuple[str, float]) -> dict[str, object]:
    return {
        name: {"when": when, "at_most": at_most, "owner": "somebody", "group": "outcome"}
        for name, (when, at_most) in caps.items()
    }


def test_worked_example_a_served_after_waiting_with_hold_unknown() -> None:
    scored = score(model_of(worked()), CASE_A)
    assert scored.score == pytest.approx(63.5714, abs=5e-5)
    assert scored.coverage == pytest.approx(0.90)
    assert (scored.low, scored.high) == pytest.approx((57.2143, 67.2143), abs=5e-5)
    assert scored.points_lost == pytest.approx(
        {"wait.line": 15, "effort.transfers": 6.6667, "system.identity": 14.7619, "outcome.result": 0}, abs=5e-5
    )
    assert scored.unscored_reason is None


def test_worked_example_b_gave_up_after_forty_seconds() -> None:
    scored = score(model_of(worked()), CASE_B)
    assert (scored.score, scored.coverage, scored.low, scored.high) == (30, 1, 30, 30)
    assert scored.points_lost == pytest.approx({"wait.line": 5, "outcome.result": 50, "cap.abandoned": 15})


def test_too_little_observed_gives_no_score_but_keeps_the_bounds() -> None:
    scored = score(model_of(worked()), passage({"transfers": 0.0}, served=True))
    assert scored.score is None
    assert scored.unscored_reason is UnscoredReason.LOW_COVERAGE
    assert scored.points_lost == {}
    assert scored.coverage == pytest.approx(15 / 85)
    assert (scored.low, scored.high) == pytest.approx((100 * 15 / 85, 100))


def test_half_of_the_weight_passes_a_floor_of_one_half() -> None:
    scored = score(model_of(worked()), passage({"wait_seconds": 0.0}))
    assert (scored.score, scored.coverage) == (100, 0.5)


def test_a_little_less_than_the_floor_gives_no_score() -> None:
    document = worked()
    document["elements"]["wait.line"]["weight"] = 29.9
    document["elements"]["outcome.result"]["weight"] = 30.1
    assert score(model_of(document), passage({"wait_seconds": 0.0})).score is None


def test_one_model_scores_each_shape_of_passage_by_its_own_rules() -> None:
    model = model_of(worked())
    shapes = [CASE_A, CASE_B, passage({"wait_seconds": 40.0}, Outcome.COMPLETED), CASE_B]
    assert [score(model, each) for each in shapes] == [score(model_of(worked()), each) for each in shapes]


def test_nothing_observed_gives_no_score_even_without_a_floor() -> None:
    scored = score(model_of(worked() | {"coverage_floor": 0}), passage())
    assert scored.unscored_reason is UnscoredReason.NOTHING_OBSERVED
    assert (scored.score, scored.low, scored.high, scored.coverage) == (None, 0, 100, 0)


def test_nothing_applicable_gives_no_score_and_no_coverage() -> None:
    document = worked()
    for element in document["elements"].values():
        element["applies_when"] = "served"
    scored = score(model_of(document), passage({"wait_seconds": 5.0}))
    assert scored.unscored_reason is UnscoredReason.NOTHING_APPLIES
    assert (scored.score, scored.low, scored.high, scored.coverage) == (None, 0, 100, 0)


def test_an_element_that_does_not_apply_is_ignored_even_if_its_signal_is_known() -> None:
    known = passage({"wait_seconds": 40.0, "transfers": 3.0}, Outcome.ABANDONED)
    assert score(model_of(worked()), known) == score(model_of(worked()), CASE_B)


def test_an_outcome_that_the_table_does_not_list_is_unknown() -> None:
    scored = score(model_of(worked()), passage({"wait_seconds": 0.0}, Outcome.TIMED_OUT))
    assert (scored.score, scored.coverage, scored.low, scored.high) == (100, 0.5, 30, 100)


def test_an_element_for_certain_outcomes_is_unknown_while_the_outcome_is() -> None:
    document = worked()
    document["elements"]["wait.line"]["applies_when"] = "outcome in [completed]"
    scored = score(model_of(document | {"coverage_floor": 0}), passage({"wait_seconds": 600.0}))
    assert (scored.score, scored.low, scored.high) == (None, 0, 100)


def test_a_cap_whose_outcome_is_unknown_counts_in_low_only() -> None:
    scored = score(model_of(worked()), passage({"wait_seconds": 0.0}))
    assert (scored.low, scored.score, scored.high) == (30, 100, 100)


def test_a_cap_whose_signal_is_unknown_counts_in_low_only() -> None:
    document = worked()
    document["caps"] |= with_caps(held=("hold_seconds > 600", 20))
    scored = score(model_of(document), CASE_A)
    assert (scored.low, scored.score, scored.high) == pytest.approx((20, 63.5714, 67.2143), abs=5e-5)


def test_a_signal_cap_trips_above_its_number_and_not_at_it() -> None:
    document = worked()
    document["caps"] |= with_caps(endless=("wait_seconds > 120", 44))
    at = passage({"wait_seconds": 120.0}, Outcome.COMPLETED)
    above = passage({"wait_seconds": 120.001}, Outcome.COMPLETED)
    assert "cap.endless" not in score(model_of(document), at).points_lost
    assert score(model_of(document), above).score == 44


@pytest.mark.parametrize(
    ("caps", "line"),
    [
        (with_caps(high=("always", 50), low=("wait_seconds > 10", 40)), "cap.low"),
        (with_caps(low=("always", 40), high=("wait_seconds > 10", 50)), "cap.low"),
        (with_caps(first=("always", 40), second=("wait_seconds > 10", 40)), "cap.first"),
        (with_caps(first=("wait_seconds > 10", 40), second=("always", 40)), "cap.first"),
        (with_caps(first=("queued", 40), second=("always", 40)), "cap.first"),
        (with_caps(first=("wait_seconds > 10", 40), second=("wait_seconds > 5", 40)), "cap.first"),
    ],
)
def test_the_lowest_tripped_cap_applies_and_the_first_of_equals(caps: dict[str, object], line: str) -> None:
    document = worked()
    document["caps"] |= caps
    scored = score(model_of(document), passage({"wait_seconds": 20.0}, Outcome.COMPLETED))
    assert scored.score == 40
    assert [name for name in scored.points_lost if name.startswith("cap.")] == [line]


def test_a_cap_above_the_base_leaves_no_line() -> None:
    document = worked() | {"caps": with_caps(lenient=("always", 44.99))}
    scored = score(model_of(document), passage({"wait_seconds": 600.0}, Outcome.ABANDONED))
    assert scored.score == 0
    assert "cap.lenient" not in scored.points_lost


def test_systems_that_the_model_does_not_name_change_nothing_and_are_not_remembered() -> None:
    model = model_of(worked())
    for number in range(100):
        strange = passage({"wait_seconds": 40.0}, Outcome.ABANDONED, operations=frozenset({f"system{number}"}))
        assert score(model, strange) == score(model, CASE_B)
    assert len(model.plans) == 1


@pytest.mark.parametrize(
    ("points", "band"),
    [(100, Band.GOOD), (75.01, Band.GOOD), (75, Band.FAIR), (45, Band.FAIR), (44.99, Band.POOR), (0, Band.POOR)],
)
def test_bands_are_good_above_75_fair_from_45_and_poor_below(points: float, band: Band) -> None:
    assert band_of(points) is band
