"""Models change: live workers take a new epoch, and a recomputation scores anew what was over before it started."""

import random

import pytest
from msgspec.structs import replace

from pipeline.core.catalog import Catalog
from pipeline.core.commit import Mark
from pipeline.core.replacement import Replacement, StandingRow, replacement
from pipeline.core.scored import ScoredInteraction
from pipeline.core.shard import Shard
from tests.unit.core.runs import FOR_EVER, Worker, World, balance, rebuild, run_undisturbed, work_a_while
from tests.unit.core.test_promise import make_catalog
from tests.unit.core.worlds import make_conditions, make_log

WORLDS = 100
OLD = make_catalog({})
SHORT = make_catalog({"call_center": 5, "branch": 5})


def new_models(catalog: Catalog) -> Catalog:
    """The same catalog, but for what interactions are worth."""
    changed = [replace(one, version=one.version + 1, fingerprint="new", coverage_floor=0.0) for one in catalog.models]
    return Catalog(catalog.channels, catalog.entries, changed)


NEW = new_models(OLD)


def make_world(seed: int) -> World:
    return World(make_log(seed), OLD, make_conditions(seed))


def take_new_epoch(world: World, catalog: Catalog = NEW) -> None:
    world.catalog, world.epoch = catalog, 1


def work_until(worker: Worker, position: int, rng: random.Random, commit: Mark) -> Mark:
    """Live work in batches; the last commit."""
    while worker.shard.position < position:
        work_a_while(worker, rng)
        commit = worker.flush() or commit
    return commit


def live_in_new_epoch(world: World, commit: Mark, rng: random.Random) -> tuple[Worker, Mark]:
    """A worker of the new epoch; before it has committed anything it may be killed, its first rows written or not."""
    if rng.random() < 0.5:
        killed = rebuild(world, commit, rng, new_epoch=True)
        work_a_while(killed, rng)
        world.insert(killed.pending[0][0], ())
    worker = rebuild(world, commit, rng, new_epoch=True)
    worker.settle_questions()
    return worker, worker.flush() or commit


def recompute(world: World, up_to: int, rng: random.Random, start: int = 0) -> Replacement:
    """One run of a recomputation, in batches of random size; what became of all interactions that were over."""
    worker = Worker(world, Shard(world.catalog, start, epoch=world.epoch, feed=world.conditions))
    total = Replacement([], 0, 0)
    while worker.shard.position < up_to:
        for _ in range(min(rng.randrange(1, 80), up_to - worker.shard.position)):
            worker.fold_next(cuts=False)
        found = replacement(worker.shard.output.take_over(), standing(world))
        world.insert(found.rows, ())
        total = Replacement(total.rows + found.rows, total.already + found.already, total.left + found.left)
    return total


def standing(world: World) -> list[StandingRow]:
    return [
        StandingRow(row.interaction, row.first_offset, row.opened_at, row.events, row.duplicates, row.version)
        for row in world.rows.values()
    ]


def rows_over(log: World, up_to: int) -> dict[tuple[int, str], ScoredInteraction]:
    """Rows of what is over at a position, as one uninterrupted run under the new model writes them."""
    calm = World(log.log[:up_to], NEW, log.conditions)
    calm.epoch = 1
    held = run_undisturbed(calm).shard.held
    return {key: row for key, row in calm.rows.items() if row.interaction not in held or held[row.interaction].over}


@pytest.mark.timeout(240)
def test_tables_of_two_epochs_equal_those_of_one_run_under_the_new_model() -> None:
    replaced = already = 0
    for seed in range(WORLDS):
        rng = random.Random(seed)
        world, calm = make_world(seed), make_world(seed)
        take_new_epoch(calm)
        run_undisturbed(calm)
        size = len(world.log)
        taken, started, ended = sorted(rng.randrange(1, size + 1) for _ in range(3))

        commit = work_until(Worker(world, Shard(OLD, 0, feed=world.conditions)), taken, rng, Mark(0, 0, -1, -1))
        take_new_epoch(world)
        live, commit = live_in_new_epoch(world, commit, rng)
        commit = work_until(live, started, rng, commit)
        recompute(world, rng.randrange(commit.position + 1), rng)  # killed on the way
        work_until(live, ended, rng, commit)
        done, again = recompute(world, commit.position, rng), recompute(world, commit.position, rng)
        expected = rows_over(world, commit.position)
        found = {key: world.rows[key] for key in expected}
        work_until(live, size, rng, commit)
        live.stand(FOR_EVER)
        live.flush()

        assert found == expected, seed
        assert (done.left, again.left, again.rows) == (0, 0, []), seed
        assert (world.rows, world.rejects) == (calm.rows, calm.rejects), seed
        assert not world.contradictions, seed
        assert balance(live) == 0, seed
        replaced += len(done.rows)
        already += done.already
    assert min(replaced, already) > WORLDS


@pytest.mark.parametrize("catalog", [NEW, new_models(SHORT)])
@pytest.mark.timeout(120)
def test_recomputation_never_moves_a_record_from_one_count_to_another(catalog: Catalog) -> None:
    """Whatever retention has removed, and whichever windows decide now."""
    left = 0
    for seed in range(WORLDS):
        rng = random.Random(seed)
        world = make_world(seed)
        worker = run_undisturbed(world)
        before, rejects = {key: (row.events, row.duplicates) for key, row in world.rows.items()}, world.rejects.copy()

        take_new_epoch(world, catalog)
        left += recompute(world, len(world.log), rng, start=rng.randrange(len(world.log))).left

        assert {key: (row.events, row.duplicates) for key, row in world.rows.items()} == before, seed
        assert world.rejects == rejects, seed
        assert balance(worker) == 0, seed
    assert left > 0


def test_a_row_whose_conditions_may_be_gone_is_left_unless_it_is_of_this_epoch_already() -> None:
    world = make_world(0)
    run_undisturbed(world)
    before = standing(world)
    take_new_epoch(world)
    run_undisturbed(world)
    rows = list(world.rows.values())
    middle = sorted(row.opened_at for row in rows)[len(rows) // 2]
    older = [row for row in rows if row.opened_at < middle]

    found = replacement(rows, before, opened_since=middle)

    assert (found.left, found.already, len(found.rows)) == (len(older), 0, len(rows) - len(older))
    assert older
    assert replacement(rows, standing(world), opened_since=middle).already == len(rows)
