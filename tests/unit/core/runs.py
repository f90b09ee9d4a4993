"""Two ways through a random world: one undisturbed, record by record; one with batches, crashes at every point,
rebuilds, zombies and kept shards.
"""

import random
from collections.abc import Iterable, Sequence

from pipeline.core.catalog import Catalog
from pipeline.core.commit import Mark
from pipeline.core.conditions import ConditionRecord
from pipeline.core.events import RejectReason
from pipeline.core.pauses import LookupNeeded, MoreDue
from pipeline.core.record import Decoded, Reject, Rejection
from pipeline.core.scored import ScoredInteraction
from pipeline.core.shard import Shard
from tests.unit.core.worlds import HOUR, MINUTE, TOUCH_POINTS, Sent, as_event

FOR_EVER = 1 << 50
GARBAGE = Reject(RejectReason.MALFORMED, "not JSON")
REASON_RANKS = {RejectReason.CONFLICT: 1, RejectReason.ORPHAN: 2, RejectReason.LATE: 2}


class World:
    """A log with a catalog, and the tables that a run fills."""

    def __init__(self, log: list[Sent], catalog: Catalog, conditions: Sequence[ConditionRecord] = ()) -> None:
        self.log = log
        self.conditions = conditions
        self.catalog = catalog
        self.epoch = 0
        self.rows: dict[tuple[int, str], ScoredInteraction] = {}
        self.rejects: dict[int, tuple[RejectReason, str]] = {}
        self.contradictions: list[tuple[object, object]] = []  # equal versions of other content: any of them may stay

    def insert(self, written: Iterable[ScoredInteraction], rejected: Iterable[Rejection]) -> None:
        """What ClickHouse does: the newest version of a key wins, of equal ones the last."""
        for row in written:
            key = (row.opened_at // HOUR, row.interaction)
            old = self.rows.get(key)
            if old is not None and old.version == row.version and old != row:
                self.contradictions.append((old, row))
            if old is None or row.version >= old.version:
                self.rows[key] = row
        for reject in rejected:
            self.reject(reject.offset, reject.reason, reject.detail)

    def reject(self, offset: int, reason: RejectReason, detail: str) -> None:
        """The same for rejects: a reason of higher rank stays."""
        old, new = self.rejects.get(offset), (reason, detail)
        rank, old_rank = REASON_RANKS.get(reason, 0), -1 if old is None else REASON_RANKS.get(old[0], 0)
        if rank == old_rank and old != new:
            self.contradictions.append((old, new))
        if rank >= old_rank:
            self.rejects[offset] = new

    def earlier_lives(self, shard: Shard, ids: Iterable[str]) -> dict[str, bool]:
        """Which of these have a row of an earlier life."""
        firsts: dict[str, int] = {}
        for row in self.rows.values():
            firsts[row.interaction] = min(row.first_offset, firsts.get(row.interaction, row.first_offset))
        return {name: firsts.get(name, FOR_EVER) < shard.held[name].first_offset for name in ids}

    def decoded(self, offset: int) -> Decoded:
        """The record at an offset."""
        record = self.log[offset]
        name = f"i{record.interaction}"
        touch_point = None
        if record.kind != "operation":
            touch_point = self.catalog.resolve(TOUCH_POINTS[record.interaction % 2], 0)
        event = as_event(record, name)
        return Decoded(offset, record.stamp, record.time, name, record.key, record.body, event, touch_point)


class DiedAskingError(Exception):
    """A process died after the commit that a look-up needs, before its answer."""

    def __init__(self, commit: Mark) -> None:
        super().__init__()
        self.commit = commit


class Worker:
    """One process working on the log: its shard, the blocks it has cut, and what it has committed."""

    def __init__(self, world: World, shard: Shard) -> None:
        self.world = world
        self.shard = shard
        self.dies_asking = False
        self.pending: list[tuple[list[ScoredInteraction], list[Rejection], Mark]] = []

    def fold_next(self, *, cuts: bool = True) -> None:
        """Fold one record; a look-up first makes everything before it durable, if blocks are cut at all."""
        offset = self.shard.position
        if self.world.log[offset].kind == "garbage":
            self.shard.skip(offset, GARBAGE, offset)
            return
        record = self.world.decoded(offset)
        while True:
            try:
                self.shard.fold(record, offset)
            except MoreDue:
                assert self.shard.position == offset
            except LookupNeeded as needed:
                self.look_up(needed.ids, cuts=cuts)
            else:
                return

    def look_up(self, ids: list[str], *, cuts: bool = True) -> None:
        """Answer questions from the table, after everything written so far is in it."""
        if cuts:
            self.cut()
        for written, rejected, _ in self.pending:
            self.world.insert(written, rejected)
        if self.dies_asking and self.pending:
            raise DiedAskingError(self.pending[-1][2])
        self.shard.answer(self.world.earlier_lives(self.shard, ids))

    def cut(self, stood: int = 0) -> None:
        """Close a block."""
        self.shard.write_due(stood)
        self.pending.append((*self.shard.output.take(), self.shard.mark()))

    def settle_questions(self) -> None:
        """Cut; where rows wait for a look-up, look up and cut again."""
        self.cut()
        if ids := self.shard.questions():
            self.look_up(ids)
            self.cut()

    def flush(self) -> Mark | None:
        """Insert all pending blocks; the mark to commit, None if nothing was pending."""
        mark = None
        for written, rejected, mark in self.pending:  # noqa: B007  # the last one counts
            self.world.insert(written, rejected)
        self.pending = []
        return mark

    def stand(self, milliseconds: int) -> None:
        """Write what is due after standing at the end of the log for so long."""
        if ids := self.shard.questions(milliseconds):
            self.look_up(ids)
        last = self.world.log[self.shard.position - 1].stamp
        self.shard.apply_conditions(last + milliseconds)  # at its end a shard takes them as they arrive
        self.cut(milliseconds)


def run_undisturbed(world: World) -> Worker:
    """One process, a block for every record."""
    worker = Worker(world, Shard(world.catalog, 0, epoch=world.epoch, feed=world.conditions))
    while worker.shard.position < len(world.log):
        worker.fold_next()
        worker.settle_questions()
        worker.flush()
    worker.stand(FOR_EVER)
    worker.flush()
    return worker


def run_disturbed(world: World, seed: int) -> Worker:
    """Processes that die at every point, in batches of random size, until the log is worked off."""
    rng = random.Random(seed)
    commit = Mark(0, 0, -1, -1)
    kept: Shard | None = None
    zombies: list[Worker] = []
    crashes = rng.randrange(1, 6)
    while True:
        worker = (
            Worker(world, kept)
            if kept is not None and kept.position == commit.position
            else rebuild(world, commit, rng)
        )
        kept, how = None, ""
        while worker.shard.position < len(world.log) and not how:
            work_a_while(worker, rng)
            if zombies and rng.random() < 0.3:
                zombies.pop().flush()
            if crashes and rng.random() < 0.12:
                crashes -= 1
                how = rng.choice(("before", "after", "half", "asking", "zombie", "kept", "kept_clean"))
            elif rng.random() < 0.6:
                commit = worker.flush() or commit
        if not how:
            break
        commit, kept = crash(worker, how, commit, rng, zombies)
    worker.stand(FOR_EVER)
    worker.flush()
    for zombie in zombies:
        zombie.flush()
    return worker


def work_a_while(worker: Worker, rng: random.Random) -> None:
    """Fold a batch, cut a block, perhaps stand at a gap in the log."""
    log, shard = worker.world.log, worker.shard
    for _ in range(min(rng.randrange(1, rng.choice((2, 6, 61))), len(log) - shard.position)):
        worker.fold_next()
    worker.settle_questions() if rng.random() < 0.7 else worker.cut()
    if 0 < shard.position < len(log) and rng.random() < 0.7:
        gap = log[shard.position].stamp - log[shard.position - 1].stamp
        if gap > 2 * MINUTE:
            worker.stand(rng.randrange(1, gap))


def crash(
    worker: Worker, how: str, commit: Mark, rng: random.Random, zombies: list[Worker]
) -> tuple[Mark, Shard | None]:
    """End a process in one of seven ways; the commit that stands afterwards, and the shard if it was kept."""
    if how == "after":
        worker.flush()
    elif how == "half" and worker.pending:
        written, rejected, _ = worker.pending[0]
        worker.world.insert(written, rejected)
    elif how == "asking":
        return die_asking(worker, rng) or commit, None
    elif how == "zombie":
        for _ in range(rng.randrange(4)):
            if worker.shard.position < len(worker.world.log):
                work_a_while(worker, rng)
        zombies.append(worker)
    elif how in {"kept", "kept_clean"}:
        return (worker.flush() if how == "kept_clean" else None) or commit, worker.shard
    return commit, None


def die_asking(worker: Worker, rng: random.Random) -> Mark | None:
    """Work on until a look-up has committed what stands before it; None if there was none."""
    worker.dies_asking = True
    try:
        while worker.shard.position < len(worker.world.log):
            work_a_while(worker, rng)
    except DiedAskingError as death:
        return death.commit
    return None


def rebuild(world: World, commit: Mark, rng: random.Random, *, new_epoch: bool = False) -> Worker:
    """A new process: fold from the replay offset to the commit, unwritten; it may die on the way and begin anew."""
    while True:
        shard = Shard(world.catalog, commit.replay_offset, commit.replay_clock, world.epoch, world.conditions)
        shard.output.writing = False
        worker = Worker(world, shard)
        while shard.position < commit.position and rng.random() > 0.002:
            worker.fold_next(cuts=False)
        if shard.position >= commit.position:
            shard.go_live()
            if new_epoch:
                shard.output.write_again(shard.held.values())
            worker.pending.clear()
            return worker


def balance(worker: Worker) -> int:
    """Records that no row, reject or held interaction accounts for (promise, rule 9)."""
    world = worker.world
    held = {(one.id, one.first_offset): one.records for one in worker.shard.held.values() if not one.dead}
    forgotten = sum(
        row.events + row.duplicates for row in world.rows.values() if (row.interaction, row.first_offset) not in held
    )
    return len(world.log) - forgotten - sum(held.values()) - len(world.rejects)
