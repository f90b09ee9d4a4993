import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.curves import make_curve

WAIT = make_curve([(20, 100), (60, 80), (180, 30), (600, 0)])


@pytest.mark.parametrize(
    ("value", "points"),
    [(0, 100), (20, 100), (40, 90), (60, 80), (120, 55), (180, 30), (390, 15), (600, 0), (9000, 0), (-5, 100)],
)
def test_points_run_straight_between_knots_and_stay_at_the_ends(value: float, points: float) -> None:
    assert WAIT.points_at(value) == pytest.approx(points)


@pytest.mark.parametrize(
    ("value", "stretch"),
    [
        (5, ((20, 100), (20, 100))),
        (60, ((60, 80), (180, 30))),
        (100, ((60, 80), (180, 30))),
        (600, ((600, 0), (600, 0))),
    ],
)
def test_a_value_knows_its_stretch(value: float, stretch: tuple[tuple[float, float], ...]) -> None:
    assert WAIT.stretch_at(value) == stretch


@given(
    st.lists(st.integers(0, 10_000), min_size=2, max_size=6, unique=True),
    st.lists(st.floats(0, 100), min_size=6, max_size=6),
    st.booleans(),
    st.floats(-100, 20_000),
    st.floats(-100, 20_000),
)
def test_curves_are_monotone_and_stay_in_range(
    values: list[int],
    points: list[float],
    falling: bool,  # noqa: FBT001 - drawn
    one: float,
    other: float,
) -> None:
    curve = make_curve(zip(sorted(values), sorted(points[: len(values)], reverse=falling), strict=True))
    left, right = curve.points_at(min(one, other)), curve.points_at(max(one, other))
    low, high = (right, left) if falling else (left, right)
    assert -1e-9 <= low <= high + 1e-9
    assert high <= curve.best <= 100
