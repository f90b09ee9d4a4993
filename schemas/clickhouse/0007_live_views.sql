-- "Now" is the time of the log: a replayed day is live, too. Workers write their shards' clocks with each commit.
-- Live views go by `ended_at`, analysis by `started_at`; probes (synthetic) are left out of all of them.
CREATE TABLE IF NOT EXISTS clocks
(
    topic_id   LowCardinality(String) COMMENT 'Kafka''s id of the log topic',
    topic      LowCardinality(String) COMMENT 'Name of the log topic',
    partition  UInt32 COMMENT 'Partition of the log',
    clock      DateTime64(3, 'UTC') COMMENT 'Latest event time that its records have reached',
    position   UInt64 COMMENT 'Everything before this offset is folded; the highest position counts',
    updated_at DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When it was written'
)
ENGINE = ReplacingMergeTree(position)
ORDER BY (topic_id, partition)
COMMENT 'The clock of each shard as of its last commit; read the view log_clock';

-- Of several topics the one that moved last is the log: topics of former days may lie behind it or ahead.
CREATE OR REPLACE VIEW log_clock AS
SELECT
    topic,
    topic_id,
    max(clock) AS now,
    dateDiff('millisecond', min(clock), now) / 1000 AS behind_seconds,
    count() AS partitions,
    max(clocks.updated_at) AS updated_at
FROM clocks FINAL
GROUP BY topic, topic_id
ORDER BY updated_at DESC, topic_id
LIMIT 1
COMMENT 'What time is it in the log? The furthest clock of its partitions, and how far the slowest is behind';

-- Superseded rows may stay NULL in ended_at for ever, so the days are bounded, too: whoever is here longer than two
-- days (max_open is 12 h) leaves the live views. Open rows of a topic that is gone are nobody's.
-- A wait goes on after its row was written; what came before the line, in self service, was no wait.
CREATE OR REPLACE VIEW live_interactions AS
WITH
    assumeNotNull((SELECT max(now) FROM log_clock)) AS clock_now,
    assumeNotNull((SELECT max(topic_id) FROM log_clock)) AS clock_topic_id
SELECT
    *,
    clock_now AS now,
    state = 'open' AND served_at IS NULL AND mapContains(signals, 'wait_seconds') AS is_waiting,
    if(state = 'open', greatest(0, dateDiff('millisecond', started_at, now) / 1000), NULL) AS open_seconds,
    if(is_waiting, greatest(signals['wait_seconds'], open_seconds - signals['self_service_seconds']), NULL)
        AS waiting_seconds
FROM interactions
WHERE opened_at > clock_now - INTERVAL 2 DAY
    AND opened_at <= clock_now
    AND (ended_at > clock_now - INTERVAL 1 HOUR OR ended_at IS NULL)
    AND (ended_at <= clock_now OR topic_id = clock_topic_id AND state = 'open')
    AND NOT synthetic
COMMENT 'Who is here now, and who left within the last hour? By the log''s clock';

-- Ledger lines are divided by the scored interactions, so that they sum to 100 - score.
-- The owner is the one whom the touch-point's newest model names.
CREATE OR REPLACE VIEW score_now AS
SELECT
    found.touch_point AS touch_point,
    found.window_minutes AS window_minutes,
    found.clock AS now,
    found.n AS n,
    found.n_open AS n_open,
    found.n_unscored AS n_unscored,
    found.mean_coverage AS coverage,
    found.mean_score AS score,
    multiIf(isNull(found.mean_score), 'unscored', found.mean_score > 75, 'good', found.mean_score < 45, 'poor', 'fair')
        AS band,
    found.element AS worst_element,
    known.owner AS worst_owner,
    found.worst.2 / greatest(found.n - found.n_unscored, 1) AS worst_points,
    found.longest_wait_seconds AS longest_wait_seconds
FROM
(
    SELECT
        touch_point,
        window_minutes,
        any(now) AS clock,
        count() AS n,
        countIf(state = 'open') AS n_open,
        countIf(score IS NULL) AS n_unscored,
        avg(coverage) AS mean_coverage,
        avg(score) AS mean_score,
        sumMap(points_lost) AS lost,
        arraySort(line -> (-line.2, line.1), arrayZip(mapKeys(lost), mapValues(lost)))[1] AS worst,
        if(worst.2 > 0, worst.1, '') AS element,
        argMax(model, opened_at) AS newest_model,
        argMax(model_version, opened_at) AS newest_version,
        max(waiting_seconds) AS longest_wait_seconds
    FROM
    (
        SELECT
            *,
            arrayJoin(arrayFilter(minutes -> state = 'open' OR ended_at > now - INTERVAL minutes MINUTE, [5, 15, 60]))
                AS window_minutes
        FROM live_interactions
    )
    GROUP BY touch_point, window_minutes
) AS found
LEFT JOIN
(
    SELECT model AS newest_model, model_version AS newest_version, element, owner
    FROM elements FINAL
) AS known USING (newest_model, newest_version, element)
COMMENT 'How good is each touch-point now? Who left within the last 5, 15 or 60 minutes, and all who are still here';

CREATE OR REPLACE VIEW open_and_waiting AS
SELECT
    touch_point,
    any(live.now) AS now,
    count() AS n_open,
    countIf(is_waiting) AS n_waiting,
    max(open_seconds) AS longest_open_seconds,
    max(waiting_seconds) AS longest_wait_seconds
FROM live_interactions AS live
WHERE state = 'open'
GROUP BY touch_point
COMMENT 'Who is here and who still waits, and for how long? Open interactions by the log''s clock';

CREATE OR REPLACE VIEW score_over_time AS
SELECT
    touch_point,
    toStartOfFifteenMinutes(started_at)::DateTime64(3, 'UTC') AS started_from,
    formatDateTime(started_from, '%Y-%m-%d %H:%i', time_zone) AS local_from,
    formatDateTime(started_from, '%Y-%m-%d %H:00', time_zone) AS local_hour,
    count() AS n,
    countIf(isNull(found.score)) AS n_unscored,
    avg(found.coverage) AS coverage,
    avg(found.score) AS score,
    multiIf(isNull(score), 'unscored', score > 75, 'good', score < 45, 'poor', 'fair') AS band
FROM interactions AS found
WHERE state != 'open' AND NOT synthetic
GROUP BY touch_point, time_zone, started_from
COMMENT 'How did each touch-point do over the day? Interactions that are over, by the quarter hour they started in';

-- Under several conditions an interaction stands under each: sum over elements and time, not over conditions.
-- `none`: while no condition was active.
CREATE OR REPLACE VIEW points_lost_during AS
SELECT
    lost.touch_point AS touch_point,
    lost.quarter AS started_from,
    formatDateTime(lost.quarter, '%Y-%m-%d %H:%i', lost.time_zone) AS local_from,
    lost.element AS element,
    known.owner AS owner,
    lost.condition AS condition,
    lost.points AS points,
    lost.n AS n,
    lost.model AS model,
    lost.model_version AS model_version
FROM
(
    SELECT
        touch_point,
        time_zone,
        toStartOfFifteenMinutes(started_at)::DateTime64(3, 'UTC') AS quarter,
        model,
        model_version,
        line.1 AS element,
        condition,
        sum(line.2) AS points,
        count() AS n
    FROM
    (
        SELECT
            touch_point,
            time_zone,
            started_at,
            model,
            model_version,
            arrayJoin(points_lost) AS line,
            arrayJoin(if(empty(active_conditions), ['none'], active_conditions)) AS condition
        FROM interactions
        WHERE state != 'open' AND NOT synthetic
    )
    GROUP BY touch_point, time_zone, quarter, model, model_version, element, condition
) AS lost
LEFT JOIN
(
    SELECT model, model_version, element, owner
    FROM elements FINAL
) AS known USING (model, model_version, element)
COMMENT 'While which condition were the points lost? Says while, never because';

-- A drop: quarter hours by `started_at`, at least 20 scored interactions and a mean at least 10 points below the usual,
-- which is the median of the means of all such quarters of the touch-point's local day. Adjacent ones are one drop.
-- Inside out: quarters, what is usual, which adjacent drops are one, what was unlike the quarters that are no drop.
-- Maps hold sums by element (lost) and by condition (during: interactions, waited: points of wait).
CREATE OR REPLACE VIEW score_drops AS
SELECT
    drops.touch_point AS touch_point,
    drops.local_day AS local_day,
    drops.started_from AS started_from,
    drops.started_until AS started_until,
    formatDateTime(drops.started_from, '%Y-%m-%d %H:%i', drops.time_zone) AS local_from,
    formatDateTime(drops.started_until, '%Y-%m-%d %H:%i', drops.time_zone) AS local_until,
    drops.n AS n,
    drops.n_unscored AS n_unscored,
    drops.mean_score AS score,
    drops.usual_score AS usual_score,
    drops.usual_score - drops.mean_score AS points_below,
    drops.element AS element,
    known.owner AS owner,
    drops.dearest.2 AS more_points,
    drops.conditions AS conditions
FROM
(
    SELECT
        touch_point,
        time_zone,
        local_day,
        min(quarter) AS started_from,
        max(quarter) + INTERVAL 15 MINUTE AS started_until,
        sum(quarters.n) AS n,
        sum(n_scored) AS scored,
        sum(quarters.n_unscored) AS n_unscored,
        sum(sum_score) / scored AS mean_score,
        any(quarters.usual_score) AS usual_score,
        sumMap(lost) AS drop_lost,
        sumMap(during) AS drop_during,
        sumMap(waited) AS drop_waited,
        sum(wait_points) AS all_waited,
        any(usual_lost) AS day_lost,
        any(usual_during) AS day_during,
        any(usual_n) AS day_n,
        any(usual_scored) AS day_scored,
        arrayMap(name -> (name, drop_lost[name] / scored - day_lost[name] / day_scored), mapKeys(drop_lost)) AS more,
        arraySort(line -> (-line.2, line.1), more)[1] AS dearest,
        dearest.1 AS element,
        arraySort(
            name -> (day_during[name] / day_n - drop_during[name] / n, -drop_during[name], name),
            mapKeys(drop_during)
        ) AS names,
        arrayMap(
            name -> (name, drop_during[name] / n, if(all_waited > 0, drop_waited[name] / all_waited, 0))
                ::Tuple(condition String, share Float64, wait_share Float64),
            arraySlice(names, 1, 5)
        ) AS conditions,
        argMax(newest_model, quarter) AS model,
        argMax(newest_version, quarter) AS model_version
    FROM
    (
        SELECT
            *,
            intDiv(toUnixTimestamp(quarter), 900)
                - row_number() OVER (PARTITION BY touch_point, local_day, is_drop ORDER BY quarter) AS island,
            sumMapIf(lost, NOT is_drop) OVER (PARTITION BY touch_point, local_day) AS usual_lost,
            sumMapIf(during, NOT is_drop) OVER (PARTITION BY touch_point, local_day) AS usual_during,
            sumIf(n, NOT is_drop) OVER (PARTITION BY touch_point, local_day) AS usual_n,
            sumIf(n_scored, NOT is_drop) OVER (PARTITION BY touch_point, local_day) AS usual_scored
        FROM
        (
            SELECT
                *,
                formatDateTime(quarter, '%Y-%m-%d', time_zone) AS local_day,
                sum_score / n_scored AS mean_score,
                quantileExactInclusiveIf(0.5)(mean_score, n_scored >= 20)
                    OVER (PARTITION BY touch_point, local_day) AS usual_score,
                n_scored >= 20 AND mean_score <= usual_score - 10 AS is_drop
            FROM
            (
                SELECT
                    touch_point,
                    time_zone,
                    toStartOfFifteenMinutes(started_at)::DateTime64(3, 'UTC') AS quarter,
                    count() AS n,
                    count(score) AS n_scored,
                    countIf(score IS NULL) AS n_unscored,
                    sum(ifNull(score, 0)) AS sum_score,
                    sumMap(points_lost) AS lost,
                    sumMap(mapFromArrays(active_conditions, arrayMap(_ -> 1, active_conditions))) AS during,
                    sumMap(mapFromArrays(active_conditions, arrayMap(_ -> wait, active_conditions))) AS waited,
                    sum(wait) AS wait_points,
                    argMax(model, started_at) AS newest_model,
                    argMax(model_version, started_at) AS newest_version
                FROM
                (
                    SELECT
                        *,
                        arraySum(mapValues(mapFilter((element, points) -> startsWith(element, 'wait.'), points_lost)))
                            AS wait
                    FROM interactions
                    WHERE state != 'open' AND NOT synthetic
                )
                GROUP BY touch_point, time_zone, quarter
            )
        )
    ) AS quarters
    WHERE is_drop
    GROUP BY touch_point, local_day, time_zone, island
) AS drops
LEFT JOIN
(
    SELECT model, model_version, element, owner
    FROM elements FINAL
) AS known USING (model, model_version, element)
COMMENT 'Where did the score fall, what cost more than usual, and whose is it? With the conditions meanwhile';

CREATE OR REPLACE VIEW completeness AS
WITH assumeNotNull((SELECT max(now) FROM log_clock)) AS clock_now
SELECT
    touch_point,
    clock_now AS now,
    count() AS n,
    countIf(state = 'open') AS n_open,
    countIf(score IS NULL) AS n_unscored,
    avg(interactions.coverage) AS coverage,
    countIf(partial) AS n_partial
FROM interactions
WHERE opened_at > clock_now - INTERVAL 1 DAY AND opened_at <= clock_now AND NOT synthetic
GROUP BY touch_point
COMMENT 'Is the data of a touch-point complete enough to believe it? Over the last 24 hours of the log''s clock';

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
    dateDiff('millisecond', clock, clock_now) / 1000 AS behind_seconds,
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
    SELECT topic, topic_id, partition, NULL, NULL, 0, 0, 0, 0, sumMap(map(reason, toUInt64(1)))
    FROM rejects
    GROUP BY topic, topic_id, partition
) AS parts
WHERE topic != log_topic OR topic_id = log_topic_id
GROUP BY topic, topic_id, partition
COMMENT 'Which partition lags, or rejects what? Clock, interactions of the last 24 hours, rejects by reason';
