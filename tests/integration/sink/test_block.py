"""A block into the real engine: what is durable, what is current, what is refused, and when we stop."""

import itertools
import threading
from collections.abc import Iterable, Sequence

import pytest
from msgspec import structs

from pipeline.core.events import RejectReason
from pipeline.core.scored import ScoredInteraction
from pipeline.errors import ClickHouseError, ClickHouseSchemaError
from pipeline.sink import block as block_module
from pipeline.sink.block import Block, Patience, Written
from pipeline.sink.clickhouse import ClickHouse
from pipeline.sink.rows import RejectRow
from pipeline.sink.verdicts import Answer
from tests.scored_rows import DAY, LOG, NOON, PSEUDONYMS, scored

pytestmark = pytest.mark.integration

UNWRITABLE = "\ud800"  # no UTF-8 for it: the driver cannot send it


class Heard(list[Answer]):
    """The retryable answers; after `enough` of them the writer is asked to stop."""

    def __init__(self, enough: int = 3) -> None:
        super().__init__()
        self.stop = threading.Event()
        self._enough = enough

    def hear(self, answer: Answer) -> None:
        self.append(answer)
        if len(self) >= self._enough:
            self.stop.set()

    def patience(self) -> Patience:
        return Patience(self.stop, self.hear, first_seconds=0.001, longest_seconds=0.01)


def block_of(rows: Sequence[ScoredInteraction], rejects: Iterable[RejectRow] = ()) -> Block:
    block = Block()
    block.add(LOG, rows)
    for reject in rejects:
        block.reject(reject)
    return block


def write(clickhouse: ClickHouse, *rows: ScoredInteraction, rejects: Iterable[RejectRow] = ()) -> Written:
    written = block_of(rows, rejects).write(clickhouse, PSEUDONYMS, Heard(enough=1).patience())
    assert written is not None
    return written


def values(clickhouse: ClickHouse, sql: str) -> list[tuple[object, ...]]:
    return clickhouse.query(sql).rows


def late(offset: int, reason: RejectReason = RejectReason.LATE) -> RejectRow:
    return RejectRow(
        topic_id=LOG.topic_id,
        topic=LOG.topic,
        partition=LOG.partition,
        offset=offset,
        reason=reason,
        detail="older than the horizon",
        stamp=NOON,
        size=3,
        hash="ab",
    )


def test_a_block_written_twice_leaves_one_current_row(clickhouse: ClickHouse) -> None:
    block = block_of([scored("a"), scored("b")], [late(5)])

    for _ in range(2):
        assert block.write(clickhouse, PSEUDONYMS, Heard().patience()) == Written(2, 1, ())

    assert values(clickhouse, "SELECT interaction_id FROM interactions ORDER BY 1") == [("a",), ("b",)]
    assert values(clickhouse, "SELECT offset FROM rejects") == [(5,)]


def test_null_times_stay_null_when_a_block_is_written_again(clickhouse: ClickHouse) -> None:
    block = block_of([scored(served_at=None, ended_at=None, score=None)])

    for _ in range(2):
        block.write(clickhouse, PSEUDONYMS, Heard().patience())

    assert set(values(clickhouse, "SELECT served_at, ended_at, score FROM interaction_scores")) == {(None, None, None)}


@pytest.mark.parametrize("order", list(itertools.permutations([1, 2, 3])))
def test_the_newest_version_wins_in_any_order(clickhouse: ClickHouse, order: tuple[int, ...]) -> None:
    for version in order:
        write(clickhouse, scored(version=version, events=version))

    assert values(clickhouse, "SELECT version, events FROM interactions") == [(3, 3)]


def test_the_newest_version_wins_within_one_block(clickhouse: ClickHouse) -> None:
    write(clickhouse, scored(version=2), scored(version=9), scored(version=5))

    assert values(clickhouse, "SELECT version FROM interactions") == [(9,)]


def test_late_wins_over_conflict_in_any_order(clickhouse: ClickHouse) -> None:
    write(clickhouse, rejects=[late(1), late(2, RejectReason.CONFLICT)])
    write(clickhouse, rejects=[late(1, RejectReason.CONFLICT), late(2)])

    assert values(clickhouse, "SELECT offset, reason FROM rejects ORDER BY 1") == [(1, "late"), (2, "late")]


@pytest.mark.parametrize("position", [0, 3, 6])
def test_a_row_that_cannot_be_sent_is_refused_alone(clickhouse: ClickHouse, position: int) -> None:
    rows = [scored(f"call-{number}", first_offset=number) for number in range(7)]
    rows[position] = scored("poison", task=UNWRITABLE, first_offset=50, events=4, duplicates=2)

    written = write(clickhouse, *rows)

    assert written.rows == 6
    assert [(row.offset, row.reason, row.records) for row in written.refused] == [(50, RejectReason.ROW_REFUSED, 6)]
    assert values(clickhouse, "SELECT count() FROM interactions WHERE interaction_id != 'poison'") == [(6,)]
    assert values(clickhouse, "SELECT topic, partition, offset, reason, records FROM rejects") == [
        ("calls.events", 3, 50, "row_refused", 6)
    ]


def test_a_row_that_the_server_refuses_is_refused_alone(clickhouse: ClickHouse) -> None:
    clickhouse.command("ALTER TABLE interaction_scores ADD CONSTRAINT c CHECK ifNull(task, '') != 'canary'")

    written = write(clickhouse, *(scored(str(number), task="ok") for number in range(9)), scored("p", task="canary"))

    assert written.rows == 9
    assert values(clickhouse, "SELECT detail FROM rejects") == [("ClickHouse error 469 (VIOLATED_CONSTRAINT)",)]


def test_a_table_that_refuses_every_row_stops_the_writer(clickhouse: ClickHouse) -> None:
    clickhouse.command("ALTER TABLE interaction_scores ADD CONSTRAINT c CHECK events > 1000000")

    with pytest.raises(ClickHouseError, match="VIOLATED_CONSTRAINT"):
        write(clickhouse, *(scored(str(number)) for number in range(100)))

    assert values(clickhouse, "SELECT count() FROM rejects") == [(0,)]


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        ("DROP TABLE interaction_scores SYNC", "touchpoint migrate"),
        ("ALTER TABLE interaction_scores DROP COLUMN task", "touchpoint migrate"),
        ("ALTER TABLE interaction_scores MODIFY COLUMN score_low Float32", "score_low is Float32, expected Float64"),
        (
            "ALTER TABLE interaction_scores MODIFY COLUMN served_at Nullable(DateTime64(6, 'UTC'))",
            "expected Nullable",
        ),
    ],
)
def test_a_damaged_table_stops_the_writer_with_one_line(clickhouse: ClickHouse, damage: str, words: str) -> None:
    write(clickhouse, scored("before"))
    clickhouse.command(damage)

    with pytest.raises(ClickHouseSchemaError, match=words) as caught:
        write(clickhouse, scored("after"))

    assert "\n" not in str(caught.value)
    assert values(clickhouse, "SELECT count() FROM rejected_events") == [(0,)]


def test_a_missing_database_stops_the_writer(clickhouse: ClickHouse) -> None:
    clickhouse.command(f"DROP DATABASE {clickhouse.database} SYNC")
    clickhouse.close()

    with pytest.raises(ClickHouseSchemaError, match="touchpoint migrate"):
        write(clickhouse, scored())


def test_rows_of_101_days_are_all_written(clickhouse: ClickHouse) -> None:
    rows = [scored(str(day), opened_at=NOON + day * DAY) for day in range(101)]

    assert write(clickhouse, *rows).rows == 101
    assert values(clickhouse, "SELECT count() FROM interactions") == [(101,)]


def test_too_many_partitions_in_one_insert_means_smaller_inserts(
    clickhouse: ClickHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(block_module, "MAX_PERIODS", 1000)
    rows = [scored(str(day), opened_at=NOON + day * DAY) for day in range(130)]

    written = write(clickhouse, *rows)

    assert (written.rows, written.refused) == (130, ())
    assert values(clickhouse, "SELECT count() FROM interactions") == [(130,)]


def test_too_many_parts_is_tried_again_until_asked_to_stop(clickhouse: ClickHouse) -> None:
    # 1 part is too many, and the server shall not slow down before it says so.
    clickhouse.command(
        "ALTER TABLE interaction_scores MODIFY SETTING parts_to_throw_insert = 1, parts_to_delay_insert = 1000"
    )
    write(clickhouse, scored("first"))
    heard = Heard(enough=3)
    block = block_of([scored("second", served_at=None)])

    assert block.write(clickhouse, PSEUDONYMS, heard.patience()) is None
    assert [answer.label for answer in heard] == ["ClickHouse error 252 (TOO_MANY_PARTS)"] * 3

    clickhouse.command("ALTER TABLE interaction_scores RESET SETTING parts_to_throw_insert")
    assert block.write(clickhouse, PSEUDONYMS, heard.patience()) == Written(1, 0, ())
    assert values(clickhouse, "SELECT served_at FROM interactions WHERE interaction_id = 'second'") == [(None,)]


def test_an_empty_block_is_durable_at_once(clickhouse: ClickHouse) -> None:
    assert write(clickhouse) == Written(0, 0, ())


def test_rows_of_several_logs_keep_their_origin(clickhouse: ClickHouse) -> None:
    block = Block()
    block.add(LOG, [scored("a")])
    block.add(structs.replace(LOG, partition=4), [scored("b"), scored("c")])

    assert len(block) == 3
    assert block.write(clickhouse, PSEUDONYMS, Heard().patience()) == Written(3, 0, ())
    assert values(clickhouse, "SELECT interaction_id, partition FROM interactions ORDER BY 1") == [
        ("a", 3),
        ("b", 4),
        ("c", 4),
    ]


def test_nobody_is_found_in_clear_in_the_tables(clickhouse: ClickHouse) -> None:
    write(clickhouse, scored(customer="customer-canary", staff="staff-canary"))

    ((row,),) = values(clickhouse, "SELECT formatRow('TSV', *) FROM interaction_scores")

    assert "canary" not in str(row)
    assert values(clickhouse, "SELECT length(customer), length(staff), key_id FROM interactions") == [
        (64, 64, PSEUDONYMS.key_id)
    ]


def test_earlier_lives_are_found_whatever_the_version(clickhouse: ClickHouse) -> None:
    write(clickhouse, scored("a", first_offset=10), scored("a", first_offset=90, opened_at=NOON + DAY), scored("b"))

    assert {key: sorted(lives) for key, lives in clickhouse.earlier_lives(["a", "c"]).items()} == {
        "a": [("topic-one", 10), ("topic-one", 90)]
    }


@pytest.mark.parametrize("identifier", ["it's", "a\\", "') OR 1=1 --", "%(ids)s", "100%", "ö\t\n", "{x}"])
def test_any_id_can_be_looked_up(clickhouse: ClickHouse, identifier: str) -> None:
    write(clickhouse, scored(identifier), scored("other"))

    assert clickhouse.earlier_lives([identifier]) == {identifier: [("topic-one", 100)]}


def test_many_ids_are_looked_up_in_several_queries(clickhouse: ClickHouse) -> None:
    longest = [
        f"{number:04}" + 196 * "\N{ELEPHANT}" for number in range(1500)
    ]  # 800 bytes each: the contract allows 200 characters
    write(clickhouse, *(scored(name) for name in longest[:1200]))
    heard: list[None] = []

    assert len(clickhouse.earlier_lives(longest, lambda: heard.append(None))) == 1200
    assert len(heard) > 1
