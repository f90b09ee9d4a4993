"""Curves: a signal's value to points, piecewise linear, clamped at both ends, monotone.

Owns the one formula; must not know signals or weights.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import pairwise

from msgspec import Struct

Point = tuple[float, float]
# Start value, points at the better end, slope: points = best + (value - start) * slope.
Segment = tuple[float, float, float]


class Curve(Struct, frozen=True):
    """Knots in ascending order of value; `segments[i]` holds between knot i - 1 and knot i."""

    knots: tuple[Point, ...]
    values: tuple[float, ...]
    segments: tuple[Segment, ...]

    def points_at(self, value: float) -> float:
        """Points 0-100 for a value."""
        start, best, slope = self.segments[bisect_right(self.values, value)]
        return best + (value - start) * slope

    def stretch_at(self, value: float) -> tuple[Point, Point]:
        """The two knots between which the value lies; the same knot twice where the curve is clamped."""
        position = bisect_right(self.values, value)
        return self.knots[max(position - 1, 0)], self.knots[min(position, len(self.knots) - 1)]

    @property
    def best(self) -> float:
        """The most points that any value can get."""
        return max(points for _, points in self.knots)


def make_curve(knots: Iterable[Point]) -> Curve:
    """A curve through knots that are sorted, distinct in value and monotone in points."""
    knots = tuple((float(value), float(points)) for value, points in knots)
    (first_value, first_points), (last_value, last_points) = knots[0], knots[-1]
    inner = [_segment(left, right) for left, right in pairwise(knots)]
    segments = ((first_value, first_points, 0.0), *inner, (last_value, last_points, 0.0))
    return Curve(knots, tuple(value for value, _ in knots), segments)


def _segment(left: Point, right: Point) -> Segment:
    # Anchored at the better end: rounding can then never give more than its points, so no loss is negative.
    slope = (right[1] - left[1]) / (right[0] - left[0])
    start, best = left if left[1] >= right[1] else right
    return start, best, slope


def ascends(numbers: Sequence[float]) -> bool:
    """Each number is greater than the one before."""
    return all(left < right for left, right in pairwise(numbers))


def is_monotone(numbers: Sequence[float]) -> bool:
    """The numbers never rise, or never fall."""
    pairs = list(pairwise(numbers))
    return all(left <= right for left, right in pairs) or all(left >= right for left, right in pairs)
