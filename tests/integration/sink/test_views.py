"""The views count current rows only, and answer what their comments promise."""

import threading

import pytest
from msgspec import structs

from pipeline.core.catalog import TouchPoint
from pipeline.core.scored import ScoredInteraction, State
from pipeline.sink.block import Patience
from pipeline.sink.clickhouse import ClickHouse
from pipeline.sink.clocks import ClockRow, write_clocks
from pipeline.sink.migrations import write_elements
from tests.integration.sink.test_block import values, write
from tests.live_rows import MINUTE, TELLER, utc
from tests.scored_rows import HOUR, LINE, LOG, MODEL, NOON, scored
from tests.unit.test_reference import VIEWS, section, table

pytestmark = pytest.mark.integration

AUTUMN = 941_328_000_000  # 1999-10-31T00:00:00Z, 02:00 in Berlin, as it is again an hour later
WINDOW = "ended_at >= '1999-02-03 12:00:00' AND ended_at < '1999-02-03 12:15:00'"
UNPINNED = "SETTINGS use_skip_indexes_if_final = 1, use_skip_indexes_if_final_exact_mode = 0"


def supersede(clickhouse: ClickHouse) -> None:
    """30 calls end within the window; of 20 a newer version, in a part of its own, ended two hours later."""
    clickhouse.command("SYSTEM STOP MERGES interaction_scores")
    write(clickhouse, *(scored(str(number), version=1) for number in range(30)))
    write(clickhouse, *(scored(str(number), version=2, ended_at=NOON + 2 * HOUR) for number in range(20)))


def test_a_superseded_row_is_not_counted_although_an_index_hides_its_successor(clickhouse: ClickHouse) -> None:
    supersede(clickhouse)

    assert values(clickhouse, f"SELECT count() FROM interactions WHERE {WINDOW}") == [(10,)]


def test_the_view_is_right_even_if_the_reader_switches_exactness_off(clickhouse: ClickHouse) -> None:
    supersede(clickhouse)

    trapped = values(clickhouse, f"SELECT count() FROM interaction_scores FINAL WHERE {WINDOW} {UNPINNED}")
    assert trapped == [(30,)], "the trap is gone: this test proves nothing any more"
    assert values(clickhouse, f"SELECT count() FROM interactions WHERE {WINDOW} {UNPINNED}") == [(10,)]


def test_an_interaction_is_found_by_id_in_its_current_version(clickhouse: ClickHouse) -> None:
    supersede(clickhouse)

    assert values(clickhouse, "SELECT version FROM interactions WHERE interaction_id = '7'") == [(2,)]


def test_hourly_counts_in_the_local_hours_of_the_touch_point(clickhouse: ClickHouse) -> None:
    write(
        clickhouse,
        scored("a", score=30.0),
        scored("b", score=50.0, coverage=0.8),
        scored("c", score=None, coverage=0.3, started_at=NOON + HOUR - 1),
        scored("d", started_at=NOON + HOUR, outcome=None, state=State.OPEN),
        scored("probe", synthetic=True),
    )

    (found,) = values(clickhouse, "SELECT * EXCEPT mean_coverage, round(mean_coverage, 6) FROM hourly")

    assert found == (LINE.name, utc(NOON), "1999-02-03 14:00", 3, 1, 40.0, 3, [("calls", 1)], 0.7)


HOURS = {"hourly": ("started_hour", "local_hour"), "points_lost_by_element": ("started_hour", "local_hour")}
QUARTERS = {"score_over_time": ("started_from", "local_from"), "points_lost_during": ("started_from", "local_from")}


@pytest.mark.parametrize(("view", "begin", "label"), [(view, *names) for view, names in (HOURS | QUARTERS).items()])
def test_the_hour_that_an_autumn_night_has_twice_is_two(
    clickhouse: ClickHouse, view: str, begin: str, label: str
) -> None:
    write(clickhouse, *(at(str(time), AUTUMN + time, TELLER) for time in (0, 1, HOUR, 2 * HOUR)))

    found = values(clickhouse, f"SELECT {begin}, {label}, n FROM {view} ORDER BY 1")

    assert found == [
        (utc(AUTUMN), "1999-10-31 02:00", 2),
        (utc(AUTUMN + HOUR), "1999-10-31 02:00", 1),
        (utc(AUTUMN + 2 * HOUR), "1999-10-31 03:00", 1),
    ]


@pytest.mark.parametrize("view", HOURS)
def test_an_hour_is_that_of_the_touch_point_where_clocks_go_half_an_hour_apart(
    clickhouse: ClickHouse, view: str
) -> None:
    half = 30 * MINUTE  # 12:00 UTC is 17:30 in India
    place = structs.replace(LINE, time_zone="Asia/Kolkata")
    write(clickhouse, *(at(str(time), NOON + time, place) for time in (-half, 0, half - 1, half)))

    found = values(clickhouse, f"SELECT started_hour, local_hour, n FROM {view} ORDER BY 1")

    assert found == [(utc(NOON - half), "1999-02-03 17:00", 3), (utc(NOON + half), "1999-02-03 18:00", 1)]


@pytest.mark.parametrize("view", ["hourly", "score_over_time", "score_now WHERE window_minutes = 60"])
def test_a_mean_names_all_models_that_it_is_over(clickhouse: ClickHouse, view: str) -> None:
    models = [("calls", 10), ("calls", 2), ("callers", 2), ("calls", 2), ("probes", 1)]
    places = [
        structs.replace(LINE, model=structs.replace(MODEL, name=name, version=version)) for name, version in models
    ]
    write(
        clickhouse,
        *(
            scored(str(number), touch_point=place, ended_at=NOON, synthetic=place.model.name == "probes")
            for number, place in enumerate(places)
        ),
    )
    assert write_clocks(clickhouse, [ClockRow(LOG, NOON, 9)], Patience(threading.Event(), print))

    found = values(clickhouse, f"SELECT n, model_versions FROM {view}")

    assert found == [(4, [("callers", 2), ("calls", 2), ("calls", 10)])]


def at(name: str, time: int, place: TouchPoint) -> ScoredInteraction:
    lost = {"wait.queue": 70.0}
    return scored(name, touch_point=place, opened_at=time, started_at=time, ended_at=time, points_lost=lost)


def test_hourly_counts_a_superseded_row_once(clickhouse: ClickHouse) -> None:
    supersede(clickhouse)

    assert values(clickhouse, "SELECT n FROM hourly") == [(30,)]


def test_points_lost_by_element_name_the_owner(clickhouse: ClickHouse) -> None:
    clickhouse.command(
        "INSERT INTO elements (model, model_version, element, owner, element_group, weight)"
        " SELECT 'calls', 1, 'wait.queue', 'branch management', 'wait', 30"
    )
    write(
        clickhouse,
        scored("a", points_lost={"wait.queue": 20.0, "people.hold": 0.0}),
        scored("b", points_lost={"wait.queue": 5.0}),
        scored("b", points_lost={"wait.queue": 90.0}, version=1),
        scored("probe", synthetic=True),
        scored("open", state=State.OPEN),
    )

    found = values(
        clickhouse,
        "SELECT touch_point, started_hour, local_hour, element, owner, points, n, n_losing"
        " FROM points_lost_by_element ORDER BY element",
    )

    assert found == [
        (LINE.name, utc(NOON), "1999-02-03 14:00", "people.hold", "", 0.0, 1, 0),
        (LINE.name, utc(NOON), "1999-02-03 14:00", "wait.queue", "branch management", 25.0, 2, 2),
    ]


def test_elements_of_the_catalog_are_kept_once_however_often_they_are_written(clickhouse: ClickHouse) -> None:
    for _ in range(2):
        write_elements(clickhouse, [MODEL])

    assert values(clickhouse, "SELECT count() FROM elements FINAL") == [(0,)]


def test_every_view_and_table_says_what_it_answers(clickhouse: ClickHouse) -> None:
    silent = values(
        clickhouse,
        "SELECT name FROM system.tables"
        " WHERE database = currentDatabase() AND comment = '' AND name != 'schema_versions'",
    )

    assert silent == []


@pytest.mark.parametrize("view", sorted(VIEWS.keys() - {"interactions", "rejects"}))
def test_the_columns_of_a_view_are_those_of_the_reference(clickhouse: ClickHouse, view: str) -> None:
    found = values(
        clickhouse,
        f"SELECT name, type FROM system.columns WHERE database = currentDatabase() AND table = '{view}'"
        " ORDER BY position",
    )
    listed = [(name, cells[0].strip("`")) for name, cells in table(f"`{view}`", "###").items()]
    inherited = "All columns of `interactions`" in section(f"`{view}`", "###")

    assert (found[-len(listed) :] if inherited else found) == listed
