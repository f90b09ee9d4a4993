"""The balance of an audit: exact at every commit, also when a worker has gone on meanwhile."""

import random

import pytest

from pipeline.core.balance import (
    Balance,
    CurrentRow,
    Finding,
    Life,
    lives_of,
    missing_rows,
    refused_not_held,
    rows_not_held,
)
from pipeline.core.commit import Mark
from tests.unit.core.runs import Worker, World, rebuild, run_undisturbed
from tests.unit.core.test_promise import IDLE_MINUTES, make_catalog
from tests.unit.core.worlds import make_log

WORLDS = 60
UNPREDICTABLE = 25


def committed_along_the_way(world: World, seed: int) -> list[Mark]:
    """The commits of a worker that works the log off."""
    rng = random.Random(seed)
    worker, marks = rebuild(world, Mark(0, 0, -1, -1), rng), []
    while worker.shard.position < len(world.log):
        for _ in range(min(rng.randrange(1, UNPREDICTABLE), len(world.log) - worker.shard.position)):
            worker.fold_next()
        worker.settle_questions()
        marks.append(worker.flush())
    return [mark for mark in marks if mark is not None]


def audit(world: World, held_by: Worker, up_to: int) -> tuple[Balance, list[Finding]]:
    """What an audit computes, from tables that may be ahead of the commit."""
    rows = [
        CurrentRow(row.interaction, row.first_offset, row.events, row.duplicates)
        for row in world.rows.values()
        if row.first_offset < up_to
    ]
    lives = lives_of(held_by.shard.held.values())
    unsettled = {offset for life in lives.values() for offset in life.unsettled}
    events, duplicates = rows_not_held(rows, lives)
    rejected = sum(offset < up_to and offset not in unsettled for offset in world.rejects)
    held = sum(life.records for life in lives.values())
    balance = Balance(
        partition=0,
        up_to_offset=up_to,
        records=up_to,
        events=events,
        duplicates=duplicates,
        held=held,
        rejected=rejected,
    )
    return balance, list(missing_rows(rows, lives, {}))


@pytest.mark.timeout(120)
def test_every_commit_balances_while_the_tables_are_far_ahead() -> None:
    catalog = make_catalog(IDLE_MINUTES["by channel"])
    for seed in range(WORLDS):
        world = World(make_log(seed), catalog)
        marks = committed_along_the_way(world, seed)
        run_undisturbed(world)
        for mark in marks[:: max(len(marks) // 6, 1)]:
            found, missing = audit(world, rebuild(world, mark, random.Random(0)), mark.position)
            assert (found.difference, missing) == (0, []), (seed, mark.position)


@pytest.mark.timeout(120)
def test_every_commit_balances_at_its_moment() -> None:
    catalog = make_catalog(IDLE_MINUTES["same"])
    for seed in range(WORLDS):
        world = World(make_log(seed), catalog)
        mark = committed_along_the_way(world, seed)[-1]
        found, missing = audit(world, rebuild(world, mark, random.Random(0)), mark.position)
        assert (found.difference, missing) == (0, []), seed


def test_the_row_of_a_forgotten_tail_counts_beside_the_held_life_of_the_same_id() -> None:
    rows = [CurrentRow("a", 0, 3, 1), CurrentRow("a", 90, 2, 0), CurrentRow("b", 95, 1, 0)]
    assert rows_not_held(rows, {("a", 90): Life(2, has_row=True)}) == (4, 1)


def test_a_held_interaction_that_is_over_needs_a_row_that_counts_enough() -> None:
    lives = {
        ("gone", 1): Life(3, has_row=True),
        ("old", 2): Life(3, has_row=True),
        ("newer", 3): Life(3, has_row=True),
        ("open", 4): Life(3, has_row=False),
        ("refused", 5): Life(3, has_row=True),
    }
    rows = [CurrentRow("old", 2, 2, 0), CurrentRow("newer", 3, 4, 0)]
    found = {one.interaction: (one.records, one.counted) for one in missing_rows(rows, lives, {5: 3})}
    assert found == {"gone": (3, 0), "old": (3, 2)}


def test_a_refused_row_counts_what_neither_a_row_nor_a_held_interaction_counts() -> None:
    lives = {("held", 7): Life(4, has_row=True)}
    rows = [CurrentRow("accepted before", 8, 2, 1), CurrentRow("accepted later", 9, 6, 0)]
    assert refused_not_held({7: 4, 8: 5, 9: 5, 10: 5}, rows, lives) == {8: 2, 10: 5}
