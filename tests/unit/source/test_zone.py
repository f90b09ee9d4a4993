import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.source.zone import Zone

HOUR = 3_600_000
ZONES = ["Europe/Berlin", "Asia/Jerusalem", "America/New_York", "Australia/Lord_Howe", "UTC"]


def wall(*parts: int) -> int:
    return int(dt.datetime(*parts, tzinfo=dt.UTC).timestamp() * 1000)  # type: ignore[arg-type, misc] # parts of a day


@given(
    st.sampled_from(ZONES),
    st.datetimes(min_value=dt.datetime(1975, 1, 1), max_value=dt.datetime(2035, 1, 1)),  # noqa: DTZ001
)
def test_a_time_that_exists_once_is_the_moment_at_which_the_clock_shows_it(name: str, local: dt.datetime) -> None:
    shown = wall(local.year, local.month, local.day, local.hour, local.minute, local.second)
    found, note = Zone(name).epoch_ms(shown, None)
    if note is None:
        clock = dt.datetime.fromtimestamp(found / 1000, ZoneInfo(name)).replace(tzinfo=dt.UTC)
        assert clock.timestamp() * 1000 == shown


def test_a_skipped_time_counts_as_if_the_clocks_had_not_moved() -> None:
    berlin = Zone("Europe/Berlin")
    assert berlin.epoch_ms(wall(2026, 3, 29, 2, 30), None) == (wall(2026, 3, 29, 1, 30), "skipped_hour")
    assert berlin.epoch_ms(wall(2026, 3, 29, 1, 59), None) == (wall(2026, 3, 29, 0, 59), None)
    assert berlin.epoch_ms(wall(2026, 3, 29, 3, 0), None) == (wall(2026, 3, 29, 1, 0), None)


@pytest.mark.parametrize(
    ("not_before", "hour"), [(None, 0), (wall(2026, 10, 25, 0, 29), 0), (wall(2026, 10, 25, 0, 31), 1)]
)
def test_a_repeated_time_is_the_first_that_is_not_before_the_former(not_before: int | None, hour: int) -> None:
    found = Zone("Europe/Berlin").epoch_ms(wall(2026, 10, 25, 2, 30), not_before)
    assert found == (wall(2026, 10, 25, hour, 30), "repeated_hour")
