"""The promise, held by random worlds: however often processes die, the tables end as if nothing had happened."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from pipeline.catalog_files import load_catalog
from pipeline.core import output, shard
from pipeline.core.catalog import Catalog
from tests.unit.core.runs import World, balance, run_disturbed, run_undisturbed
from tests.unit.core.worlds import HOUR, MINUTE, make_conditions, make_log

SCHEMAS = Path(__file__).parents[3] / "schemas"
WORLDS = 150
STRETCHED_WORLDS = 40
IDLE_MINUTES = {
    "same": {"call_center": 30, "branch": 30},
    "by channel": {"call_center": 15, "branch": 30},
    "far apart": {"call_center": 15, "branch": 60},  # one is forgotten before the other has timed out
}


def make_catalog(idle_minutes: dict[str, int]) -> Catalog:
    """The shipped catalog with windows short enough that a world of 16 hours sees many ends."""
    shipped = load_catalog(SCHEMAS)
    channels = []
    for entry in shipped.channels:
        idle = idle_minutes.get(entry.channel.name, 30) * MINUTE
        windows = replace(entry.channel.windows, idle_timeout=idle, max_open=240 * MINUTE)
        channels.append(replace(entry, channel=replace(entry.channel, windows=windows)))
    return Catalog(channels, shipped.entries, shipped.models)


@pytest.mark.timeout(240)
@pytest.mark.parametrize("windows", IDLE_MINUTES)
def test_tables_after_crashes_equal_those_of_an_undisturbed_run(windows: str) -> None:
    catalog = make_catalog(IDLE_MINUTES[windows])
    for seed in range(WORLDS):
        conditions = make_conditions(seed)
        calm, rough = World(make_log(seed), catalog, conditions), World(make_log(seed), catalog, conditions)

        calm_worker = run_undisturbed(calm)
        rough_worker = run_disturbed(rough, seed + 1_000_000)

        assert rough.rows == calm.rows, seed
        assert rough.rejects == calm.rejects, seed
        assert not calm.contradictions, seed
        assert not rough.contradictions, seed
        assert balance(calm_worker) == 0, seed
        assert balance(rough_worker) == 0, seed


@pytest.mark.timeout(120)
def test_stretches_in_which_due_work_is_done_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    catalog = make_catalog(IDLE_MINUTES["same"])
    for seed in range(STRETCHED_WORLDS):
        whole, stretched, rough = (World(make_log(seed, span=HOUR), catalog, make_conditions(seed)) for _ in range(3))
        run_undisturbed(whole)
        with monkeypatch.context() as patched:
            patched.setattr(shard, "SETTLED_AT_ONCE", 1)
            patched.setattr(output, "SCORED_AT_ONCE", 1)
            run_undisturbed(stretched)
            run_disturbed(rough, seed + 1_000_000)

        assert stretched.rows == rough.rows == whole.rows, seed
        assert stretched.rejects == rough.rejects == whole.rejects, seed
        assert not stretched.contradictions, seed
        assert not rough.contradictions, seed


def test_worlds_hold_what_the_promise_is_about() -> None:
    catalog = make_catalog(IDLE_MINUTES["by channel"])
    world = World(make_log(7, interactions=300), catalog, make_conditions(7))

    run_undisturbed(world)

    assert {"late", "orphan", "conflict"} <= {reason.value for reason, _ in world.rejects.values()}
    assert {"ended", "timed_out"} == {row.state.value for row in world.rows.values()}
    assert any(row.partial for row in world.rows.values())
    assert any(row.duplicates for row in world.rows.values())
    assert any(row.active_conditions for row in world.rows.values())
    assert any("line_length_at_arrival" in row.passage.signals for row in world.rows.values())
