"""What the page says of partitions: position, lag, clock."""

from typing import Any

import pytest

from pipeline.telemetry.metrics import Metrics, PartitionView
from tests.unit.telemetry.test_metrics import CATALOG, NOW, samples, value


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(CATALOG, now=lambda: NOW)


def view(**changes: Any) -> PartitionView:  # noqa: ANN401 - of any field
    told: dict[str, Any] = {
        "partition": 3,
        "position": 100,
        "end": 150,
        "replay_offset": 40,
        "clock": 1_699_999_990_500,
        "stamp": 1_699_999_995_000,
    }
    return PartitionView(**(told | changes))


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
        (view(end=None), "touchpoint_lag_seconds", None),
        (view(stamp=None), "touchpoint_lag_seconds", None),
        (view(clock=-1), "touchpoint_clock_timestamp_seconds", None),
    ],
)
def test_a_partition_shows_what_is_known_of_it(
    metrics: Metrics, told: PartitionView, name: str, expected: float | None
) -> None:
    metrics.partitions_seen([told], 0)
    assert value(metrics, name, partition="3") == expected


def test_lag_in_seconds_grows_while_nothing_is_told() -> None:
    time = [NOW]
    metrics = Metrics(CATALOG, now=lambda: time[0])
    metrics.partitions_seen([view()], 0)
    time[0] += 60
    assert value(metrics, "touchpoint_lag_seconds", partition="3") == 65


def test_a_partition_that_went_elsewhere_is_shown_no_more(metrics: Metrics) -> None:
    metrics.partitions_seen([view()], 2)
    assert value(metrics, "touchpoint_partitions", state="rebuilding") == 2
    metrics.partitions_seen([], 0)
    assert [name for name, labels in samples(metrics) if ("partition", "3") in labels] == []
    assert value(metrics, "touchpoint_partitions", state="live") == 0
