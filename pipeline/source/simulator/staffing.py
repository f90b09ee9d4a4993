"""Who works when: counters and agents by shift plan.

A plan says how many are at work from hour to hour; a post (a counter, an agent's desk) is manned by somebody else in
the second half of the day. Must not know customers.
"""

from collections.abc import Sequence
from hashlib import blake2b
from itertools import pairwise
from typing import Final

from msgspec import Struct

from pipeline.source.simulator.business_day import HOUR, BusinessDay

CHANGE_HOUR: Final = 13.0

# (from hour, to hour, how many), without gaps.
Plan = Sequence[tuple[float, float, int]]


class Shift(Struct, frozen=True):
    """One member of staff at a post, in epoch milliseconds."""

    start: int
    end: int
    staff: str


class Post:
    """A counter or a desk. `busy` are the spans in which somebody was served there or the paperwork done."""

    def __init__(self, name: str, shifts: tuple[Shift, ...]) -> None:
        """Free from the beginning."""
        self.name, self.shifts = name, shifts
        self.busy: list[tuple[int, int]] = []
        self.free_from = 0

    def is_manned(self, time: int) -> bool:
        """Whether the shift plan has somebody here."""
        return any(shift.start <= time < shift.end for shift in self.shifts)

    def staff_at(self, time: int) -> str:
        """Who is here; after a shift whoever had the last one stays to the end of the work."""
        return max((shift for shift in self.shifts if shift.start <= time), key=lambda shift: shift.start).staff


def posts(place: str, plan: Plan, day: BusinessDay, absent: tuple[int, int] | None = None) -> list[Post]:
    """The posts of a place; in the span `absent` (of the day, in ms) only the first one is manned."""
    most = max(count for _, _, count in plan)
    return [
        Post(str(index + 1), tuple(_shifts(place, index, plan, day, absent if index else None)))
        for index in range(most)
    ]


def _shifts(place: str, index: int, plan: Plan, day: BusinessDay, absent: tuple[int, int] | None) -> list[Shift]:
    pieces = [(start, end) for start, end, count in plan if count > index]
    cuts = {hour for piece in pieces for hour in piece} | {CHANGE_HOUR}
    borders = sorted({int(hour * HOUR) for hour in cuts} | set(absent or ()))
    found: list[Shift] = []
    for start, end in pairwise(borders):
        manned = any(int(left * HOUR) <= start and end <= int(right * HOUR) for left, right in pieces)
        if not manned or (absent and absent[0] <= start and end <= absent[1]):
            continue
        staff = staff_id(place, index, late=start >= CHANGE_HOUR * HOUR)
        found.append(Shift(day.at(start), day.at(end), staff))
    return found


def staff_id(place: str, index: int, *, late: bool) -> str:
    """An opaque id of a member of staff."""
    return f"s-{blake2b(f'{place}/{index}/{late}'.encode(), digest_size=4).hexdigest()}"
