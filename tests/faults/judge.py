"""What every run is judged by: an undisturbed run over the same log, and the balance."""

from concurrent.futures import ThreadPoolExecutor
from typing import Final

from tests.at_work import NIMBLE, Corner, LogWatch, Rows, assert_equal_tables, drain, sibling, succeed

# Unruly traffic holds more bad records than a producer may send in peace.
SETTINGS: Final = {"PARTITIONS": "4", "REJECT_SHARE_LIMIT": "0.9", **NIMBLE}
UNRULY: Final = ("conflict", "late", "orphan", "malformed")


def assert_as_calm(rough: Corner) -> tuple[dict[str, Rows], dict[str, int]]:
    """Work off the rest and compare every table with an undisturbed run; both balance. Rows, and rejects by reason."""
    calm = sibling(rough)
    with ThreadPoolExecutor() as both:
        _, summary = both.map(drain, (rough, calm))
    with LogWatch(calm) as watch:
        assert summary["consumed"] == sum(watch.ends().values())
    rows = assert_equal_tables(rough, calm)
    with ThreadPoolExecutor() as both:
        list(both.map(lambda corner: succeed(corner, "audit"), (rough, calm)))
    return rows, summary["rejected"]


def assert_as_undisturbed(rough: Corner) -> None:
    """The same for unruly traffic, which must have been unruly."""
    _, rejected = assert_as_calm(rough)
    assert min(rejected.get(reason, 0) for reason in UNRULY) > 0
