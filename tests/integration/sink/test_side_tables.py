"""Rows from beside the log: each event once whatever comes twice, and the views that join them to the score."""

import threading
from datetime import date

import pytest

from pipeline.core.record import DecodedSide
from pipeline.core.side_events import Condition, CustomerOutcome, Feedback, SideEvent
from pipeline.core.vocabulary import Measure
from pipeline.sink.block import Patience, Written
from pipeline.sink.clickhouse import ClickHouse
from pipeline.sink.rows import LogPartition
from pipeline.sink.side_rows import SideBlock, SideRow
from tests.integration.sink.test_block import values
from tests.integration.sink.test_block import write as write_scores
from tests.scored_rows import DAY, HOUR, LINE, NOON, PSEUDONYMS, scored

pytestmark = pytest.mark.integration

MINUTE = 60_000
SEEN: dict[type[SideEvent], str] = {Condition: "conditions", Feedback: "feedback", CustomerOutcome: "outcomes"}


def row(event: SideEvent, event_id: str, offset: int = 0, partition: int = 0) -> SideRow:
    time = event.time
    assert isinstance(time, int)
    where = LogPartition(f"t.{SEEN[type(event)]}", "topic-one", partition)
    return SideRow(where, offset, NOON, DecodedSide(time, "test", event_id, event))


def write(clickhouse: ClickHouse, *rows: SideRow) -> Written:
    block = SideBlock()
    for one in rows:
        block.take(SEEN[type(one.decoded.event)], one)
    written = block.write(clickhouse, PSEUDONYMS, Patience(threading.Event(), print))
    assert written is not None
    return written


def answer(interaction: str, value: float, time: int = NOON + HOUR) -> Feedback:
    return Feedback(interaction=interaction, measure=Measure.CSAT_1_5, value=value, time=time)


def outcome(kind: str, interaction: str | None = None, customer: str | None = None, time: int = 0) -> CustomerOutcome:
    return CustomerOutcome(customer=customer, interaction=interaction, kind=kind, time=time or NOON + HOUR)


def test_of_an_event_sent_twice_the_first_record_stands_whichever_was_written_last(clickhouse: ClickHouse) -> None:
    write(clickhouse, row(answer("a", 1), "1", offset=7, partition=1), row(answer("b", 2), "2", offset=5, partition=2))
    write(clickhouse, row(answer("a", 1), "1", offset=9, partition=0), row(answer("b", 2), "2", offset=5, partition=1))
    write(clickhouse, row(answer("a", 1), "1", offset=3, partition=3))
    write(clickhouse, row(answer("a", 1), "1", offset=8, partition=1), row(answer("b", 2), "2", offset=6, partition=0))

    assert values(clickhouse, "SELECT interaction_id, partition, offset FROM feedback FINAL ORDER BY 1") == [
        ("a", 3, 3),
        ("b", 1, 5),
    ]


def test_the_outcomes_of_twenty_years_are_all_written(clickhouse: ClickHouse) -> None:
    rows = [row(outcome("left", f"i{day}", time=day * DAY), str(day)) for day in range(0, 20 * 365, 10)]

    assert write(clickhouse, *rows) == Written(730, 0, ())
    assert values(clickhouse, "SELECT count() FROM outcomes") == [(730,)]


def test_a_condition_without_an_end_has_none(clickhouse: ClickHouse) -> None:
    samples = [
        Condition(subject="branch/042", kind="comfort", value=0.5, time=NOON),
        Condition(subject="branch/042", kind="comfort", value=1, time=NOON + MINUTE, valid_for=90),
    ]
    write(clickhouse, *(row(sample, str(number)) for number, sample in enumerate(samples)))

    assert values(clickhouse, "SELECT value, valid_seconds FROM conditions FINAL ORDER BY time") == [
        (0.5, None),
        (1.0, 90.0),
    ]


def test_feedback_by_score_says_whether_lower_scores_go_with_lower_answers(clickhouse: ClickHouse) -> None:
    write_scores(
        clickhouse,
        scored("poor", score=30.0, coverage=0.8),
        scored("worse", score=10.0, coverage=0.6),
        scored("unscored", score=None, coverage=0.25),
        scored("good", score=90.0),
        scored("nobody asked", score=90.0),
        scored("probe", score=90.0, synthetic=True),
    )
    said = {"poor": 2, "worse": 1, "unscored": 3, "good": 5, "probe": 1, "unheard of": 1}
    write(clickhouse, *(row(answer(name, value), name) for name, value in said.items()))
    write(clickhouse, row(answer("poor", 2), "poor", offset=9))

    found = values(clickhouse, "SELECT * EXCEPT started_day_utc FROM feedback_by_score ORDER BY band")

    assert found == [
        (LINE.name, "csat_1_5", "good", 1, 0, 1.0, 5.0, 90.0),
        (LINE.name, "csat_1_5", "poor", 2, 0, 0.7, 1.5, 20.0),
        (LINE.name, "csat_1_5", "unscored", 1, 1, 0.25, 3.0, None),
    ]


def test_outcomes_after_says_what_became_of_customers_by_band(clickhouse: ClickHouse) -> None:
    write_scores(
        clickhouse,
        *(scored(f"poor {n}", score=30.0, customer=f"p{n}") for n in range(4)),
        *(scored(f"good {n}", score=90.0, customer=f"g{n}") for n in range(2)),
    )
    write(
        clickhouse,
        row(outcome("complained", "poor 0"), "1"),
        row(outcome("complained", "poor 0", time=NOON + DAY), "2"),
        row(outcome("complained", "poor 1"), "3"),
        row(outcome("left", "poor 1"), "4"),
        row(outcome("left", "unheard of"), "5"),
    )

    found = values(clickhouse, "SELECT band, kind, n, n_followed, share FROM outcomes_after ORDER BY band, kind")

    assert found == [
        ("good", "complained", 2, 0, 0.0),
        ("good", "left", 2, 0, 0.0),
        ("poor", "complained", 4, 2, 0.5),
        ("poor", "left", 4, 1, 0.25),
    ]


def test_what_nobody_can_tell_is_no_part_of_the_share(clickhouse: ClickHouse) -> None:
    write_scores(
        clickhouse,
        *(scored(f"known {n}", score=30.0, customer=f"c{n}") for n in range(3)),
        *(scored(f"unknown {n}", score=30.0) for n in range(7)),
        scored("nobody", score=90.0),
    )
    write(clickhouse, row(outcome("left", customer="c0"), "1"), row(outcome("complained", "unknown 0"), "2"))

    columns = "band, kind, n, n_known, n_followed, n_known_followed, share"
    found = values(clickhouse, f"SELECT {columns} FROM outcomes_after ORDER BY 1, 2")

    assert found == [
        ("good", "complained", 1, 0, 0, 0, None),
        ("good", "left", 1, 0, 0, 0, None),
        ("poor", "complained", 10, 3, 1, 0, 0.0),
        ("poor", "left", 10, 3, 1, 1, 1 / 3),
    ]


@pytest.mark.parametrize("view", ["feedback_by_score", "outcomes_after"])
def test_what_followed_can_be_asked_for_the_days_in_which_interactions_started(
    clickhouse: ClickHouse, view: str
) -> None:
    midnight = NOON + 12 * HOUR
    starts = {"before": midnight - 1, "after": midnight, "later": midnight + 40 * DAY}
    write_scores(clickhouse, *(scored(name, opened_at=start, started_at=start) for name, start in starts.items()))
    write(clickhouse, *(row(answer(name, 2), name) for name in starts))
    write(clickhouse, *(row(outcome("left", name), name) for name in starts))
    months = f"FROM {view} WHERE started_day_utc < '1999-03-01'"

    found = values(clickhouse, f"SELECT started_day_utc, n {months} ORDER BY 1")
    plan = "\n".join(str(line) for (line,) in values(clickhouse, f"EXPLAIN indexes = 1 SELECT * {months}"))

    assert found == [(date(1999, 2, 3), 1), (date(1999, 2, 4), 1)]
    assert "Name: started_at_range" in plan
    assert "Parts: 2/3" in plan


def test_an_outcome_of_a_customer_counts_for_the_last_interaction_before_it(clickhouse: ClickHouse) -> None:
    write_scores(
        clickhouse,
        scored("first", score=90.0, customer="c", started_at=NOON),
        scored("last", score=30.0, customer="c", started_at=NOON + HOUR),
        scored("later", score=60.0, customer="c", started_at=NOON + 3 * HOUR),
        scored("somebody else", score=90.0, customer="d", started_at=NOON),
    )
    write(
        clickhouse,
        row(outcome("left", customer="c", time=NOON + 2 * HOUR), "1"),
        row(outcome("left", customer="d", time=NOON + 31 * DAY), "2"),
    )

    found = values(clickhouse, "SELECT band, n_followed FROM outcomes_after ORDER BY band")

    assert found == [("fair", 0), ("good", 0), ("poor", 1)]
