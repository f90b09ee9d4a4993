-- One row per interaction and version; the highest version is the current one. Read it through the view `interactions`.
-- The sorting key fixes the day, so all versions of a row lie in one partition.
CREATE TABLE IF NOT EXISTS interaction_scores
(
    interaction_id    String COMMENT 'One customer''s passage through one touch-point' CODEC(ZSTD(1)),
    channel           LowCardinality(String) COMMENT 'Channel of the touch-point, such as call_center',
    touch_point       LowCardinality(String) COMMENT 'Where it happened, such as branch/042/teller',
    team              LowCardinality(Nullable(String)) COMMENT 'Team that served',
    task              LowCardinality(Nullable(String)) COMMENT 'What the customer came for',
    segment           LowCardinality(Nullable(String)) COMMENT 'Segment of the customer',
    customer          Nullable(String) COMMENT 'Pseudonym of the customer; NULL when nobody was identified' CODEC(ZSTD(1)),
    staff             LowCardinality(Nullable(String)) COMMENT 'Pseudonym of the member of staff',
    opened_at         DateTime64(3, 'UTC') COMMENT 'Time of the first opening event in log order; fixes partition and key' CODEC(DoubleDelta, ZSTD(1)),
    started_at        DateTime64(3, 'UTC') COMMENT 'Earliest event of the customer; analysis and ranking bucket by it' CODEC(DoubleDelta, ZSTD(1)),
    served_at         Nullable(DateTime64(3, 'UTC')) COMMENT 'Service by a person began' CODEC(ZSTD(1)),
    ended_at          Nullable(DateTime64(3, 'UTC')) COMMENT 'It was over; NULL while open; live views bucket by it' CODEC(ZSTD(1)),
    state             LowCardinality(String) COMMENT 'open (provisional), timed_out or ended',
    outcome           LowCardinality(Nullable(String)) COMMENT 'How it ended; NULL while open',
    score             Nullable(Float64) COMMENT '0 to 100; NULL when unscored' CODEC(ZSTD(1)),
    score_low         Float64 COMMENT 'Score if all that is unknown were bad' CODEC(ZSTD(1)),
    score_high        Float64 COMMENT 'Score if all that is unknown were good' CODEC(ZSTD(1)),
    coverage          Float64 COMMENT 'Share of the applicable weight that was observed' CODEC(ZSTD(1)),
    unscored_reason   LowCardinality(Nullable(String)) COMMENT 'Why there is no score',
    points_lost       Map(LowCardinality(String), Float64) COMMENT 'The ledger: element to points; sums to 100 - score' CODEC(ZSTD(1)),
    signals           Map(LowCardinality(String), Float64) COMMENT 'Observed signals in their named unit; a missing name is unknown, never zero' CODEC(ZSTD(1)),
    active_conditions Array(LowCardinality(String)) COMMENT 'Conditions while it lasted',
    system_seconds    Map(LowCardinality(String), Float64) COMMENT 'Seconds that backend systems worked for it, by system' CODEC(ZSTD(1)),
    events            UInt32 COMMENT 'Records folded into this row, without duplicates' CODEC(ZSTD(1)),
    duplicates        UInt32 COMMENT 'Records that repeated an event' CODEC(ZSTD(1)),
    topic_id          LowCardinality(String) COMMENT 'Kafka''s id of the log topic',
    partition         UInt32 COMMENT 'Partition of the log' CODEC(ZSTD(1)),
    first_offset      UInt64 COMMENT 'Offset of its first record' CODEC(DoubleDelta, ZSTD(1)),
    model             LowCardinality(String) COMMENT 'Model that made the score',
    model_version     UInt32 COMMENT 'Version of the model' CODEC(ZSTD(1)),
    model_fingerprint LowCardinality(String) COMMENT 'Hash of the model''s content',
    version           UInt64 COMMENT 'Highest wins: epoch, records folded, state, condition records' CODEC(ZSTD(1)),
    partial           Bool COMMENT 'Its beginning was not read',
    priority          LowCardinality(Nullable(String)) COMMENT 'Priority that an event named',
    appointment       Nullable(Bool) COMMENT 'Came by appointment',
    continues         Nullable(String) COMMENT 'Id of an earlier interaction' CODEC(ZSTD(1)),
    attempt           Nullable(UInt64) COMMENT 'Which attempt at the task' CODEC(ZSTD(1)),
    synthetic         Bool COMMENT 'Made by a probe, not by a customer; views leave it out of means and sums',
    key_id            LowCardinality(String) COMMENT 'Which pseudonym key was used',
    time_zone         LowCardinality(String) COMMENT 'Time zone of the touch-point, for local hours',
    inserted_at       DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When the row was inserted' CODEC(DoubleDelta, ZSTD(1)),

    INDEX started_at_range started_at TYPE minmax GRANULARITY 1,
    INDEX ended_at_range ended_at TYPE minmax GRANULARITY 1,
    INDEX interaction_id_set interaction_id TYPE bloom_filter(0.001) GRANULARITY 1
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMMDD(opened_at)
ORDER BY (toStartOfHour(opened_at), interaction_id)
COMMENT 'Every version of every interaction row; read the view interactions';
