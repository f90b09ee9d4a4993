"""A line before several posts, event by event: customers wait because everybody is busy.

Owns who is next and where; what a service consists of, and how long it takes, its channel says. Times in epoch
milliseconds. First come, first served; of the free posts the one that has been idle longest takes over.
"""

import heapq
from collections import deque
from typing import Final, Generic, NamedTuple, Protocol, TypeVar

from pipeline.source.simulator.staffing import Post

C = TypeVar("C")
C_contra = TypeVar("C_contra", contravariant=True)
FREED: Final = 0
MANNED: Final = 1
BACK: Final = 2
JOINED: Final = 3
IMPATIENT: Final = 4


class Turn(NamedTuple):
    """How a customer's turn goes. `back_at`: when the customer is first in line again, None if served or gone."""

    free_at: int
    back_at: int | None = None


class Channel(Protocol[C_contra]):
    """What the line asks of its channel."""

    def patience_ends(self, customer: C_contra) -> int:
        """When the customer has had enough."""

    def joined(self, customer: C_contra, time: int, ahead: int, manned: int) -> None:
        """The customer stands in line, behind `ahead` others; `manned` posts are at work."""

    def take(self, customer: C_contra, post: Post, time: int) -> Turn:
        """The customer's turn at a post; told once it is known how it goes."""

    def gave_up(self, customer: C_contra, time: int) -> bool:
        """The customer has gone. False: nobody noticed, the place in line is still to be called."""


class Line(Generic[C]):
    """One line. `lengths` are (time, people in line) at each change; whoever left unnoticed is not counted."""

    def __init__(self, channel: Channel[C], posts: list[Post], closing: int) -> None:
        """From `closing` on, the posts manned until then go on until nobody is in line."""
        self.lengths: list[tuple[int, int]] = []
        self._channel, self._posts, self._closing = channel, posts, closing
        self._waiting: deque[int] = deque()
        self._customers: list[C] = []
        self._in_line: set[int] = set()
        self._agenda: list[tuple[int, int, int, int]] = []  # time, what, order of entry, customer
        self._entries = 0

    def run(self, joining: list[tuple[int, C]]) -> None:
        """Let everybody join at their time, until all are gone."""
        for time, customer in joining:
            self._customers.append(customer)
            self._plan(time, JOINED, len(self._customers) - 1)
        for post in self._posts:
            for shift in post.shifts:
                self._plan(shift.start, MANNED)
        self._plan(self._closing, MANNED)
        while self._agenda:
            time, what, _, number = heapq.heappop(self._agenda)
            if what in {JOINED, BACK}:
                self._join(time, number, again=what == BACK)
            elif what == IMPATIENT:
                self._leave(time, number)
            self._call_next(time)

    def _plan(self, time: int, what: int, number: int = -1) -> None:
        self._entries += 1
        heapq.heappush(self._agenda, (time, what, self._entries, number))

    def _join(self, time: int, number: int, *, again: bool) -> None:
        customer = self._customers[number]
        if again:
            self._waiting.appendleft(number)
        else:
            manned = sum(post.is_manned(time) for post in self._posts)
            self._channel.joined(customer, time, len(self._in_line), manned)
            self._waiting.append(number)
        self._in_line.add(number)
        self._count(time)
        self._plan(max(self._channel.patience_ends(customer), time), IMPATIENT, number)

    def _leave(self, time: int, number: int) -> None:
        if number not in self._in_line:
            return
        self._in_line.discard(number)
        self._count(time)
        if self._channel.gave_up(self._customers[number], time):
            self._waiting.remove(number)

    def _call_next(self, time: int) -> None:
        while self._waiting:
            free = [post for post in self._posts if post.free_from <= time and self._is_at_work(post, time)]
            if not free:
                return
            post = min(free, key=lambda each: each.free_from)
            number = self._waiting.popleft()
            self._in_line.discard(number)
            self._count(time)
            turn = self._channel.take(self._customers[number], post, time)
            post.busy.append((time, turn.free_at))
            post.free_from = turn.free_at
            self._plan(turn.free_at, FREED)
            if turn.back_at is not None:
                self._plan(turn.back_at, BACK, number)

    def _is_at_work(self, post: Post, time: int) -> bool:
        if time < self._closing:
            return post.is_manned(time)
        return bool(post.shifts) and post.shifts[-1].end >= self._closing

    def _count(self, time: int) -> None:
        length = len(self._in_line)
        if self.lengths and self.lengths[-1][0] == time:
            self.lengths.pop()
        self.lengths.append((time, length))
