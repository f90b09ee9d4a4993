"""The promise, held by random worlds: however often processes die, the tables end as if nothing had happened."""

import pytest

from pipeline.core.catalog import Catalog
from tests.unit.core.worlds import World, balance, make_log, run_disturbed, run_undisturbed

WORLDS = 150


@pytest.mark.timeout(240)
@pytest.mark.parametrize("windows", ["same", "by channel"])
def test_tables_after_crashes_equal_those_of_an_undisturbed_run(windows: str) -> None:
    catalog = make_catalog(by_channel=windows == "by channel")
    for seed in range(WORLDS):
        calm, rough = World(make_log(seed), catalog), World(make_log(seed), catalog)

        calm_worker = run_undisturbed(calm)
        rough_worker = run_disturbed(rough, seed + 1_000_000)

        assert rough.rows == calm.rows, seed
        assert rough.rejects == calm.rejects, seed
        assert not calm.contradictions, seed
        assert not rough.contradictions, seed
        assert balance(calm_worker) == 0, seed
        assert balance(rough_worker) == 0, seed
