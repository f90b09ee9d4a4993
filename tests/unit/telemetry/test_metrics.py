"""What is told stands on the page as Prometheus reads it, and stays bounded whatever is told."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
from msgspec import structs
from prometheus_client.parser import text_string_to_metric_families

from pipeline.catalog_files import load_catalog
from pipeline.core.catalog import Catalog, TouchPoint
from pipeline.core.events import Outcome, RejectReason
from pipeline.core.scored import ScoredInteraction
from pipeline.core.scoring import Score, UnscoredReason
from pipeline.core.tally import Tally
from pipeline.sink.clickhouse import judge
from pipeline.sink.verdicts import Answer, Verdict, judge_code
from pipeline.telemetry.definitions import METRICS, Kind
from pipeline.telemetry.metrics import MAX_TOUCH_POINTS, Metrics, OpenView
from tests.scored_rows import scored

CATALOG: Final = load_catalog(Path(__file__).parents[3] / "schemas")
NOW: Final = 1_700_000_000.0
LINE: Final = "call_center/regular/line"


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(CATALOG, now=lambda: NOW)


def samples(metrics: Metrics) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    found = {}
    for family in metrics.collect():
        for sample in family.samples:
            key = sample.name, frozenset(sample.labels.items())
            assert key not in found, f"twice on the page: {key}"
            found[key] = sample.value
    return found


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return samples(metrics).get((name, frozenset(labels.items())))


def touch_point(name: str = LINE) -> TouchPoint:
    found = CATALOG.resolve(name, int(NOW * 1000))
    assert found is not None
    return found


def row(name: str = LINE, score: float | None = 80.0, **changes: Any) -> ScoredInteraction:  # noqa: ANN401 - of any field
    place = touch_point(name)
    element = place.model.elements[0].name
    judged = Score(
        score=score,
        low=0.0,
        high=100.0,
        coverage=0.9,
        unscored_reason=UnscoredReason.LOW_COVERAGE if score is None else None,
        points_lost={} if score is None else {element: 100 - score},
    )
    return structs.replace(scored(**changes), touch_point=place, score=judged)


def open_at(name: str = LINE, **changes: Any) -> OpenView:  # noqa: ANN401 - of any field
    told: dict[str, Any] = {"count": 1, "oldest_seconds": 1.0, "scored": 0, "points": 0.0}
    return OpenView(touch_point=touch_point(name), **(told | changes))


def tally(**counts: Any) -> Tally:  # noqa: ANN401 - of any count
    made = Tally()
    for name, count in counts.items():
        getattr(made, name).update(count) if isinstance(count, dict) else setattr(made, name, count)
    return made


def test_the_page_shows_every_metric_of_the_list_and_of_ours_nothing_else(metrics: Metrics) -> None:
    families = {one.name: one for one in text_string_to_metric_families(metrics.page().decode())}
    ours = {name: family for name, family in families.items() if name.startswith("touchpoint_")}
    assert {metric.name.removesuffix("_total") for metric in METRICS} == set(ours)
    for metric in METRICS:
        family = ours[metric.name.removesuffix("_total")]
        assert (family.type, family.documentation) == (metric.kind.value, metric.meaning)


def test_counters_are_named_total_and_values_carry_their_unit() -> None:
    for metric in METRICS:
        assert metric.name.startswith("touchpoint_")
        assert metric.name.endswith("_total") == (metric.kind is Kind.COUNTER)
        assert bool(metric.buckets) == (metric.kind is Kind.HISTOGRAM)
        assert list(metric.buckets) == sorted(metric.buckets)


def test_what_is_known_beforehand_begins_at_zero(metrics: Metrics) -> None:
    for reason in set(RejectReason) - {RejectReason.ROW_REFUSED}:
        assert value(metrics, "touchpoint_records_rejected_total", reason=reason.value) == 0
    for outcome in Outcome:
        assert value(metrics, "touchpoint_interactions_ended_total", channel="branch", outcome=outcome.value) == 0
    assert value(metrics, "touchpoint_records_consumed_total") == 0
    assert value(metrics, "touchpoint_join_misses_total", kind="line_length", cause="never") == 0
    form = "online_form/health_claim"
    assert value(metrics, "touchpoint_interaction_score_count", touch_point=form) == 0
    for line in touch_point(form).model.owners:
        model = touch_point(form).model.name
        assert value(metrics, "touchpoint_points_lost_total", touch_point=form, model=model, element=line) == 0


def test_a_touch_point_of_a_pattern_begins_at_zero_when_somebody_opens_there(metrics: Metrics) -> None:
    metrics.open_counted([open_at(count=3)])
    assert value(metrics, "touchpoint_interactions_open", touch_point=LINE) == 3
    assert value(metrics, "touchpoint_interactions_unscored_total", touch_point=LINE) == 0
    assert value(metrics, "touchpoint_interaction_score_count", touch_point=LINE) == 0


def test_open_ones_of_several_shards_are_added_and_the_oldest_age_counts(metrics: Metrics) -> None:
    metrics.open_counted([open_at(count=3, oldest_seconds=40.0), open_at(count=2, oldest_seconds=90.0)])
    assert value(metrics, "touchpoint_interactions_open", touch_point=LINE) == 5
    assert value(metrics, "touchpoint_oldest_open_age_seconds", touch_point=LINE) == 90
    metrics.open_counted([])
    assert value(metrics, "touchpoint_interactions_open", touch_point=LINE) == 0
    assert value(metrics, "touchpoint_oldest_open_age_seconds", touch_point=LINE) == 0


def test_scores_of_those_who_are_still_here_are_added_over_shards_and_gone_with_them(metrics: Metrics) -> None:
    metrics.open_counted([open_at(scored=3, points=190.5), open_at(scored=1, points=40.0)])
    assert value(metrics, "touchpoint_interactions_open_scored", touch_point=LINE) == 4
    assert value(metrics, "touchpoint_interactions_open_points", touch_point=LINE) == 230.5
    metrics.open_counted([])
    assert value(metrics, "touchpoint_interactions_open_scored", touch_point=LINE) == 0
    assert value(metrics, "touchpoint_interactions_open_points", touch_point=LINE) == 0


def test_an_ended_interaction_is_counted_with_score_coverage_and_points(metrics: Metrics) -> None:
    metrics.interactions_ended([row(score=80.0), row(score=75.0)])
    model = touch_point().model
    element = model.elements[0].name
    assert value(metrics, "touchpoint_interactions_ended_total", channel="call_center", outcome="abandoned") == 2
    assert value(metrics, "touchpoint_interaction_score_sum", touch_point=LINE) == 155
    assert value(metrics, "touchpoint_interaction_score_bucket", touch_point=LINE, le="75.0") == 1
    assert value(metrics, "touchpoint_interaction_score_bucket", touch_point=LINE, le="85.0") == 2
    assert value(metrics, "touchpoint_interaction_coverage_count", touch_point=LINE) == 2
    lost = value(metrics, "touchpoint_points_lost_total", touch_point=LINE, model=model.name, element=element)
    assert lost == 45


def test_one_without_a_score_is_unscored_and_no_zero(metrics: Metrics) -> None:
    metrics.interactions_ended([row(score=None)])
    assert value(metrics, "touchpoint_interactions_unscored_total", touch_point=LINE) == 1
    assert value(metrics, "touchpoint_interaction_score_count", touch_point=LINE) == 0
    assert value(metrics, "touchpoint_interaction_coverage_count", touch_point=LINE) == 1


def test_a_probe_is_no_customer(metrics: Metrics) -> None:
    before = samples(metrics)
    metrics.interactions_ended([row(synthetic=True)])
    assert {name: found for name, found in samples(metrics).items() if "touchpoint_inter" in name[0]} == {
        name: found for name, found in before.items() if "touchpoint_inter" in name[0]
    }


def test_endless_touch_points_fold_into_one(metrics: Metrics) -> None:
    for number in range(5 * MAX_TOUCH_POINTS):
        metrics.interactions_ended([row(f"branch/{number}/teller")])
        metrics.open_counted([open_at(f"branch/{number}/teller")])
    labels = {dict(labels).get("touch_point") for _, labels in samples(metrics)} - {None}
    assert len(labels) == MAX_TOUCH_POINTS + 1
    others = value(metrics, "touchpoint_interaction_score_count", touch_point="other")
    assert others is not None
    assert others > 3 * MAX_TOUCH_POINTS
    total = sum(found for (name, _), found in samples(metrics).items() if name == "touchpoint_interaction_score_count")
    assert total == 5 * MAX_TOUCH_POINTS


def test_no_id_ever_stands_on_the_page(metrics: Metrics) -> None:
    secrets: dict[str, Any] = {
        name: f"{name} of nobody" for name in ("interaction", "customer", "staff", "team", "task")
    }
    metrics.interactions_ended([row(**secrets)])
    assert b"of nobody" not in metrics.page()


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (judge_code(252, "too many parts"), "too_many_parts"),
        (judge_code(241, "memory"), "memory_limit_exceeded"),
        (judge_code(999, "keeper"), "other"),
        (judge(ConnectionRefusedError()), "unreachable"),
        (judge(EOFError()), "unreachable"),
    ],
)
def test_a_retry_has_one_of_few_reasons(metrics: Metrics, answer: Answer, reason: str) -> None:
    assert answer.verdict is Verdict.RETRY
    metrics.insert_retried(answer.label)
    assert value(metrics, "touchpoint_insert_retries_total", reason=reason) == 1


def test_a_block_is_counted_by_table(metrics: Metrics) -> None:
    metrics.rows_inserted("interaction_scores", 900, 0.1)
    metrics.rows_inserted("rejected_events", 30, 0.1)
    metrics.block_inserted(0.2, 4)
    assert value(metrics, "touchpoint_inserted_rows_total", table="interaction_scores") == 900
    assert value(metrics, "touchpoint_inserted_rows_total", table="rejected_events") == 30
    assert value(metrics, "touchpoint_refused_rows_total") == 4
    assert value(metrics, "touchpoint_insert_duration_seconds_bucket", le="0.25") == 1
    assert value(metrics, "touchpoint_insert_duration_seconds_bucket", le="0.1") == 0


def test_the_age_of_the_commit_begins_anew_when_all_is_durable(
    metrics: Metrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monotonic = [1000.0]
    monkeypatch.setattr("pipeline.telemetry.metrics.time.monotonic", lambda: monotonic[0])
    metrics.all_durable()
    monotonic[0] += 7
    assert value(metrics, "touchpoint_commit_age_seconds") == 7
    metrics.all_durable()
    assert value(metrics, "touchpoint_commit_age_seconds") == 0


@pytest.mark.parametrize(
    ("tell", "name", "expected"),
    [
        (lambda metrics: metrics.partitions.gaps_counted(12), "touchpoint_data_gap_records_total", 12),
        (lambda metrics: metrics.commit_refused(), "touchpoint_commits_refused_total", 1),
        (lambda metrics: metrics.partitions.rebuilt(3.0), "touchpoint_rebuild_duration_seconds_count", 1),
    ],
)
def test_a_fact_moves_its_metric(metrics: Metrics, tell: Callable[[Metrics], None], name: str, expected: float) -> None:
    tell(metrics)
    assert value(metrics, name) == expected


def test_every_ledger_line_has_one_owner(metrics: Metrics) -> None:
    owners = [dict(labels) for name, labels in samples(metrics) if name == "touchpoint_element_owner_info"]
    lines = [(one["model"], one["element"]) for one in owners]
    assert len(lines) == len(set(lines))
    assert {(model.name, line) for model in CATALOG.models for line in model.owners} == set(lines)


def test_the_owner_is_that_of_the_version_which_is_valid_now() -> None:
    model = CATALOG.models[0]
    first, *others = model.elements
    elements = (structs.replace(first, owner="somebody else"), *others)
    from_now_on = structs.replace(model, valid_from=2_000_000, elements=elements)
    seconds = [1_000.0]
    metrics = Metrics(Catalog(CATALOG.channels, CATALOG.entries, (from_now_on, model)), now=lambda: seconds[0])

    def owner() -> float | None:
        labels = {"model": model.name, "element": first.name, "owner": "somebody else"}
        return value(metrics, "touchpoint_element_owner_info", **labels)

    assert owner() is None
    seconds[0] = 3_000.0
    assert owner() == 1


def test_two_instances_share_nothing(metrics: Metrics) -> None:
    other = Metrics(CATALOG)
    other.partitions.gaps_counted(5)
    assert value(metrics, "touchpoint_data_gap_records_total") == 0
