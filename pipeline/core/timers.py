"""When which interaction is due: a heap in which an interaction's later entry replaces its earlier one."""

import heapq
from collections.abc import Iterator

from pipeline.core.interaction import NEVER, Interaction


class Timers:
    """Due clocks (epoch ms) of held interactions. Entries that were replaced stay in the heap until they surface."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Interaction]] = []

    def set(self, held: Interaction, due: int) -> None:
        """Make `due` the only clock at which the interaction is due."""
        held.timer = due
        heapq.heappush(self._heap, (due, held.first_offset, held))

    def any_before(self, clock: int) -> bool:
        """Whether something may be due."""
        return bool(self._heap) and self._heap[0][0] < clock

    def pop_before(self, clock: int) -> Iterator[Interaction]:
        """Take out what is due before `clock`, earliest first; what is set anew meanwhile comes up again."""
        while self._heap and self._heap[0][0] < clock:
            due, _, held = heapq.heappop(self._heap)
            if due == held.timer:
                held.timer = NEVER
                yield held

    def before(self, clock: int) -> Iterator[Interaction]:
        """What is due before `clock`, left in place: a walk down the heap that stops at later branches."""
        stack = [0]
        while stack:
            index = stack.pop()
            if index < len(self._heap) and self._heap[index][0] < clock:
                stack += (2 * index + 1, 2 * index + 2)
                due, _, held = self._heap[index]
                if due == held.timer:
                    yield held
