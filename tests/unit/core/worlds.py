"""Random worlds for the promise: a log with disorder, duplicates, re-sent and headless interactions, and two ways
through it: one undisturbed, record by record; one with batches, crashes, rebuilds, zombies and kept shards.

Time is in minutes where a name says so, else in epoch milliseconds. Everything follows from one seed.
"""

import random
from collections.abc import Iterable, Sequence

from msgspec import Struct

from pipeline.core.catalog import Catalog
from pipeline.core.commit import Mark
from pipeline.core.conditions import ConditionRecord
from pipeline.core.events import (
    Arrived,
    Ended,
    Event,
    Operation,
    OperationStatus,
    Outcome,
    RejectReason,
    Reopened,
    Step,
)
from pipeline.core.record import Decoded, Reject, Rejection
from pipeline.core.scored import ScoredInteraction
from pipeline.core.shard import LookupNeeded, Shard

MINUTE = 60_000
HOUR = 60 * MINUTE
FOR_EVER = 1 << 50
SUBJECTS = (
    ("branch/1", "line_length"),
    ("call_center/a", "line_length"),
    ("system/identity", "degraded"),
    ("system/identity", "latency_seconds"),
)
TOUCH_POINTS = ("branch/1/teller", "call_center/a/line")
GARBAGE = Reject(RejectReason.MALFORMED, "not JSON")
REASON_RANKS = {RejectReason.CONFLICT: 1, RejectReason.ORPHAN: 2, RejectReason.LATE: 2}


class Sent(Struct):
    """A record before it has its offset; `body` tells apart two contents under one event id."""

    interaction: int
    time: int
    stamp: int
    kind: str
    key: str
    body: int = 0


def make_log(seed: int, interactions: int = 30, span: int = 16 * HOUR) -> list[Sent]:
    """A log in order of its Kafka time stamps."""
    rng = random.Random(seed)
    sent: list[Sent] = []
    for number in range(interactions):
        own = list(send_late(rng, number, live(rng, rng.randrange(span))))
        for record in own:
            sent.extend(with_copies(rng, record))
        if own and rng.random() < 0.08:
            sent.extend(resend(rng, own))
    return sorted(sent, key=lambda record: record.stamp)


def make_conditions(seed: int, span: int = 18 * HOUR) -> list[ConditionRecord]:
    """What was reported meanwhile: line lengths and a system that degrades, some of it late; in order of stamps."""
    rng = random.Random(seed)
    samples = []
    for subject, kind in SUBJECTS:
        time = 0
        while time < span:
            time += rng.randrange(3, 40) * MINUTE
            late = rng.randrange(5000) if rng.random() < 0.8 else rng.randrange(1, 60) * MINUTE
            samples.append((time + late, subject, kind, time, float(rng.randrange(4))))
    samples.sort()
    return [
        ConditionRecord(offset, stamp, subject, kind, time, value)
        for offset, (stamp, subject, kind, time, value) in enumerate(samples)
    ]


def live(rng: random.Random, start: int) -> list[tuple[int, str]]:
    """One life: (time, kind), as it happened."""
    length = rng.randrange(60, 420) * MINUTE if rng.random() < 0.08 else rng.randrange(2, 25) * MINUTE
    steps = rng.randrange(1, 4) if length < HOUR else length // (20 * MINUTE)
    life = [(start, "arrived")]
    life += [(start + length * (step + 1) // (steps + 2), "step") for step in range(steps)]
    if rng.random() < 0.85:
        life.append((start + length, "ended"))
    if rng.random() < 0.06:
        life.append((start + length + 3 * MINUTE, "reopened"))
        life += [(start + length + 9 * MINUTE, "ended")] * (rng.random() < 0.6)
    life += [(start + rng.randrange(length + 1), "operation") for _ in range(rng.randrange(3))]
    life += [(start - rng.randrange(1, 6) * MINUTE, "operation")] * (rng.random() < 0.2)
    life += [(start + length + rng.randrange(1, 20) * MINUTE, "operation")] * (rng.random() < 0.2)
    if rng.random() < 0.04:
        life = [moment for moment in life if moment[1] != "arrived"]
    if rng.random() < 0.04:
        life = [moment for moment in life if moment[1] == "operation"]
    return life


def send_late(rng: random.Random, number: int, life: list[tuple[int, str]]) -> Iterable[Sent]:
    """Each moment becomes a record: at once, delayed, or with all others when its source is back online."""
    offline_until = max((time for time, _ in life), default=0) + rng.randrange(120) * MINUTE
    offline = rng.random() < 0.1
    for index, (time, kind) in enumerate(life):
        delay = int(rng.expovariate(1 / (3 * MINUTE))) if rng.random() < 0.3 else rng.randrange(2000)
        if offline:
            delay = max(0, offline_until - time) + index * 10
        elif rng.random() < 0.02:
            delay = rng.randrange(20, 360) * MINUTE
        skewed = time + rng.randrange(240_000) if rng.random() < 0.03 else time
        yield Sent(number, max(skewed, 0), max(time + delay, 0), kind, f"{number}.{index}")


def with_copies(rng: random.Random, record: Sent) -> Iterable[Sent]:
    """The record, sometimes a duplicate, a conflict, or something undecodable beside it."""
    yield record
    if rng.random() < 0.08:
        later = rng.randrange(1, 10 * MINUTE) if rng.random() < 0.6 else rng.randrange(4 * HOUR)
        yield Sent(record.interaction, record.time, record.stamp + later, record.kind, record.key)
    if rng.random() < 0.02:
        later = rng.randrange(1, HOUR)
        yield Sent(record.interaction, record.time, record.stamp + later, record.kind, record.key, body=1)
    if rng.random() < 0.02:
        yield Sent(record.interaction, record.time, record.stamp, "garbage", record.key)


def resend(rng: random.Random, own: list[Sent]) -> Iterable[Sent]:
    """All or half of an interaction once more, hours later, perhaps shuffled."""
    at = max(record.stamp for record in own) + rng.randrange(10, 480) * MINUTE
    again = own[:]
    if rng.random() < 0.5:
        rng.shuffle(again)
    if rng.random() < 0.4:
        again = again[: max(1, len(again) // 2)]
    for index, record in enumerate(again):
        yield Sent(record.interaction, record.time, at + index * 5000, record.kind, record.key)


def as_event(record: Sent, name: str) -> Event:
    """The decoded event of a record."""
    touch_point = TOUCH_POINTS[record.interaction % 2]
    if record.kind == "operation":
        return Operation(
            interaction=name,
            system="identity",
            operation="check",
            time=record.time,
            seconds=1.5,
            status=OperationStatus.OK,
        )
    if record.kind == "ended":
        outcome = Outcome.ABANDONED if record.body else Outcome.COMPLETED
        return Ended(interaction=name, touch_point=touch_point, time=record.time, outcome=outcome)
    if record.kind == "step":
        return Step(interaction=name, touch_point=touch_point, time=record.time, name="form", seconds=2, ok=True)
    kinds: dict[str, type[Arrived | Reopened]] = {"arrived": Arrived, "reopened": Reopened}
    return kinds[record.kind](interaction=name, touch_point=touch_point, time=record.time)


class World:
    """A log with a catalog, and the tables that a run fills."""

    def __init__(self, log: list[Sent], catalog: Catalog, conditions: Sequence[ConditionRecord] = ()) -> None:
        self.log = log
        self.conditions = conditions
        self.catalog = catalog
        self.rows: dict[tuple[int, str], ScoredInteraction] = {}
        self.rejects: dict[int, RejectReason] = {}
        self.contradictions: list[tuple[ScoredInteraction, ScoredInteraction]] = []

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
            self.reject(reject.offset, reject.reason)

    def reject(self, offset: int, reason: RejectReason) -> None:
        """The same for rejects: a reason of higher rank stays."""
        old = self.rejects.get(offset)
        if old is None or REASON_RANKS.get(reason, 0) >= REASON_RANKS.get(old, 0):
            self.rejects[offset] = reason

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


class Worker:
    """One process working on the log: its shard, the blocks it has cut, and what it has committed."""

    def __init__(self, world: World, shard: Shard) -> None:
        self.world = world
        self.shard = shard
        self.pending: list[tuple[list[ScoredInteraction], list[Rejection], Mark]] = []

    def fold_next(self) -> None:
        """Fold one record; a look-up first makes everything before it durable."""
        offset = self.shard.position
        if self.world.log[offset].kind == "garbage":
            self.shard.skip(offset, GARBAGE, offset)
            return
        record = self.world.decoded(offset)
        while True:
            try:
                self.shard.fold(record, offset)
            except LookupNeeded as needed:
                self.look_up(needed.ids)
            else:
                return

    def look_up(self, ids: list[str]) -> None:
        """Answer questions from the table, after everything written so far is in it."""
        self.cut()
        for written, rejected, _ in self.pending:
            self.world.insert(written, rejected)
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
    worker = Worker(world, Shard(world.catalog, 0, feed=world.conditions))
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
                how = rng.choice(("before", "after", "half", "zombie", "kept", "kept_clean"))
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
    """End a process in one of six ways; the commit that stands afterwards, and the shard if it was kept."""
    if how == "after":
        worker.flush()
    elif how == "half" and worker.pending:
        written, rejected, _ = worker.pending[0]
        worker.world.insert(written, rejected)
    elif how == "zombie":
        for _ in range(rng.randrange(4)):
            if worker.shard.position < len(worker.world.log):
                work_a_while(worker, rng)
        zombies.append(worker)
    elif how == "kept":
        return commit, worker.shard
    elif how == "kept_clean":
        return worker.flush() or commit, worker.shard
    return commit, None


def rebuild(world: World, commit: Mark, rng: random.Random) -> Worker:
    """A new process: fold from the replay offset to the commit, unwritten; it may die on the way and begin anew."""
    while True:
        shard = Shard(world.catalog, commit.replay_offset, commit.replay_clock, feed=world.conditions)
        shard.output.writing = False
        worker = Worker(world, shard)
        while shard.position < commit.position and rng.random() > 0.002:
            worker.fold_next()
        if shard.position >= commit.position:
            shard.output.go_live()
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
