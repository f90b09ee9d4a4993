"""What became of records: the counts of the page add up, and none of them goes back."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.core.events import RejectReason
from pipeline.telemetry.metrics import Metrics
from tests.unit.telemetry.test_metrics import CATALOG, NOW, samples, tally, value


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(CATALOG, now=lambda: NOW)


@settings(max_examples=50, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 1000), st.integers(0, 1000), st.sampled_from(RejectReason), st.integers(-5, 1000)),
        max_size=20,
    )
)
def test_a_counter_never_goes_back_although_a_record_may_move_to_another_count(
    told: list[tuple[int, int, RejectReason, int]],
) -> None:
    metrics = Metrics(CATALOG, now=lambda: NOW)
    before = samples(metrics)
    for duplicates, applied, reason, count in told:
        metrics.records_counted(tally(duplicates=duplicates, applied=applied, rejected={reason: count}))
        after = samples(metrics)
        assert all(after[name] >= found for name, found in before.items() if name[0].endswith("_total"))
        before = after


def sums(metrics: Metrics) -> dict[str, float]:
    """Records by what became of them, as the page shows it, in whatever way."""
    found = {"consumed": 0.0, "applied": 0.0, "duplicate": 0.0, "rejected": 0.0}
    for (name, _), count in samples(metrics).items():
        for fate in found:
            found[fate] += count if name == f"touchpoint_records_{fate}_total" else 0
    return found


def test_the_page_adds_up_also_when_a_row_is_refused_again_and_again(metrics: Metrics) -> None:
    metrics.records_counted(tally(applied=6, duplicates=1, rejected={RejectReason.LATE: 3}))
    for _ in range(2):
        metrics.block_inserted(0.2, 1)
    found = sums(metrics)
    assert found["consumed"] == 10 == found["applied"] + found["duplicate"] + found["rejected"]


def test_counters_stand_until_they_are_reached_again_after_records_became_late(metrics: Metrics) -> None:
    metrics.records_counted(tally(applied=6, duplicates=1))
    metrics.records_counted(tally(applied=2, rejected={RejectReason.LATE: 5}))
    assert sums(metrics) == {"consumed": 7, "applied": 6, "duplicate": 1, "rejected": 5}
    metrics.records_counted(tally(applied=7, duplicates=1, rejected={RejectReason.LATE: 5}))
    assert sums(metrics) == {"consumed": 13, "applied": 7, "duplicate": 1, "rejected": 5}


def test_what_became_of_records_adds_up(metrics: Metrics) -> None:
    metrics.records_counted(
        tally(
            applied=6,
            duplicates=1,
            unknown_fields=2,
            rejected={RejectReason.LATE: 3},
            join_misses={
                frozenset({("comfort", "stale")}): 4,
                frozenset({("comfort", "stale"), ("line_length", "never")}): 2,
            },
        )
    )
    assert value(metrics, "touchpoint_records_consumed_total") == 10
    assert value(metrics, "touchpoint_records_applied_total") == 6
    assert value(metrics, "touchpoint_records_duplicate_total") == 1
    assert value(metrics, "touchpoint_records_rejected_total", reason="late") == 3
    assert value(metrics, "touchpoint_records_with_unknown_fields_total") == 2
    assert value(metrics, "touchpoint_join_misses_total", kind="comfort", cause="stale") == 6
    assert value(metrics, "touchpoint_join_misses_total", kind="line_length", cause="never") == 2
