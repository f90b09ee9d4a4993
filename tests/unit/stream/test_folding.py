"""A batch in which very much falls due at once is folded without keeping the event loop from anything else."""

import asyncio
from collections.abc import Iterator

from pipeline.core.events import Arrived
from pipeline.core.shard import SETTLED_AT_ONCE, Shard
from pipeline.source.encode import encode
from pipeline.stream.decode import Record
from pipeline.stream.folding import Folding
from tests.contract.records import PARTITION, SOURCE, STAMP, WINDOWS, kafka_record, small_catalog, small_decoder

TOUCH_POINT = "call_center/retail/line"
HOUR = 3_600_000
STRETCHES = 4
WAITING = STRETCHES * SETTLED_AT_ONCE


def arrived(name: str, time: int, offset: int) -> Record:
    """A customer arrives."""
    key, value, headers = encode(
        Arrived(interaction=name, touch_point=TOUCH_POINT, time=time), "call_center", name, SOURCE
    )
    record: Record = kafka_record(key, value, headers, offset, time)
    return record


def crowd() -> Folding:
    """Very many wait."""
    folding = Folding(PARTITION, Shard(small_catalog(), 0), small_decoder())
    folding.fold([arrived(f"call-{number}", STAMP, number) for number in range(WAITING)])
    return folding


def later() -> list[Record]:
    """One more, when all of them have timed out."""
    return [arrived("later", STAMP + HOUR, WAITING)]


async def no_look_up(_: Folding, ids: list[str]) -> None:
    """Everybody was seen from the beginning."""
    raise AssertionError(ids)


async def turns_during(folding: Folding) -> tuple[int, int]:
    """How often others had their turn, and heard of progress, while the batch was folded."""
    heard: list[None] = []
    work = asyncio.create_task(folding.fold_all(later(), no_look_up, lambda: heard.append(None)))
    turns = 0
    while not work.done():
        turns += 1
        await asyncio.sleep(0)
    await work
    return turns, len(heard)


def marks_during(folding: Folding) -> Iterator[tuple[int, int]]:
    """Position and clock after each stretch of scoring."""
    for _ in folding.stretches_due(0):
        yield folding.shard.position, folding.shard.clock


def test_others_have_their_turn_while_a_clock_jump_is_worked_off() -> None:
    folding = crowd()

    turns, heard = asyncio.run(turns_during(folding))

    assert heard >= STRETCHES - 1
    assert turns > heard
    assert len(folding.shard.held) == 1
    assert folding.shard.output.tally.ended == WAITING
    assert len(folding.cut()[0]) == WAITING


def test_scoring_what_changed_gives_way_too_and_moves_nothing() -> None:
    folding = crowd()
    soon = STAMP + WINDOWS.idle_timeout + 1
    asyncio.run(folding.fold_all([arrived("soon", soon, WAITING)], no_look_up, lambda: None))

    marks = list(marks_during(folding))

    assert len(marks) >= STRETCHES
    assert set(marks) == {(WAITING + 1, soon)}
    assert len(folding.cut()[0]) == WAITING


def test_a_batch_that_is_never_finished_has_folded_nothing_of_the_record_that_made_all_due() -> None:
    folding = crowd()
    folding_half = folding.fold_all(later(), no_look_up, lambda: None)

    folding_half.send(None)
    folding_half.close()

    written, rejected, mark = folding.cut()
    assert (mark.position, mark.clock) == (WAITING, STAMP)
    assert "later" not in folding.shard.held
    assert 0 < len(written) < WAITING
    assert not rejected
