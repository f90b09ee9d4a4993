"""When which interaction is due: a heap in which an interaction's later entry replaces its earlier one."""

from collections.abc import Iterator
from heapq import heappop, heappush

from pipeline.core.interaction import NEVER, Interaction


class Timers:
    """Due clocks (epoch ms) of held interactions. Entries that were replaced stay in the heap until they surface.

    `earliest`: before this clock nothing is due.
    """

    def __init__(self) -> None:
        self.earliest = NEVER
        self._heap: list[tuple[int, int, Interaction]] = []

    def set(self, held: Interaction, due: int) -> None:
        """Make `due` the only clock at which the interaction is due."""
        held.timer = due
        heappush(self._heap, (due, held.first_offset, held))
        if due < self.earliest:
            self.earliest = due

    def pop_before(self, clock: int, at_most: int) -> Iterator[Interaction]:
        """Take out what is due before `clock`, earliest first; what is set anew meanwhile comes up again."""
        heap = self._heap
        while at_most and heap and heap[0][0] < clock:
            due, _, held = heappop(heap)
            if due == held.timer:
                held.timer = NEVER
                at_most -= 1
                yield held
        self.earliest = heap[0][0] if heap else NEVER

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
