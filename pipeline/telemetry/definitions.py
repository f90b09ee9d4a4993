"""Every metric there is: name, type, labels, meaning. A closed list; docs/reference.md shows it, a test compares.

Base units. Labels are bounded: no id of an interaction, customer or record is ever one. Counters and histograms of
several workers may be summed.
"""

import enum
from typing import Final

from msgspec import Struct


class Kind(enum.StrEnum):
    """How a value behaves: a counter only grows, a gauge goes up and down, a histogram counts values by size."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Metric(Struct, frozen=True):
    """One metric. `buckets` are the inclusive upper bounds of a histogram."""

    name: str
    kind: Kind
    labels: tuple[str, ...]
    meaning: str
    buckets: tuple[float, ...] = ()


SCORE_BUCKETS: Final = (10.0, 20.0, 30.0, 45.0, 60.0, 75.0, 85.0, 95.0, 100.0)
COVERAGE_BUCKETS: Final = (0.25, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0)
INSERT_BUCKETS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
REBUILD_BUCKETS: Final = (0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)

# Records: what was read from the log, and what became of it.
RECORDS_CONSUMED: Final = Metric(
    "touchpoint_records_consumed_total",
    Kind.COUNTER,
    (),
    "Records read from the log; those of a rebuild are not counted, those read again after a restart are.",
)
RECORDS_APPLIED: Final = Metric(
    "touchpoint_records_applied_total", Kind.COUNTER, (), "Records that became part of an interaction."
)
RECORDS_DUPLICATE: Final = Metric(
    "touchpoint_records_duplicate_total", Kind.COUNTER, (), "Records that had come before with the same bytes."
)
RECORDS_REJECTED: Final = Metric(
    "touchpoint_records_rejected_total", Kind.COUNTER, ("reason",), "Records that were read and could not be used."
)
UNKNOWN_FIELDS: Final = Metric(
    "touchpoint_records_with_unknown_fields_total",
    Kind.COUNTER,
    (),
    "Applied records with fields that the contract does not know; the fields were ignored.",
)

# Interactions: each once, when its first ended or timed-out row is committed; synthetic ones never.
INTERACTIONS_ENDED: Final = Metric(
    "touchpoint_interactions_ended_total",
    Kind.COUNTER,
    ("channel", "outcome"),
    "Interactions that ended or timed out.",
)
SCORE: Final = Metric(
    "touchpoint_interaction_score",
    Kind.HISTOGRAM,
    ("touch_point",),
    "Scores of ended interactions, 0 to 100.",
    SCORE_BUCKETS,
)
UNSCORED: Final = Metric(
    "touchpoint_interactions_unscored_total",
    Kind.COUNTER,
    ("touch_point",),
    "Ended interactions without a score: too little was observed.",
)
COVERAGE: Final = Metric(
    "touchpoint_interaction_coverage",
    Kind.HISTOGRAM,
    ("touch_point",),
    "Share of the weight of what applies that was observed, of ended interactions.",
    COVERAGE_BUCKETS,
)
POINTS_LOST: Final = Metric(
    "touchpoint_points_lost_total",
    Kind.COUNTER,
    ("touch_point", "model", "element"),
    "Points that ended interactions lost to an element or a cap.",
)
INTERACTIONS_OPEN: Final = Metric(
    "touchpoint_interactions_open", Kind.GAUGE, ("touch_point",), "Interactions that have neither ended nor timed out."
)
OLDEST_OPEN: Final = Metric(
    "touchpoint_oldest_open_age_seconds",
    Kind.GAUGE,
    ("touch_point",),
    "Event time since the opening of the open interaction that came first; 0 without any.",
)
OPEN_SCORED: Final = Metric(
    "touchpoint_interactions_open_scored",
    Kind.GAUGE,
    ("touch_point",),
    "Open interactions whose newest provisional row has a score, as far as this worker has scored them.",
)
OPEN_POINTS: Final = Metric(
    "touchpoint_interactions_open_points",
    Kind.GAUGE,
    ("touch_point",),
    "Sum of the scores of these rows: divided by their number, the mean score of those who are still here.",
)
LARGEST_CUSTOMER: Final = Metric(
    "touchpoint_largest_customer_share_ratio",
    Kind.GAUGE,
    (),
    "Share of the last ended interactions that bear the most frequent customer id; above 0.01 it is hardly a person.",
)
JOIN_MISSES: Final = Metric(
    "touchpoint_join_misses_total",
    Kind.COUNTER,
    ("kind", "cause"),
    "Conditions that the score of an ended interaction lacks, for nobody reported them: `never`, or only `stale` ones.",
)

# The way into ClickHouse.
INSERT_SECONDS: Final = Metric(
    "touchpoint_insert_duration_seconds",
    Kind.HISTOGRAM,
    (),
    "Time from handing over a block until it is durable, retries included.",
    INSERT_BUCKETS,
)
INSERTED_ROWS: Final = Metric(
    "touchpoint_inserted_rows_total", Kind.COUNTER, ("table",), "Rows that ClickHouse has taken."
)
REFUSED_ROWS: Final = Metric(
    "touchpoint_refused_rows_total",
    Kind.COUNTER,
    (),
    "Rows of interactions that ClickHouse refused by a value; their records stay counted as applied or duplicate.",
)
INSERT_RETRIES: Final = Metric(
    "touchpoint_insert_retries_total",
    Kind.COUNTER,
    ("reason",),
    "Inserts that ClickHouse could not take at the time and that were tried again.",
)
COMMIT_AGE: Final = Metric(
    "touchpoint_commit_age_seconds",
    Kind.GAUGE,
    (),
    "Time since the last commit, or since all that was read was committed; about 0 while there is nothing to commit"
    " and Kafka answers.",
)

COMMITS_REFUSED: Final = Metric(
    "touchpoint_commits_refused_total",
    Kind.COUNTER,
    (),
    "Commits that came too late: others own the partitions by now and read again what was just written.",
)

# Partitions of this worker.
PARTITIONS: Final = Metric(
    "touchpoint_partitions", Kind.GAUGE, ("state",), "Partitions of this worker, `live` or `rebuilding`."
)
LAG_RECORDS: Final = Metric(
    "touchpoint_lag_records",
    Kind.GAUGE,
    ("partition",),
    "Offsets between the next one to read, of a partition that is being rebuilt its commit, and the log's end.",
)
LAG_SECONDS: Final = Metric(
    "touchpoint_lag_seconds",
    Kind.GAUGE,
    ("partition",),
    "Time since the last record read was stamped or the end was last reached, while there is more to read; else 0.",
)
CLOCK: Final = Metric(
    "touchpoint_clock_timestamp_seconds",
    Kind.GAUGE,
    ("partition",),
    "The shard's clock: event time in seconds since 1970, absent before the first record.",
)
REPLAY_RECORDS: Final = Metric(
    "touchpoint_replay_records",
    Kind.GAUGE,
    ("partition",),
    "Offsets that a restart would read again to rebuild what is held.",
)
REBUILD_SECONDS: Final = Metric(
    "touchpoint_rebuild_duration_seconds",
    Kind.HISTOGRAM,
    (),
    "Time to rebuild one partition from the log.",
    REBUILD_BUCKETS,
)
DATA_GAP: Final = Metric(
    "touchpoint_data_gap_records_total",
    Kind.COUNTER,
    (),
    "Offsets that retention removed before they were read: data is lost.",
)

# The topics beside the log; what is written of them stands under INSERTED_ROWS, by table.
SIDE_CONSUMED: Final = Metric(
    "touchpoint_side_records_consumed_total",
    Kind.COUNTER,
    ("topic",),
    "Records read from a topic beside the log; those read again after a restart are counted again.",
)
SIDE_DUPLICATE: Final = Metric(
    "touchpoint_side_records_duplicate_total",
    Kind.COUNTER,
    ("topic",),
    "Of them those whose source and id had come shortly before; they are written, and count once if they are the same.",
)
SIDE_REJECTED: Final = Metric(
    "touchpoint_side_records_rejected_total",
    Kind.COUNTER,
    ("topic", "reason"),
    "Of them those that could not be used.",
)
SIDE_UNKNOWN_FIELDS: Final = Metric(
    "touchpoint_side_records_with_unknown_fields_total",
    Kind.COUNTER,
    ("topic",),
    "Of them those with fields that the contract does not know; the fields were ignored.",
)
SIDE_LAG: Final = Metric(
    "touchpoint_side_lag_records",
    Kind.GAUGE,
    ("topic",),
    "Offsets between the next ones to read and the ends of this worker's partitions of a topic beside the log.",
)
SIDE_INSERT_SECONDS: Final = Metric(
    "touchpoint_side_insert_duration_seconds",
    Kind.HISTOGRAM,
    ("topic",),
    "Time to insert what one block holds of a topic beside the log, retries included.",
    INSERT_BUCKETS,
)

# What is what: constant 1, for joins in queries.
BUILD_INFO: Final = Metric("touchpoint_build_info", Kind.GAUGE, ("version", "python"), "1; what runs.")
ELEMENT_OWNER: Final = Metric(
    "touchpoint_element_owner_info",
    Kind.GAUGE,
    ("model", "element", "owner"),
    "1; who owns an element or a cap of a model: one owner each.",
)

METRICS: Final = (
    RECORDS_CONSUMED,
    RECORDS_APPLIED,
    RECORDS_DUPLICATE,
    RECORDS_REJECTED,
    UNKNOWN_FIELDS,
    INTERACTIONS_ENDED,
    SCORE,
    UNSCORED,
    COVERAGE,
    POINTS_LOST,
    INTERACTIONS_OPEN,
    OLDEST_OPEN,
    OPEN_SCORED,
    OPEN_POINTS,
    LARGEST_CUSTOMER,
    JOIN_MISSES,
    INSERT_SECONDS,
    INSERTED_ROWS,
    REFUSED_ROWS,
    INSERT_RETRIES,
    COMMIT_AGE,
    COMMITS_REFUSED,
    PARTITIONS,
    LAG_RECORDS,
    LAG_SECONDS,
    CLOCK,
    REPLAY_RECORDS,
    REBUILD_SECONDS,
    DATA_GAP,
    SIDE_CONSUMED,
    SIDE_DUPLICATE,
    SIDE_REJECTED,
    SIDE_UNKNOWN_FIELDS,
    SIDE_LAG,
    SIDE_INSERT_SECONDS,
    BUILD_INFO,
    ELEMENT_OWNER,
)
