-- What is not in the log: states that touch many interactions, the customers' own answers, what became of them.
-- Rows that agree in the whole sorting key, not only in (source, event_id), are one; `version` is higher the smaller the offset: the first counts.
CREATE TABLE IF NOT EXISTS conditions
(
    subject       LowCardinality(String) COMMENT 'What it is about: branch/042, system/identity, call_center/retail',
    kind          LowCardinality(String) COMMENT 'line_length, comfort, counters_open, degraded, latency_seconds, …',
    value         Float64 COMMENT 'Value in the unit of its kind',
    time          DateTime64(3, 'UTC') COMMENT 'Holds from here until the next value, or as long as its kind is trusted' CODEC(DoubleDelta, ZSTD(1)),
    valid_seconds Nullable(Float64) COMMENT 'Holds at most this long, if its kind is not trusted for less',
    source        LowCardinality(String) COMMENT 'ce_source',
    event_id      String COMMENT 'ce_id' CODEC(ZSTD(1)),
    stamp         DateTime64(3, 'UTC') COMMENT 'Kafka time stamp of the record' CODEC(DoubleDelta, ZSTD(1)),
    topic_id      LowCardinality(String) COMMENT 'Kafka''s id of the topic',
    partition     UInt32 COMMENT 'Partition of the topic',
    offset        UInt64 COMMENT 'Offset of the record',
    version       UInt64 COMMENT 'Highest wins',
    inserted_at   DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When the row was inserted'
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(time)
ORDER BY (subject, kind, time, source, event_id)
COMMENT 'States that touch many interactions for a while';

CREATE TABLE IF NOT EXISTS feedback
(
    interaction_id String COMMENT 'Interaction that the customer answers for' CODEC(ZSTD(1)),
    measure        LowCardinality(String) COMMENT 'csat_1_5, ces_1_7 or nps_0_10',
    value          Float64 COMMENT 'The answer on the scale of its measure',
    time           DateTime64(3, 'UTC') COMMENT 'When it was given' CODEC(DoubleDelta, ZSTD(1)),
    source         LowCardinality(String) COMMENT 'ce_source',
    event_id       String COMMENT 'ce_id' CODEC(ZSTD(1)),
    stamp          DateTime64(3, 'UTC') COMMENT 'Kafka time stamp of the record' CODEC(DoubleDelta, ZSTD(1)),
    topic_id       LowCardinality(String) COMMENT 'Kafka''s id of the topic',
    partition      UInt32 COMMENT 'Partition of the topic',
    offset         UInt64 COMMENT 'Offset of the record',
    version        UInt64 COMMENT 'Highest wins',
    inserted_at    DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When the row was inserted'
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(time)
ORDER BY (interaction_id, measure, time, source, event_id)
COMMENT 'What customers said afterwards';

CREATE TABLE IF NOT EXISTS outcomes
(
    customer       Nullable(String) COMMENT 'Pseudonym of the customer' CODEC(ZSTD(1)),
    interaction_id Nullable(String) COMMENT 'Interaction it followed, if known' CODEC(ZSTD(1)),
    kind           LowCardinality(String) COMMENT 'What became of them, such as complained or left',
    value          Nullable(Float64) COMMENT 'Amount or count, in the unit of its kind',
    time           DateTime64(3, 'UTC') COMMENT 'When it happened' CODEC(DoubleDelta, ZSTD(1)),
    key_id         LowCardinality(String) COMMENT 'Which pseudonym key was used',
    source         LowCardinality(String) COMMENT 'ce_source',
    event_id       String COMMENT 'ce_id' CODEC(ZSTD(1)),
    stamp          DateTime64(3, 'UTC') COMMENT 'Kafka time stamp of the record' CODEC(DoubleDelta, ZSTD(1)),
    topic_id       LowCardinality(String) COMMENT 'Kafka''s id of the topic',
    partition      UInt32 COMMENT 'Partition of the topic',
    offset         UInt64 COMMENT 'Offset of the record',
    version        UInt64 COMMENT 'Highest wins',
    inserted_at    DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When the row was inserted'
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(time)
ORDER BY (kind, time, source, event_id)
COMMENT 'What became of customers, days and weeks later';
