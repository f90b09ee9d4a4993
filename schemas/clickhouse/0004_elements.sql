-- What the models bill and to whom, written by `touchpoint migrate` and at the start of a worker from the catalog.
CREATE TABLE IF NOT EXISTS elements
(
    model             LowCardinality(String) COMMENT 'Model',
    model_version     UInt32 COMMENT 'Version of the model',
    element           LowCardinality(String) COMMENT 'Ledger line: group.name, or cap.NAME',
    owner             LowCardinality(String) COMMENT 'Who can win the points back',
    element_group     LowCardinality(String) COMMENT 'wait, effort, people, system, environment or outcome',
    weight            Nullable(Float64) COMMENT 'Share of 100; NULL for a cap',
    model_fingerprint LowCardinality(String) COMMENT 'Hash of the model''s content',
    inserted_at       DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When the line was written'
)
ENGINE = ReplacingMergeTree(inserted_at)
ORDER BY (model, model_version, element)
COMMENT 'Elements of the models with their owners';
