"""A worker's commits carry the clocks of its shards into the table that "now" is read from."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.at_work import Corner, LogWatch, drain, forget, make_corner, sibling, started, wait_until
from tests.integration.conftest import RunningStack
from tests.traffic import BEGIN, SECOND, orderly, send

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]

LAST = BEGIN + (39 * 60 + 40) * SECOND  # the end of the last of 40 interactions, a minute apart


@pytest.fixture
def corner(stack: RunningStack) -> Iterator[Corner]:
    made = make_corner(stack, PARTITIONS="1")
    yield made
    forget(made)


def ask(corner: Corner, sql: str) -> list[tuple[Any, ...]]:
    client = corner.stack.client(corner.database)
    try:
        rows: list[tuple[Any, ...]] = client.execute(sql)
        return rows
    finally:
        client.disconnect()


def test_who_waits_shows_while_the_log_is_read_by_the_clock_of_the_log(corner: Corner, tmp_path: Path) -> None:
    end_of_visit = ("ce_id", b"g37-2")  # of one who was called and not yet served
    send(corner, [one for one in orderly(40) if end_of_visit not in one.headers])
    waiting = "SELECT touch_point, n_open, n_waiting, longest_wait_seconds FROM open_and_waiting"

    with started(corner, tmp_path, "worker"):
        wait_until(lambda: bool(ask(corner, waiting)), lambda: "nobody waits")

        assert ask(corner, waiting) == [("branch/042/teller", 1, 1, 160.0)]
        assert ask(corner, "SELECT now FROM log_clock") == [(datetime.fromtimestamp(LAST / 1000, UTC),)]


def test_the_clocks_stand_where_the_commits_do(corner: Corner) -> None:
    many = make_corner(corner.stack, PARTITIONS="4")
    send(many, orderly(40))
    other = sibling(many)

    for place in (many, other):
        drain(place)
        with LogWatch(place) as watch:
            assert dict(ask(place, "SELECT partition, position FROM clocks FINAL")) == watch.committed() == watch.ends()

    assert ask(many, "SELECT now, partitions FROM log_clock") == ask(other, "SELECT now, partitions FROM log_clock")
    forget(many)
