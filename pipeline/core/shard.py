"""One partition of the log and the interactions held from it: the clock, their lives, the replay offset.

Every decision is a function of the records before it, in offset order. A shard does no I/O: what it writes and
rejects piles up in its `output`. For a look-up, and where much is due at once, it raises (`pauses.py`).
"""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from pipeline.core.catalog import Catalog, TouchPoint
from pipeline.core.commit import Mark
from pipeline.core.conditions import ConditionRecord, Conditions
from pipeline.core.correctable import CLOCK_SKEW, Correctable
from pipeline.core.events import InteractionEvent, RejectReason, Served
from pipeline.core.interaction import LATE, NEVER, ORPHAN, OWN, PARTIAL, UNDECIDED, Interaction, Standing
from pipeline.core.output import Output
from pipeline.core.pauses import LookupNeeded, MoreDue
from pipeline.core.record import Decoded, Reject
from pipeline.core.refusals import NO_CUSTOMER, OLD, OLD_OR_FORGOTTEN, OTHER_BYTES, OVER
from pipeline.core.scored import ENDED, OPEN, TIMED_OUT
from pipeline.core.timers import Timers

SETTLED_AT_ONCE: Final = 5_000  # about 0.1 s, far below the session timeout of the group


class Shard:
    """The interactions held from one partition, by id, in order of their first records."""

    def __init__(
        self, catalog: Catalog, position: int, clock: int = -1, epoch: int = 0, feed: Sequence[ConditionRecord] = ()
    ) -> None:
        self.position = position
        self.clock = clock
        self.held: dict[str, Interaction] = {}
        self.conditions = Conditions()
        self.fed = 0  # how many records of the feed have been applied
        self.output = Output(epoch, self.conditions)
        self._feed = feed
        self._correctable = Correctable()
        self._catalog = catalog
        self._timers = Timers()
        self._unanswered: list[Interaction] = []  # due, and waiting for a look-up
        self._forgotten: list[Interaction] = []  # due, and held until the record that made them due is folded
        self._shortest_horizon = catalog.horizon(-1)  # windows that come to be valid only lengthen it

    # ---- records, in offset order ----

    def skip(self, offset: int, reject: Reject, origin: object) -> None:
        """Pass a record that could not be decoded: it takes its place, and never moves the clock."""
        self.position = offset + 1
        self.output.reject(offset, origin, reject.reason, reject.detail)

    def fold(self, record: Decoded, origin: object) -> None:  # noqa: C901  # a call costs more: tests/bench
        """Move the clock, decide what is due, then fold the record.

        Raises `LookupNeeded` or `MoreDue` before anything of the record is folded: fold the record again.
        """
        time, stamp = record.time, record.stamp
        if self.fed < len(self._feed) and self._feed[self.fed].stamp <= stamp:
            self.apply_conditions(stamp)
        clock = time if time < stamp else stamp
        if clock < self.clock:
            clock = self.clock
        if clock > self._timers.earliest:
            self._settle_due(clock)
        clock_before, self.clock = self.clock, clock
        self.position = record.offset + 1
        held = self.held.get(record.interaction)
        if held is not None:
            held.read_clock = clock
            if record.touch_point is None:
                held.tail_until = clock + self._catalog.longest_tail(clock)  # an operation, whatever becomes of it
            if (digest := held.digests.get(record.key)) is not None:
                self._fold_known(held, record, origin, clock, same=digest == record.digest)
                return
            if (held.over or held.dead) and self._is_refused(held, record, origin):
                return
        if time < clock - self._shortest_horizon and time < clock - self._catalog.horizon(clock):
            self.output.reject(record.offset, origin, RejectReason.LATE, OLD if held is None else OLD_OR_FORGOTTEN)
            return
        if held is None or held.dead:
            held = self._begin(record, clock, clock_before, dead=held)
        self._fold_new(held, record, origin, clock)

    def _is_refused(self, held: Interaction, record: Decoded, origin: object) -> bool:
        """Reject a record of an interaction that is over, unless it is the customer's first event: a new life."""
        orphan = held.standing is ORPHAN
        if orphan and isinstance(record.event, InteractionEvent):
            return False
        late = RejectReason.LATE, OLD_OR_FORGOTTEN if held.dead else OVER
        self.output.reject(record.offset, origin, *((RejectReason.ORPHAN, NO_CUSTOMER) if orphan else late))
        return True

    def _begin(self, record: Decoded, clock: int, clock_before: int, dead: Interaction | None) -> Interaction:
        interaction = Interaction(record, clock, clock_before, self._catalog.longest(clock))
        if dead is not None:
            interaction.replay_offset, interaction.replay_clock = dead.replay_offset, dead.replay_clock
            dead.timer = NEVER
        self.held[interaction.id] = interaction
        return interaction

    def _fold_known(self, held: Interaction, record: Decoded, origin: object, clock: int, *, same: bool) -> None:
        if held.refusable is not None:
            held.refusable.append((record.offset, origin))
        if not same:
            self.output.reject(record.offset, origin, RejectReason.CONFLICT, OTHER_BYTES)
            return
        held.duplicates += 1
        held.idle_rank = -1
        if held.open_at is None:
            self.output.still_open.note(held)
        self.output.tally.duplicates += 1
        held.folded_clock = clock
        if held.state is not OPEN:
            self._change(held)

    def _fold_new(self, held: Interaction, record: Decoded, origin: object, clock: int) -> None:  # noqa: C901  # as fold
        held.collect(record, clock)
        tally = self.output.tally
        tally.applied += 1
        tally.unknown_fields += record.unknown_fields
        if held.refusable is not None:
            held.refusable.append((record.offset, origin))
        channel, opened, state = held.channel, held.opened, held.state
        if record.touch_point is not None and not opened:
            self._place(held, record, record.touch_point)
        if held.open_at is None:
            self.output.still_open.note(held)
        if held.opened_at is None:
            held.opened_at = record.time
        if held.ending_outcome is not None or state is not OPEN:
            self._fold_into_ended(held, clock)
        elif held.step >= 0 and type(record.event) is Served:
            self.output.touch(held)  # its provisional row says that somebody still waits
        if held.earlier is not None and held.standing is UNDECIDED:
            self._decide_opened(held)  # it was looked up before its opening event came
        if held.timer == NEVER or held.state is not state or held.opened is not opened or held.channel is not channel:
            self._timers.set(held, held.next_due())  # it may be due earlier than before

    def _fold_into_ended(self, held: Interaction, clock: int) -> None:
        """The interaction ends, is corrected, or is open again."""
        before = held.state
        if held.ending_outcome is not None:
            held.state = ENDED
            self.output.tally.ended += before is OPEN
        elif before is ENDED:
            held.state = OPEN
            held.step = max(held.step, held.passed_step(clock), 0)
            self.output.tally.ended -= 1
        self._change(held)

    def _change(self, held: Interaction) -> None:
        """Its row changes; while it is correctable, conditions may change it again."""
        self._correctable.note(held, self.clock)
        self.output.touch(held)

    def _place(self, held: Interaction, record: Decoded, touch_point: TouchPoint) -> None:
        """Take channel, windows and touch-point from the first event of a channel, and again from the opening one."""
        opens = record.event.kind in touch_point.channel.opening
        if held.channel is not None and not opens:
            return
        held.touch_point = self._catalog.resolve(touch_point.name, held.first_clock) or touch_point
        self.output.still_open.leave_other(held)
        if held.channel is None:
            held.channel = held.touch_point.channel
            held.windows = held.channel.windows
        if opens:
            held.opened = True
            if held.standing is UNDECIDED:
                held.opened_at = record.time
                if record.time >= held.oldest_unseen() + CLOCK_SKEW:
                    held.standing = OWN
                    held.refusable = None

    # ---- what is due by the clock ----

    def _settle_due(self, clock: int) -> None:
        for held in self._timers.pop_before(clock, SETTLED_AT_ONCE):
            if not self._settle(held, clock):
                self._unanswered.append(held)
            elif (held.over or held.dead) and clock > held.forgettable_after():
                self._forgotten.append(held)
            else:
                self._timers.set(held, held.next_due())
        if clock > self._timers.earliest:
            raise MoreDue
        if self._unanswered:
            for held in self._unanswered:
                self._timers.set(held, held.next_due())
            self._unanswered = []
            soon = self._timers.before(clock + self._catalog.longest(clock).idle_timeout)
            raise LookupNeeded([held.id for held in soon if held.unanswered])
        while self._forgotten:  # only now: a look-up commits, and its mark must not know of this record
            del self.held[self._forgotten.pop().id]

    def _settle(self, held: Interaction, clock: int) -> bool:
        """Move one interaction through everything that is due; False if a look-up must be answered first."""
        if held.state is OPEN:
            self._age(held, clock)
        if held.standing is UNDECIDED and held.must_be_decided(clock):
            if held.earlier is None:
                return False
            self._decide(held)
        if held.correctable and clock > held.correctable_until():
            if held.dirty:
                self.output.write(held, held.state, held.step)
            self._correctable.drop(held)
            held.close()
        return True

    def _age(self, held: Interaction, clock: int) -> None:
        deadline = held.deadline()
        if clock > deadline:
            held.timed_out_clock = deadline
            held.state = TIMED_OUT
            self.output.tally.ended += 1
            self._change(held)
        elif (step := held.passed_step(clock)) > held.step:
            held.step = step
            self.output.touch(held)

    def answer(self, earlier: Mapping[str, bool]) -> None:
        """Take the answers to `LookupNeeded` or `questions`: which ids have a row of an earlier life."""
        for interaction_id, found in earlier.items():
            held = self.held.get(interaction_id)
            if held is not None and held.standing is UNDECIDED:
                held.earlier = found
                self._decide_opened(held)

    def go_live(self) -> None:
        """End a rebuild."""
        self.output.go_live(self.held.values())
        for held in self.held.values():
            if held.earlier is not None and held.standing is UNDECIDED:
                self._decide_opened(held)

    def _decide_opened(self, held: Interaction) -> None:
        """Use an answer at once. Not in a rebuild: there it may come before the one after which rows were written."""
        if held.opened and self.output.writing:
            self._decide(held)
            self._timers.set(held, held.next_due())

    def _decide(self, held: Interaction) -> None:
        if held.earlier:
            self._bury(held, LATE, RejectReason.LATE, OLD_OR_FORGOTTEN)
        elif held.opened:
            held.standing = OWN
            self.output.touch(held)
        elif held.channel is None:
            self._bury(held, ORPHAN, RejectReason.ORPHAN, NO_CUSTOMER)
        else:
            held.standing = PARTIAL
            self.output.touch(held)
        held.refusable = None

    def _bury(self, held: Interaction, standing: Standing, reason: RejectReason, detail: str) -> None:
        self.output.reject_all(held, reason, detail)
        self._correctable.drop(held)
        held.bury(standing)

    # ---- conditions ----

    def apply_conditions(self, stamp: int | None = None) -> None:
        """Take the condition records stamped up to `stamp`, or all: they enter as if they stood in the log."""
        feed, first = self._feed, self.fed
        while self.fed < len(feed) and (stamp is None or feed[self.fed].stamp <= stamp):
            self.fed += 1
        since = self.conditions.apply_all(feed[first : self.fed])
        for held in self._correctable.touched(since) if since else ():
            self.output.touch(held)

    # ---- rows and positions ----

    def questions(self, stood_milliseconds: int = 0) -> list[str]:
        """Ids that must be looked up before their next row can be written."""
        due = self._timers.before(self.clock + stood_milliseconds) if stood_milliseconds else ()
        undecided = [held for held in due if held.opened and held.unanswered]
        return list(dict.fromkeys(held.id for held in (*self.output.waiting(), *undecided)))

    def write_due(self, stood_milliseconds: int = 0) -> None:
        """Score what changed since the last call, and what is due if the partition has stood at its end so long."""
        deque(self.stretches_due(stood_milliseconds), maxlen=0)

    def stretches_due(self, stood_milliseconds: int = 0) -> Iterator[None]:
        """`write_due` in stretches of about 0.1 s; fold nothing before the last one."""
        yield from self.output.write_due()
        if stood_milliseconds:
            clock = self.clock + stood_milliseconds
            yield from self.output.write_idle(self._timers.before(clock), clock)

    def mark(self) -> Mark:
        """Where the shard stands now. `held` is in order of first records, so its first one is the oldest."""
        oldest = next(iter(self.held.values()), None)
        if oldest is None:
            return Mark(self.position, self.position, self.clock, self.clock)
        return Mark(self.position, oldest.replay_offset, oldest.replay_clock, self.clock)
