-- Records that could not be used, without payload; the topic PREFIX.rejected holds their bytes. Read it through `rejects`.
-- `version`: late and orphan win over conflict, conflict over all others; of refused rows the one with most records wins.
CREATE TABLE IF NOT EXISTS rejected_events
(
    topic_id    LowCardinality(String) COMMENT 'Kafka''s id of the topic',
    topic       LowCardinality(String) COMMENT 'Name of the topic',
    partition   UInt32 COMMENT 'Partition of the topic',
    offset      UInt64 COMMENT 'Offset of the record; of a refused row its interaction''s first record' CODEC(DoubleDelta, ZSTD(1)),
    reason      LowCardinality(String) COMMENT 'Why it could not be used',
    detail      String COMMENT 'Field path or sentence; never payload' CODEC(ZSTD(1)),
    stamp       DateTime64(3, 'UTC') COMMENT 'Kafka time stamp of the record; of a refused row its opened_at' CODEC(DoubleDelta, ZSTD(1)),
    size        UInt32 COMMENT 'Bytes of the record''s value' CODEC(ZSTD(1)),
    hash        String COMMENT 'SHA-256 of the record''s value, hex' CODEC(ZSTD(1)),
    records     UInt32 DEFAULT 1 COMMENT 'Records this line stands for: 1, or all of an interaction whose row was refused',
    version     UInt64 COMMENT 'Highest wins' CODEC(ZSTD(1)),
    inserted_at DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When the line was inserted' CODEC(DoubleDelta, ZSTD(1))
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(stamp)
ORDER BY (topic_id, partition, offset)
COMMENT 'Records that could not be used; read the view rejects';
