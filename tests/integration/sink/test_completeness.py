"""The views on completeness answer what their comments promise, by the log's clock."""

import pytest
from msgspec import structs

from pipeline.core.events import RejectReason
from pipeline.core.scored import State
from pipeline.sink.block import Block
from pipeline.sink.clickhouse import ClickHouse
from pipeline.sink.clocks import ClockRow
from tests.integration.sink.test_block import late, write
from tests.integration.sink.test_live_views import CLOSED, OTHER_TOPIC, PATIENCE, PROBED, ask, fill, same, set_clock
from tests.live_rows import TELLER, customers, day, summary, utc
from tests.scored_rows import DAY, HOUR, LINE, LOG, NOON, PSEUDONYMS, scored

pytestmark = pytest.mark.integration


def test_completeness_is_over_the_last_24_hours(clickhouse: ClickHouse) -> None:
    rows = day(10, LINE)
    fill(clickhouse, *rows, scored("old", opened_at=NOON - DAY), clock=NOON)
    here = [row for row in customers(rows) if row.opened_at <= NOON]
    counted = summary(here)
    del counted["score"]

    expected = counted | {
        "touch_point": LINE.name,
        "now": utc(NOON),
        "n_open": sum(row.state is State.OPEN for row in here),
        "n_partial": sum(row.partial for row in here),
    }
    assert same(ask(clickhouse, "SELECT * FROM completeness"), [expected], "touch_point")


def test_a_touch_point_that_fell_silent_is_there_for_a_week(clickhouse: ClickHouse) -> None:
    opened = {LINE: NOON - DAY, TELLER: NOON - 7 * DAY + 1, CLOSED: NOON - 7 * DAY, PROBED: NOON}
    fill(
        clickhouse,
        *(
            scored(place.name, touch_point=place, opened_at=time, synthetic=place is PROBED)
            for place, time in opened.items()
        ),
    )

    found = ask(clickhouse, "SELECT * EXCEPT now FROM completeness ORDER BY touch_point")

    nothing = {"n": 0, "n_open": 0, "n_unscored": 0, "coverage": None, "n_partial": 0}
    assert found == [{"touch_point": place.name} | nothing for place in (TELLER, LINE)]


def test_who_is_open_in_a_topic_that_is_gone_is_not_counted(clickhouse: ClickHouse) -> None:
    fill(clickhouse, scored("here", state=State.OPEN, ended_at=None))
    block = Block()
    block.add(OTHER_TOPIC, [scored("gone", state=State.OPEN, ended_at=None), scored("left", ended_at=NOON)])
    block.write(clickhouse, PSEUDONYMS, PATIENCE)

    assert ask(clickhouse, "SELECT n, n_open FROM completeness") == [{"n": 2, "n_open": 1}]


def test_rejects_are_records_of_the_last_24_hours(clickhouse: ClickHouse) -> None:
    set_clock(clickhouse, ClockRow(LOG, NOON, 9))
    refused = structs.replace(late(1, RejectReason.ROW_REFUSED), records=5, stamp=NOON - DAY + 1)
    ahead = structs.replace(late(2), stamp=NOON + HOUR)  # rejects move no clock: they may be all that comes
    write(clickhouse, rejects=[refused, ahead, late(3), structs.replace(late(4), stamp=NOON - DAY)])

    assert ask(clickhouse, "SELECT rejects FROM completeness_by_partition") == [
        {"rejects": {"row_refused": 5, "late": 2}}
    ]


def test_each_partition_tells_its_clock_and_its_rejects(clickhouse: ClickHouse) -> None:
    fill(clickhouse, scored("a", coverage=0.5, score=None, partial=True), scored("b", ended_at=None, state=State.OPEN))
    slow = structs.replace(LOG, partition=4)
    set_clock(clickhouse, ClockRow(OTHER_TOPIC, NOON, 1))
    clickhouse.query("SELECT sleep(0.01)")
    set_clock(clickhouse, ClockRow(slow, NOON - 9000, 50), ClockRow(LOG, NOON, 1001))
    side = structs.replace(late(1), topic="calls.conditions", topic_id="c", partition=0)
    write(clickhouse, rejects=[late(1), late(1), late(2), side])

    found = ask(clickhouse, "SELECT * EXCEPT (coverage, topic_id) FROM completeness_by_partition ORDER BY 1, 2")

    behind = {"clock": utc(NOON - 9000), "clock_behind_seconds": 9.0, "position": 50}
    nothing = {"n": 0, "n_unscored": 0, "n_partial": 0, "rejects": {}}
    assert found == [
        {"topic": "calls.conditions", "partition": 0, "clock": None, "clock_behind_seconds": None, "position": None}
        | nothing | {"rejects": {"late": 1}},
        {"topic": LOG.topic, "partition": 3, "clock": utc(NOON), "clock_behind_seconds": 0.0, "position": 1001,
         "n": 2, "n_unscored": 1, "n_partial": 1, "rejects": {"late": 2}},
        {"topic": LOG.topic, "partition": 4} | behind | nothing,
    ]  # fmt: skip
