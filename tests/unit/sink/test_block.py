"""How a block is cut, and how long we go on trying."""

import threading
from typing import TYPE_CHECKING, cast

from hypothesis import given
from hypothesis import strategies as st

from pipeline.sink.block import MAX_PERIODS, Block, Patience, cut
from pipeline.sink.verdicts import DONE, Answer, Verdict
from tests.scored_rows import LOG, PSEUDONYMS, scored

if TYPE_CHECKING:
    from pipeline.sink.clickhouse import ClickHouse

AWAY = Answer(Verdict.RETRY, "away")


@given(st.lists(st.integers(0, 400), max_size=300), st.integers(1, 120))
def test_every_row_is_in_exactly_one_piece(days: list[int], max_rows: int) -> None:
    pieces = list(cut(days, max_rows))

    assert sorted(row for piece in pieces for row in piece) == list(range(len(days)))


@given(st.lists(st.integers(0, 400), max_size=300), st.integers(1, 120))
def test_no_piece_has_too_many_rows_or_days(days: list[int], max_rows: int) -> None:
    for piece in cut(days, max_rows):
        assert 0 < len(piece) <= max_rows
        assert len({days[row] for row in piece}) <= MAX_PERIODS


def test_rows_of_few_days_stay_one_insert() -> None:
    assert list(cut([3, 1, 2] * 100, 1000)) == [range(300)]


def test_each_retry_is_reported() -> None:
    heard: list[Answer] = []
    patience = Patience(threading.Event(), heard.append, first_seconds=0.0)

    assert patience.wait(AWAY, 0)
    assert patience.wait(AWAY, 1)
    assert heard == [AWAY, AWAY]


def test_waiting_ends_at_once_when_asked_to_stop() -> None:
    stop = threading.Event()
    stop.set()

    assert not Patience(stop, lambda _: None, first_seconds=1000, longest_seconds=1000).wait(AWAY, 5)


def test_delays_stay_below_their_bound_however_many_attempts() -> None:
    class Recorded(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            delays.append(timeout or 0.0)
            return False

    delays: list[float] = []
    patience = Patience(Recorded(), lambda _: None, first_seconds=0.25, longest_seconds=10.0)

    for attempt in range(200):
        patience.wait(AWAY, attempt)

    assert all(0 <= delay <= min(10.0, 0.25 * 2 ** min(attempt, 32)) for attempt, delay in enumerate(delays))
    assert len(set(delays)) > 150


def test_every_insert_that_is_answered_is_progress() -> None:
    """A block of many pieces may take a slow server longer than a watchdog waits for anything to move."""
    moved = 0

    class Server:
        def insert(self, *_: object) -> Answer:
            inserts.append(moved)
            return DONE

    def progress() -> None:
        nonlocal moved
        moved += 1

    inserts: list[int] = []
    block = Block()
    block.add(LOG, [scored(f"call {number}") for number in range(50)])
    block.write(
        cast("ClickHouse", Server()),
        PSEUDONYMS,
        Patience(threading.Event(), lambda _: None),
        max_rows=10,
        progress=progress,
    )

    assert inserts == [0, 1, 2, 3, 4]
    assert moved == 5
