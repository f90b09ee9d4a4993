"""The facts of one interaction and where it stands in its life; it only collects, and decides nothing by itself.

`shard.py` moves it through its life by the clock. Times and clocks are epoch milliseconds.
"""

import enum
from typing import TYPE_CHECKING, Final

from pipeline.core.catalog import Channel, TouchPoint, Windows
from pipeline.core.events import RANKS, Ended, Event, NoShow, Outcome, Reopened, Saved
from pipeline.core.record import Decoded
from pipeline.core.scored import OPEN, TIMED_OUT

if TYPE_CHECKING:
    from pipeline.core.passage import Fact

EndingOrder = tuple[int, int, str]

ENDINGS: Final = frozenset({Ended, Saved, NoShow, Reopened})
NEVER: Final = 1 << 62
MAX_STEP: Final = 40


class Standing(enum.Enum):
    """What is known of the beginning: whether this is a life of its own or the tail of one already over."""

    UNDECIDED = "undecided"
    OWN = "own"
    PARTIAL = "partial"
    LATE = "late"
    ORPHAN = "orphan"


# By these names, as the states in `scored.py`.
UNDECIDED: Final = Standing.UNDECIDED
OWN: Final = Standing.OWN
PARTIAL: Final = Standing.PARTIAL
LATE: Final = Standing.LATE
ORPHAN: Final = Standing.ORPHAN


class Interaction:
    """One customer's passage through one touch-point, as its records arrive in offset order.

    `replay_offset` and `replay_clock` are the place from which its state can be rebuilt; `refusable` keeps what
    must be rejected should it turn out to be a tail or an orphan, and is None as soon as that cannot happen. Until the
    clock `tail_until` a rebuild that meets its last operation, and nothing before it, would hold that one.
    `dead`: it turned out so, and all its records are rejected. `over`: nothing corrects it any more. For counting
    only: `open_at` names the touch-point at which it counts as open, `counted` says that its first end has a row.
    """

    __slots__ = (
        "channel", "counted", "dead", "digests", "dirty", "duplicates", "earlier", "ending", "ending_outcome",
        "events", "facts", "first_clock", "first_offset", "folded_clock", "id", "idle_rank", "open_at", "opened",
        "opened_at", "over", "read_clock", "refusable", "replay_clock", "replay_offset", "standing", "state", "step",
        "tail_until", "timed_out_clock", "timer", "touch_point", "windows",
    )  # fmt: skip

    def __init__(self, record: Decoded, clock: int, clock_before: int, windows: Windows) -> None:
        self.id = record.interaction
        self.first_offset = self.replay_offset = record.offset
        self.replay_clock = clock_before
        self.first_clock = self.folded_clock = self.read_clock = clock
        self.tail_until = -1
        self.windows = windows
        self.channel: Channel | None = None
        self.touch_point: TouchPoint | None = None
        self.facts: list[Fact] = []
        self.digests: dict[str, int] = {}
        self.events = self.duplicates = 0
        self.refusable: list[tuple[int, object]] | None = []
        self.opened = False
        self.opened_at: int | None = None
        self.ending: EndingOrder | None = None
        self.ending_outcome: Outcome | None = None
        self.state = OPEN
        self.step = -1
        self.idle_rank = -1
        self.timed_out_clock = 0
        self.standing = UNDECIDED
        self.earlier: bool | None = None
        self.over = self.dead = self.dirty = self.counted = False
        self.open_at: str | None = None
        self.timer = NEVER

    @property
    def lasts(self) -> bool:
        """Whether it has neither ended nor timed out."""
        return self.state is OPEN and not self.dead

    @property
    def correctable(self) -> bool:
        """Whether it has ended or timed out, as a life that counts, and evidence may still correct it."""
        decided = self.standing is OWN or self.standing is PARTIAL
        return decided and not self.over and self.state is not OPEN

    @property
    def unanswered(self) -> bool:
        """Whether it may be the tail of an earlier life, and nobody has looked yet."""
        return self.standing is UNDECIDED and self.earlier is None

    @property
    def records(self) -> int:
        """Records folded: events and duplicates."""
        return self.events + self.duplicates

    def collect(self, record: Decoded, clock: int) -> None:
        """Add a fact that is not a duplicate."""
        event = record.event
        kind = type(event)
        rank, key = RANKS[kind], record.key
        self.facts.append((record.time, rank, key, event))
        self.digests[key] = record.digest
        self.events += 1
        self.folded_clock = clock
        self.idle_rank = -1
        if kind in ENDINGS:
            order = (record.time, rank, key)
            if self.ending is None or order > self.ending:
                self.ending = order
                self.ending_outcome = ending_outcome(event)

    def oldest_unseen(self) -> int:
        """Opened before this, it may have been known, ended and forgotten already."""
        return self.first_clock - self.windows.idle_timeout - self.windows.correction_window

    def deadline(self) -> int:
        """The clock after which an open interaction has timed out."""
        windows = self.windows
        idle, longest = self.folded_clock + windows.idle_timeout, self.first_clock + windows.max_open
        return idle if idle < longest else longest

    def correctable_until(self) -> int:
        """The clock after which evidence is late."""
        windows = self.windows
        latest = self.folded_clock
        if self.state is TIMED_OUT and self.timed_out_clock > latest:
            latest = self.timed_out_clock
        longest = self.first_clock + windows.max_open + windows.idle_timeout + 2 * windows.correction_window
        until = latest + windows.correction_window
        return until if until < longest else longest

    def must_be_decided(self, clock: int) -> bool:
        """Whether it must be known by now if this is a life of its own."""
        if self.opened:
            return self.state is not OPEN and clock > self.correctable_until()
        return clock > self.deadline()

    def forgettable_after(self) -> int:
        """The clock after which it is forgotten: its own windows after the latest record read for it.

        And no tail of it is held any longer: an operation alone does not tell the channel, so the longest windows hold.
        """
        until = self.read_clock + self.windows.idle_timeout + self.windows.correction_window
        return until if until > self.tail_until else self.tail_until

    def next_due(self) -> int:
        """The clock after which something is to be decided next."""
        if self.over or self.dead:
            return self.forgettable_after()
        if self.state is OPEN:
            deadline, step_clock = self.deadline(), self.step_clock(self.step + 1)
            return deadline if deadline < step_clock else step_clock
        if not self.opened and self.standing is UNDECIDED:
            return self.deadline()
        return self.correctable_until()

    def step_clock(self, step: int) -> int:
        """The clock after which a provisional row of this step is due: first + `provisional_after` · 2^step."""
        return self.first_clock + (self.windows.provisional_after << step)

    def passed_step(self, clock: int) -> int:
        """The highest step passed at this clock, -1 for none."""
        step = -1
        while step < MAX_STEP and clock > self.step_clock(step + 1):
            step += 1
        return step

    def bury(self, standing: Standing) -> None:
        """It is no life of its own: keep the stub only."""
        self.standing = standing
        self.dead = True
        self.facts = []
        self.digests = {}

    def close(self) -> None:
        """It is over: keep the stub only."""
        self.over = True
        self.facts = []
        self.digests = {}
        self.refusable = None


def ending_outcome(event: Event) -> Outcome | None:
    """The outcome that an end event states; None takes the end back."""
    if isinstance(event, Ended):
        return event.outcome
    if isinstance(event, Saved):
        return Outcome.SAVED
    return Outcome.NO_SHOW if isinstance(event, NoShow) else None
