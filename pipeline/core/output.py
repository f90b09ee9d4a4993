"""What a shard has to write: rows scored from what changed, records rejected, and what they add up to.

Owns when a row is scored, never what decides over a life (`shard.py`).
"""

from collections.abc import Iterable, Iterator
from typing import Final

from pipeline.core.assess import assess
from pipeline.core.conditions import Conditions
from pipeline.core.events import RejectReason
from pipeline.core.interaction import OWN, PARTIAL, UNDECIDED, Interaction
from pipeline.core.record import Rejection
from pipeline.core.scored import OPEN, RANK_TIMED_OUT, TIMED_OUT, ScoredInteraction, State
from pipeline.core.still_open import StillOpen
from pipeline.core.tally import Tally

SCORED_AT_ONCE: Final = 5_000  # about 0.1 s


class Output:
    """Piles up until the worker takes it. While not `writing`, in a rebuild, lives take their course unwritten."""

    def __init__(self, epoch: int, conditions: Conditions) -> None:
        self.writing = True
        self.tally = Tally()
        self.still_open = StillOpen()
        self._epoch = epoch
        self._conditions = conditions
        self._written: list[ScoredInteraction] = []
        self._ended: list[ScoredInteraction] = []
        self._rejected: list[Rejection] = []
        self._changed: list[Interaction] = []

    def take(self) -> tuple[list[ScoredInteraction], list[Rejection]]:
        """Hand over rows and rejects; begin anew."""
        taken = self._written, self._rejected
        self._written, self._rejected = [], []
        return taken

    def take_over(self) -> list[ScoredInteraction]:
        """Hand over, without any call of `write_due`, the rows of interactions that are over now: one of each."""
        self._changed = []  # they stay marked as changed, so they are written when they are over
        self._ended = []
        return self.take()[0]

    def take_ended(self) -> list[ScoredInteraction]:
        """Hand over, for counting, those rows that are the first to show an interaction as ended or timed out."""
        taken, self._ended = self._ended, []
        return taken

    def touch(self, held: Interaction) -> None:
        """Its row is no longer what it was."""
        self.still_open.note(held)
        if not held.dirty:
            held.dirty = True
            if self.writing:
                self._changed.append(held)

    def write_due(self) -> Iterator[None]:
        """Score what changed, in stretches; what waits for a look-up stays for a later call."""
        waiting = []
        for number, held in enumerate(self._changed, 1):
            if number % SCORED_AT_ONCE == 0:
                yield
            if not held.dirty or held.dead or held.over:
                continue
            if held.standing is not UNDECIDED:
                self.write(held, held.state, held.step)
            elif held.opened:
                waiting.append(held)
            else:
                held.dirty = False
        self._changed = waiting

    def write_idle(self, due: Iterable[Interaction], clock: int) -> Iterator[None]:
        """Write the rows that are due at a clock which no record has reached, in stretches; no state changes.

        Later evidence still wins: its row carries more records.
        """
        for number, held in enumerate(due, 1):
            if number % SCORED_AT_ONCE == 0:
                yield
            if held.state is not OPEN or held.standing not in {OWN, PARTIAL}:
                continue
            if clock > held.deadline():
                state, step, rank = TIMED_OUT, held.step, RANK_TIMED_OUT
            else:
                state, step = OPEN, max(held.step, held.passed_step(clock))
                rank = step + 1
            if rank > max(held.idle_rank, held.step + 1):
                held.idle_rank = rank
                dirty = held.dirty
                self.write(held, state, step)
                held.dirty = dirty
                self.still_open.note(held)

    def write(self, held: Interaction, state: State, step: int) -> None:
        """Score one interaction as it stands in `state`, if there is something to show of it."""
        held.dirty = False
        unseen = held.touch_point is None or (state is OPEN and step < 0)
        if self.writing and not unseen:
            scored, misses = assess(held, state, step, self._epoch, self._conditions)
            self._written.append(scored)
            if state is OPEN:
                self.still_open.note_score(held, scored.score.score)
            elif not held.counted:
                held.counted = True
                self._ended.append(scored)
                if misses and not scored.attributes.synthetic:
                    self.tally.join_misses[misses] += 1

    def waiting(self) -> list[Interaction]:
        """Changed interactions whose first row waits for a look-up."""
        return [held for held in self._changed if held.opened and held.unanswered and not held.over]

    def reject(self, offset: int, origin: object, reason: RejectReason, detail: str) -> None:
        """A record cannot be used."""
        self.tally.rejected[reason] += 1
        if self.writing:
            self._rejected.append(Rejection(offset, reason, detail, origin))

    def reject_all(self, held: Interaction, reason: RejectReason, detail: str) -> None:
        """All records of an interaction turn out unusable; they leave the counts in which they stood."""
        refused = held.refusable or []
        self.still_open.drop(held)
        if self.writing:
            self._rejected.extend(Rejection(offset, reason, detail, origin) for offset, origin in refused)
        tally = self.tally
        tally.applied -= held.events
        tally.duplicates -= held.duplicates
        tally.ended -= held.state is not OPEN
        tally.rejected[RejectReason.CONFLICT] -= len(refused) - held.records
        tally.rejected[reason] += len(refused)

    def go_live(self, lives: Iterable[Interaction]) -> None:
        """End a rebuild of these: all that was due is durable already, except what still waits for a look-up."""
        self.writing = True
        self.tally = Tally()
        for held in lives:
            held.dirty = held.dirty and held.opened and held.standing is UNDECIDED and not held.over
            held.counted = held.state is not OPEN and not held.dirty
            if held.dirty:
                self._changed.append(held)

    def write_again(self, lives: Iterable[Interaction]) -> None:
        """In a new epoch rows are written anew, but of what is over: a recomputation does that."""
        for held in lives:
            if not held.over and not held.dead:
                self.touch(held)
