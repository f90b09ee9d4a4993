-- Whose records could not be used. Lines written before this migration have no source.
ALTER TABLE rejected_events
    ADD COLUMN IF NOT EXISTS source LowCardinality(String) DEFAULT '' COMMENT 'ce_source as its producer wrote it; empty if it cannot be read, and of a refused row' AFTER detail;

-- A view keeps the columns that its table had when it was made.
CREATE OR REPLACE VIEW rejects AS
SELECT *
FROM rejected_events FINAL
COMMENT 'Which records could not be used, whose are they, and why? One current line per record';
