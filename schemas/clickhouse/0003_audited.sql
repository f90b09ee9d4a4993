-- What `touchpoint audit` found, per partition: the totals that remain when retention has removed the records.
CREATE TABLE IF NOT EXISTS audited
(
    topic_id     LowCardinality(String) COMMENT 'Kafka''s id of the log topic',
    partition    UInt32 COMMENT 'Partition of the log',
    up_to_offset UInt64 COMMENT 'Everything before this offset was counted',
    records      UInt64 COMMENT 'Records that a reader is given',
    events       UInt64 COMMENT 'Events in current rows of interactions that are not held',
    duplicates   UInt64 COMMENT 'Duplicates in the same rows',
    rejected     UInt64 COMMENT 'Records in rejected_events',
    held         UInt64 COMMENT 'Records of interactions still held',
    audited_at   DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When it was counted'
)
ENGINE = ReplacingMergeTree(audited_at)
ORDER BY (topic_id, partition, up_to_offset)
COMMENT 'Balances that audits found, per partition and offset';
