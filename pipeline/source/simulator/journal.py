"""What happened, written down as events of the contract: in the order of writing here, in order of time later.

Owns ids of interactions and events; must not know queues, systems or Kafka.
"""

from typing import Any, Final, NamedTuple

from pipeline.core.events import RANKS, Event, InteractionEvent, Operation, OperationStatus
from pipeline.core.side_events import SideEvent

BEFORE_EVENTS: Final = -1
AFTER_EVENTS: Final = len(RANKS)


class Outgoing(NamedTuple):
    """One record to send. Sorted as it stands: conditions of a moment before its events, then by rank of type."""

    time: int
    rank: int
    key: str
    number: int
    event_id: str
    source: str
    channel: str | None
    event: Event | SideEvent


class Journal:
    """All interactions of one touch-point. `run` tells this simulation from any other, so that ids never meet."""

    def __init__(self, run: str, touch_point: str) -> None:
        """Empty. `touch_point` begins with its channel."""
        self.touch_point = touch_point
        self.channel = touch_point.partition("/")[0]
        self.written: list[Outgoing] = []
        self._prefix = f"{run}-{touch_point.replace('/', '-')}"
        self._opened = 0

    def open(self) -> "Diary":
        """Begin the next interaction."""
        self._opened += 1
        return Diary(self, f"{self._prefix}-{self._opened:05d}")


class Diary:
    """One interaction. Times in epoch milliseconds."""

    __slots__ = ("_journal", "_number", "interaction")

    def __init__(self, journal: Journal, interaction: str) -> None:
        """Nothing happened yet."""
        self.interaction = interaction
        self._journal = journal
        self._number = 0

    def note(self, kind: type[InteractionEvent], time: int, **fields: Any) -> None:  # noqa: ANN401 - fields of `kind`
        """Write down an event between customer and organisation."""
        journal = self._journal
        event = kind(interaction=self.interaction, touch_point=journal.touch_point, time=time, **fields)
        self._write(event, time, RANKS[kind], f"simulator/{journal.touch_point}", journal.channel)

    def note_operation(  # noqa: PLR0913, PLR0917 - the fields of an operation
        self, system: str, operation: str, time: int, milliseconds: int, status: OperationStatus, attempt: int
    ) -> None:
        """Write down a backend system's work that began at `time`."""
        event = Operation(
            interaction=self.interaction, system=system, operation=operation, time=time, seconds=milliseconds / 1000,
            status=status, attempt=attempt,
        )  # fmt: skip
        self._write(event, time, RANKS[Operation], f"simulator/system/{system}", None)

    def _write(self, event: Event, time: int, rank: int, source: str, channel: str | None) -> None:
        self._number += 1
        event_id = f"{self.interaction}/{self._number}"
        self._journal.written.append(
            Outgoing(time, rank, self.interaction, self._number, event_id, source, channel, event)
        )
