"""What the page says of partitions: position, lag, clock."""

from typing import Any, Final

import pytest

from pipeline.telemetry.metrics import Metrics
from pipeline.telemetry.partitions import PartitionView
from tests.unit.telemetry.test_metrics import CATALOG, NOW, samples, value

SECOND: Final = 1_000
STAMP: Final = round(NOW) * SECOND - 5_000
EIGHT_HOURS: Final = 8 * 3600 * SECOND


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(CATALOG, now=lambda: NOW)


def view(**changes: Any) -> PartitionView:  # noqa: ANN401 - of any field
    told: dict[str, Any] = {
        "partition": 3,
        "assigned_at": STAMP - 60_000,
        "position": 100,
        "end": 150,
        "end_told_at": STAMP,
        "replay_offset": 40,
        "clock": STAMP - 4_500,
        "stamp": STAMP,
    }
    return PartitionView(**(told | changes))


def being_rebuilt(**changes: Any) -> PartitionView:  # noqa: ANN401 - of any field
    return view(**({"stamp": None, "clock": -1, "replay_offset": None} | changes))


@pytest.mark.parametrize(
    ("told", "name", "expected"),
    [
        (view(), "touchpoint_lag_records", 50),
        (view(), "touchpoint_lag_seconds", 5),
        (view(), "touchpoint_clock_timestamp_seconds", 1_699_999_990.5),
        (view(), "touchpoint_replay_records", 60),
        (view(end=100), "touchpoint_lag_records", 0),
        (view(end=100), "touchpoint_lag_seconds", 0),
        (view(end=90), "touchpoint_lag_records", 0),  # an end that is older than the position
        (view(end=None), "touchpoint_lag_records", None),
        (view(end=None), "touchpoint_lag_seconds", 5),
        (view(stamp=None), "touchpoint_lag_seconds", 65),
        (view(clock=-1), "touchpoint_clock_timestamp_seconds", None),
    ],
)
def test_a_partition_shows_what_is_known_of_it(
    metrics: Metrics, told: PartitionView, name: str, expected: float | None
) -> None:
    metrics.partitions.seen([told], [])
    assert value(metrics, name, partition="3") == expected


@pytest.mark.parametrize(
    ("told", "name", "expected"),
    [
        (being_rebuilt(), "touchpoint_lag_records", 50),
        (being_rebuilt(), "touchpoint_lag_seconds", 65),
        (being_rebuilt(end=100), "touchpoint_lag_seconds", 0),
        (being_rebuilt(position=None), "touchpoint_lag_records", None),
        (being_rebuilt(position=None), "touchpoint_lag_seconds", 65),
        (being_rebuilt(), "touchpoint_clock_timestamp_seconds", None),
        (being_rebuilt(), "touchpoint_replay_records", None),
    ],
)
def test_a_partition_that_is_being_rebuilt_is_behind_since_it_was_assigned(
    metrics: Metrics, told: PartitionView, name: str, expected: float | None
) -> None:
    metrics.partitions.seen([], [told])
    assert value(metrics, name, partition="3") == expected


def test_lag_in_seconds_grows_while_nothing_is_told() -> None:
    time = [NOW]
    metrics = Metrics(CATALOG, now=lambda: time[0])
    metrics.partitions.seen([view()], [])
    time[0] += 60
    assert value(metrics, "touchpoint_lag_seconds", partition="3") == 65


def test_one_record_after_a_quiet_night_is_as_late_as_it_is_and_not_as_the_night_was_long(metrics: Metrics) -> None:
    quiet = view(position=100, end=100, stamp=STAMP - EIGHT_HOURS, end_told_at=STAMP + 2 * SECOND)
    metrics.partitions.seen([quiet], [])
    metrics.partitions.seen([view(position=100, end=101, stamp=STAMP - EIGHT_HOURS)], [])
    assert value(metrics, "touchpoint_lag_seconds", partition="3") == 3


def test_a_worker_that_was_cut_off_at_the_end_of_the_log_knows_nothing_newer(metrics: Metrics) -> None:
    cut_off = view(position=100, end=100, stamp=STAMP - EIGHT_HOURS, end_told_at=STAMP - 600 * SECOND)
    metrics.partitions.seen([cut_off], [])
    metrics.partitions.seen([view(position=100, end=5_000, stamp=STAMP - EIGHT_HOURS)], [])
    assert value(metrics, "touchpoint_lag_seconds", partition="3") == 605


def test_what_is_read_again_from_before_the_end_is_as_late_as_its_records(metrics: Metrics) -> None:
    metrics.partitions.seen([view(position=100, end=100)], [])
    metrics.partitions.seen([view(position=60, end=100, stamp=STAMP - EIGHT_HOURS)], [])
    assert value(metrics, "touchpoint_lag_seconds", partition="3") == 8 * 3600 + 5


def test_a_partition_that_went_elsewhere_is_shown_no_more(metrics: Metrics) -> None:
    metrics.partitions.seen([view()], [being_rebuilt(partition=1), being_rebuilt(partition=2)])
    assert value(metrics, "touchpoint_partitions", state="rebuilding") == 2
    metrics.partitions.seen([], [])
    assert [name for name, labels in samples(metrics) if ("partition", "3") in labels] == []
    assert value(metrics, "touchpoint_partitions", state="live") == 0
