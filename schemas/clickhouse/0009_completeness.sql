-- Whether to believe the scores, by the log's clock; probes (synthetic) are left out.
-- A touch-point that fell silent stays for a week, with n = 0. Open rows of a topic that is gone are nobody's.
CREATE OR REPLACE VIEW completeness AS
WITH
    assumeNotNull((SELECT max(now) FROM log_clock)) AS clock_now,
    assumeNotNull((SELECT max(topic_id) FROM log_clock)) AS clock_topic_id,
    opened_at > clock_now - INTERVAL 1 DAY AS is_recent
SELECT
    touch_point,
    clock_now AS now,
    countIf(is_recent) AS n,
    countIf(is_recent AND state = 'open') AS n_open,
    countIf(is_recent AND score IS NULL) AS n_unscored,
    avgOrNullIf(interactions.coverage, is_recent) AS coverage,
    countIf(is_recent AND partial) AS n_partial
FROM interactions
WHERE opened_at > clock_now - INTERVAL 7 DAY
    AND opened_at <= clock_now
    AND (state != 'open' OR topic_id = clock_topic_id)
    AND NOT synthetic
GROUP BY touch_point
COMMENT 'Is the data of a touch-point complete enough to believe it, or did it fall silent? Over the last 24 hours of the log''s clock';

-- A clock behind is that of an idle or a late partition: the metric `touchpoint_lag_seconds` is 0 for an idle one.
-- Rejects go by their record's stamp and are not bounded above: when nothing but rejects comes, the clock stands still.
-- Other topics than the log stand here with their rejects only; namesakes of the log from former days do not.
CREATE OR REPLACE VIEW completeness_by_partition AS
WITH
    assumeNotNull((SELECT max(topic) FROM log_clock)) AS log_topic,
    assumeNotNull((SELECT max(topic_id) FROM log_clock)) AS log_topic_id,
    assumeNotNull((SELECT max(now) FROM log_clock)) AS clock_now
SELECT
    topic,
    topic_id,
    partition,
    max(parts.clock) AS clock,
    dateDiff('millisecond', clock, clock_now) / 1000 AS clock_behind_seconds,
    max(parts.position) AS position,
    sum(parts.n) AS n,
    sum(parts.n_unscored) AS n_unscored,
    sum(parts.n_partial) AS n_partial,
    sum(sum_coverage) / nullIf(n, 0) AS coverage,
    sumMap(parts.rejects) AS rejects
FROM
(
    SELECT
        topic,
        topic_id,
        partition,
        toNullable(clock) AS clock,
        toNullable(position) AS position,
        0 AS n,
        0 AS n_unscored,
        0 AS n_partial,
        0 AS sum_coverage,
        map()::Map(LowCardinality(String), UInt64) AS rejects
    FROM clocks FINAL
    UNION ALL
    SELECT
        log_topic,
        topic_id,
        partition,
        NULL,
        NULL,
        count(),
        countIf(score IS NULL),
        countIf(partial),
        sum(coverage),
        map()
    FROM interactions
    WHERE topic_id = log_topic_id
        AND opened_at > clock_now - INTERVAL 1 DAY
        AND opened_at <= clock_now
        AND NOT synthetic
    GROUP BY topic_id, partition
    UNION ALL
    SELECT topic, topic_id, partition, NULL, NULL, 0, 0, 0, 0, sumMap(map(reason, toUInt64(records)))
    FROM rejects
    WHERE stamp > clock_now - INTERVAL 1 DAY
    GROUP BY topic, topic_id, partition
) AS parts
WHERE topic != log_topic OR topic_id = log_topic_id
GROUP BY topic, topic_id, partition
COMMENT 'Which partition is idle or late, or rejects what? Clock, and of the last 24 hours interactions and rejects by reason';
