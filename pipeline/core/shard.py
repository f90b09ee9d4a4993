"""One partition of the log and the interactions held from it: the clock, their lives, the replay offset.

Every decision is a function of the records before it, in offset order. A shard does no I/O: what it writes and
rejects piles up in `written` and `rejected` until the worker takes it, and where it must know whether an
interaction has an earlier life in the table, it raises `LookupNeeded` and goes on when answered.
"""

from collections.abc import Mapping
from typing import Final

from pipeline.core.assess import assess
from pipeline.core.catalog import Catalog, TouchPoint, Windows
from pipeline.core.commit import Mark
from pipeline.core.events import InteractionEvent, RejectReason
from pipeline.core.interaction import NEVER, Interaction, Standing
from pipeline.core.record import Decoded, Reject, Rejection
from pipeline.core.scored import RANK_TIMED_OUT, ScoredInteraction, State
from pipeline.core.tally import Tally
from pipeline.core.timers import Timers

CLOCK_SKEW: Final = 5 * 60 * 1000  # an event may lie this far ahead of the clock
NO_STEPS: Final = 1 << 50  # no provisional rows while the channel is unknown


class LookupNeeded(Exception):  # noqa: N818  # a question, not an error
    """The clock cannot move on before it is known which of these ids have an earlier life in the table."""

    def __init__(self, ids: list[str]) -> None:
        super().__init__(f"{len(ids)} interactions to look up")
        self.ids = ids


class Shard:
    """The held interactions of one partition.

    `writing` is False while state is rebuilt: lives take their course, but nothing is scored.
    """

    def __init__(self, catalog: Catalog, position: int, clock: int = -1, epoch: int = 0) -> None:
        self.position = position
        self.clock = clock
        self.writing = True
        self.held: dict[str, Interaction] = {}
        self.written: list[ScoredInteraction] = []
        self.rejected: list[Rejection] = []
        self.tally = Tally()
        self._catalog = catalog
        self._epoch = epoch
        self._timers = Timers()
        self._dirty: list[Interaction] = []
        self._horizon = catalog.horizon()
        idle, correction, longest = catalog.longest_windows()
        self._longest = Windows(
            idle_timeout=idle, max_open=longest, correction_window=correction, provisional_after=NO_STEPS
        )

    # ---- records, in offset order ----

    def skip(self, offset: int, reject: Reject, origin: object) -> None:
        """Pass a record that could not be decoded: it takes its place, and never moves the clock."""
        self.position = offset + 1
        self.tally.consumed += 1
        self._reject(offset, origin, reject.reason, reject.detail)

    def fold(self, record: Decoded, origin: object) -> None:
        """Move the clock, decide what is due, then fold the record.

        Raises `LookupNeeded` before anything of the record is folded: answer it, and fold the record again.
        """
        clock = max(self.clock, min(record.time, record.stamp))
        if self._timers.any_before(clock):
            self._settle_due(clock)
        clock_before, self.clock = self.clock, clock
        self.position = record.offset + 1
        self.tally.consumed += 1
        held = self.held.get(record.interaction)
        if held is None:
            if record.time < clock - self._horizon:
                self._reject(record.offset, origin, RejectReason.LATE, "older than the horizon")
                return
            held = self._begin(record, clock, clock_before)
        else:
            held.read_clock = clock
            if held.standing is Standing.ORPHAN and isinstance(record.event, InteractionEvent):
                held = self._begin(record, clock, clock_before, instead_of=held)
            elif held.over or held.dead:
                self._reject_after_end(held, record, origin)
                return
            elif (digest := held.digests.get(record.key)) is not None:
                self._fold_known(held, record, origin, clock, same=digest == record.digest)
                return
        self._fold_new(held, record, origin, clock)

    def _begin(
        self, record: Decoded, clock: int, clock_before: int, instead_of: Interaction | None = None
    ) -> Interaction:
        interaction = Interaction(record, clock, clock_before, self._longest)
        if instead_of is not None:
            interaction.replay_offset = instead_of.replay_offset
            interaction.replay_clock = instead_of.replay_clock
            instead_of.timer = NEVER
        self.held[interaction.id] = interaction
        return interaction

    def _fold_known(self, held: Interaction, record: Decoded, origin: object, clock: int, *, same: bool) -> None:
        if held.refusable is not None:
            held.refusable.append((record.offset, origin))
        if not same:
            self._reject(record.offset, origin, RejectReason.CONFLICT, "an event of this source and id came with other bytes")
            return
        held.duplicates += 1
        held.idle_rank = -1
        self.tally.duplicates += 1
        held.folded_clock = clock
        if held.state is not State.OPEN:
            self._touch(held)

    def _fold_new(self, held: Interaction, record: Decoded, origin: object, clock: int) -> None:
        held.collect(record, clock)
        self.tally.applied += 1
        self.tally.unknown_fields += record.unknown_fields
        held.idle_rank = -1
        if held.refusable is not None:
            held.refusable.append((record.offset, origin))
        if record.touch_point is not None:
            self._place(held, record, record.touch_point)
        if held.opened_at is None:
            held.opened_at = record.time
        before = held.state
        if held.ending_outcome is not None:
            held.state = State.ENDED
            self._touch(held)
            self.tally.ended += before is State.OPEN
        elif before is State.ENDED:
            held.state = State.OPEN
            self.tally.ended -= 1
            held.step = max(held.step, held.passed_step(clock), 0)
            self._touch(held)
        elif before is State.TIMED_OUT:
            self._touch(held)
        due = held.next_due()
        if due < held.timer:
            self._timers.set(held, due)

    def _place(self, held: Interaction, record: Decoded, touch_point: TouchPoint) -> None:
        """Take channel, windows and touch-point from the first event of a channel, and again from the opening one."""
        opens = not held.opened and record.event.kind in touch_point.channel.opening
        if held.channel is None or opens:
            held.touch_point = self._catalog.resolve(touch_point.name, held.first_clock) or touch_point
        if held.channel is None:
            held.channel = held.touch_point.channel
            held.windows = held.channel.windows
        if opens:
            held.opened = True
            if held.standing is Standing.UNDECIDED:
                held.opened_at = record.time
                if record.time >= self._oldest_unseen(held):
                    held.standing = Standing.OWN
                    held.refusable = None

    def _oldest_unseen(self, held: Interaction) -> int:
        """Opened before this, the interaction may have been known, ended and forgotten already."""
        return held.first_clock - held.windows.idle_timeout - held.windows.correction_window + CLOCK_SKEW

    def _reject_after_end(self, held: Interaction, record: Decoded, origin: object) -> None:
        if held.standing is Standing.ORPHAN:
            self._reject(record.offset, origin, RejectReason.ORPHAN, "no event of a customer belongs to this operation")
        else:
            self._reject(record.offset, origin, RejectReason.LATE, "its interaction is over")

    def _reject(self, offset: int, origin: object, reason: RejectReason, detail: str) -> None:
        self.tally.rejected[reason] += 1
        if self.writing:
            self.rejected.append(Rejection(offset, reason, detail, origin))

    # ---- what is due by the clock ----

    def _settle_due(self, clock: int) -> None:
        unanswered: list[Interaction] = []
        for held in self._timers.pop_before(clock):
            if not self._settle(held, clock):
                unanswered.append(held)
            elif (held.over or held.dead) and clock > held.forgettable_after():
                del self.held[held.id]
            else:
                self._timers.set(held, held.next_due())
        for held in unanswered:
            self._timers.set(held, held.next_due())
        if unanswered:
            soon = self._timers.before(clock + self._longest.idle_timeout)
            raise LookupNeeded([held.id for held in soon if held.unanswered])

    def _settle(self, held: Interaction, clock: int) -> bool:
        """Move one interaction through everything that is due; False if a look-up must be answered first."""
        if held.state is State.OPEN:
            self._age(held, clock)
        if held.standing is Standing.UNDECIDED and self._must_decide(held, clock):
            if held.earlier is None:
                return False
            self._decide(held)
        if held.correctable and clock > held.correctable_until():
            if held.dirty:
                self._write(held, held.state, held.step)
            held.close()
        return True

    def _age(self, held: Interaction, clock: int) -> None:
        deadline = held.deadline()
        if clock > deadline:
            held.timed_out_clock = deadline
            held.state = State.TIMED_OUT
            self.tally.ended += 1
            self._touch(held)
        elif (step := held.passed_step(clock)) > held.step:
            held.step = step
            self._touch(held)

    def _must_decide(self, held: Interaction, clock: int) -> bool:
        if held.opened:
            return held.state is not State.OPEN and clock > held.correctable_until()
        return clock > held.deadline()

    def answer(self, earlier: Mapping[str, bool]) -> None:
        """Take the answers to `LookupNeeded` or `questions`: which ids have a row of an earlier life."""
        for interaction_id, found in earlier.items():
            held = self.held.get(interaction_id)
            if held is not None and held.standing is Standing.UNDECIDED:
                held.earlier = found
                if held.opened:
                    self._decide(held)
                    self._timers.set(held, held.next_due())

    def _decide(self, held: Interaction) -> None:
        if held.earlier:
            self._refuse_all(held, Standing.LATE, RejectReason.LATE, "its interaction was over and forgotten")
        elif held.opened:
            held.standing = Standing.OWN
            self._touch(held)
        elif held.channel is None:
            detail = "no event of a customer belongs to this operation"
            self._refuse_all(held, Standing.ORPHAN, RejectReason.ORPHAN, detail)
        else:
            held.standing = Standing.PARTIAL
            self._touch(held)
        held.refusable = None

    def _refuse_all(self, held: Interaction, standing: Standing, reason: RejectReason, detail: str) -> None:
        held.standing = standing
        refused = held.refusable or []
        if self.writing:
            self.rejected.extend(Rejection(offset, reason, detail, origin) for offset, origin in refused)
        tally = self.tally
        tally.applied -= held.events
        tally.duplicates -= held.duplicates
        tally.ended -= held.state is not State.OPEN
        tally.rejected[RejectReason.CONFLICT] -= len(refused) - held.records
        tally.rejected[reason] += len(refused)
        held.facts = []
        held.digests = {}

    # ---- rows ----

    def _touch(self, held: Interaction) -> None:
        if not held.dirty:
            held.dirty = True
            self._dirty.append(held)

    def questions(self, stood_milliseconds: int = 0) -> list[str]:
        """Ids that must be looked up before their next row can be written."""
        due = list(self._timers.before(self.clock + stood_milliseconds)) if stood_milliseconds else []
        undecided = {
            held.id: None
            for held in (*self._dirty, *due)
            if held.opened and held.standing is Standing.UNDECIDED and not held.over
        }
        return list(undecided)

    def write_due(self) -> None:
        """Score what changed since the last call into `written`; what waits for a look-up stays for a later call."""
        waiting = []
        for held in self._dirty:
            if not held.dirty or held.dead or held.over:
                continue
            if held.standing is Standing.UNDECIDED:
                if held.opened:
                    waiting.append(held)
                else:
                    held.dirty = False
            else:
                self._write(held, held.state, held.step)
        self._dirty = waiting

    def write_idle(self, stood_milliseconds: int) -> None:
        """Write rows that are due if the partition has stood at its end for so long; no state changes.

        Later evidence still wins: its row carries more records.
        """
        clock = self.clock + stood_milliseconds
        for held in self._timers.before(clock):
            if held.state is not State.OPEN or held.standing not in {Standing.OWN, Standing.PARTIAL}:
                continue
            if clock > held.deadline():
                state, step, rank = State.TIMED_OUT, held.step, RANK_TIMED_OUT
            else:
                state, step = State.OPEN, max(held.step, held.passed_step(clock))
                rank = step + 1
            if rank > max(held.idle_rank, held.step + 1):
                held.idle_rank = rank
                dirty = held.dirty
                self._write(held, state, step)
                held.dirty = dirty

    def _write(self, held: Interaction, state: State, step: int) -> None:
        held.dirty = False
        unseen = held.touch_point is None or (state is State.OPEN and step < 0)
        if self.writing and not unseen:
            self.written.append(assess(held, state, step, self._epoch))

    # ---- positions ----

    def go_live(self) -> None:
        """End a rebuild: everything due so far is durable already, except what still waits for a look-up."""
        self.writing = True
        self.written.clear()
        self.rejected.clear()
        for held in self._dirty:
            held.dirty = held.opened and held.standing is Standing.UNDECIDED and not held.over
        self._dirty = [held for held in self._dirty if held.dirty]
        self.tally = Tally()

    def mark(self) -> Mark:
        """Where the shard stands now. `held` is in order of first records, so its first one is the oldest."""
        oldest = next(iter(self.held.values()), None)
        if oldest is None:
            return Mark(self.position, self.position, self.clock, self.clock)
        return Mark(self.position, oldest.replay_offset, oldest.replay_clock, self.clock)
