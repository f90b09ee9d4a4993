"""When customers come: a Poisson process whose rate follows the clock, and streams of chance for each place.

Must not know what customers do once they are here.
"""

import random
from collections.abc import Iterator, Sequence
from itertools import pairwise

from pipeline.source.simulator.business_day import HOUR, BusinessDay

# (hour of the day, customers per hour); straight lines between, nobody outside.
Profile = Sequence[tuple[float, float]]


def stream(seed: int, place: str, purpose: str) -> random.Random:
    """A stream of its own for each place and purpose: what changes here does not reshuffle what happens there."""
    return random.Random(f"{seed}/{place}/{purpose}")  # noqa: S311 - seeds are wanted, not secrecy


def rate(profile: Profile, hour: float) -> float:
    """Customers per hour at an hour of the day."""
    for (left, low), (right, high) in pairwise(profile):
        if left <= hour < right:
            return low + (high - low) * (hour - left) / (right - left)
    return 0.0


def arrivals(chance: random.Random, profile: Profile, load: float, day: BusinessDay) -> Iterator[int]:
    """Times of arrival, ascending, by thinning (Lewis and Shedler 1979); `load` multiplies the profile."""
    most = max(each for _, each in profile)
    hour, last = profile[0][0], profile[-1][0]
    while (hour := hour + chance.expovariate(most * load)) < last:
        if chance.random() * most < rate(profile, hour):
            yield day.at(int(hour * HOUR))
