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
-- A clock stands still without records: a partition behind is idle or late, and `touchpoint_lag_seconds` says which.
CREATE OR REPLACE VIEW log_clock AS
SELECT
    topic,
    topic_id,
    max(clock) AS now,
    dateDiff('millisecond', min(clock), now) / 1000 AS clock_behind_seconds,
    count() AS partitions,
    max(clocks.updated_at) AS updated_at
FROM clocks FINAL
GROUP BY topic, topic_id
ORDER BY updated_at DESC, topic_id
LIMIT 1
COMMENT 'What time is it in the log? The furthest clock of its partitions, and how far that of an idle or late one is behind';

-- Superseded rows may stay NULL in ended_at for ever, so the days are bounded, too: whoever is here longer than two
-- days (max_open is 12 h) leaves the live views. Open rows of a topic that is gone are nobody's.
-- An open interaction has its first row at the age `provisional_after`, the next ones at 2, 4, … times that and when it is
-- served: before the first, nobody here knows of it. A wait goes on after its row was written; what that row says was
-- spent in self service, parked or on hold was no wait.
CREATE OR REPLACE VIEW live_interactions AS
WITH
    assumeNotNull((SELECT max(now) FROM log_clock)) AS clock_now,
    assumeNotNull((SELECT max(topic_id) FROM log_clock)) AS clock_topic_id
SELECT
    *,
    clock_now AS now,
    state = 'open' AND served_at IS NULL AND mapContains(signals, 'wait_seconds') AS is_waiting,
    if(state = 'open', greatest(0, dateDiff('millisecond', started_at, now) / 1000), NULL) AS open_seconds,
    signals['self_service_seconds'] + signals['parked_seconds'] + signals['hold_seconds'] AS elsewhere_seconds,
    if(is_waiting, greatest(signals['wait_seconds'], open_seconds - elsewhere_seconds), NULL) AS waiting_seconds
FROM interactions
WHERE opened_at > clock_now - INTERVAL 2 DAY
    AND opened_at <= clock_now
    AND (ended_at > clock_now - INTERVAL 1 HOUR OR ended_at IS NULL)
    AND (ended_at <= clock_now OR topic_id = clock_topic_id AND state = 'open')
    AND NOT synthetic
COMMENT 'Who is here now, and who left within the last hour? By the log''s clock; of who is here those open longer than the channel''s provisional_after';

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
    found.models AS model_versions,
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
        arraySort(groupUniqArray((model, model_version)))::Array(Tuple(model String, version UInt32)) AS models,
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
COMMENT 'How good is each touch-point now? Who left within the last 5, 15 or 60 minutes, and who is here: those open longer than the channel''s provisional_after';

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
COMMENT 'Who is here and who still waits, and for how long? By the log''s clock, those open longer than the channel''s provisional_after';

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
    multiIf(isNull(score), 'unscored', score > 75, 'good', score < 45, 'poor', 'fair') AS band,
    arraySort(groupUniqArray((model, model_version)))::Array(Tuple(model String, version UInt32)) AS model_versions
FROM interactions AS found
WHERE state != 'open' AND NOT synthetic
GROUP BY touch_point, time_zone, started_from
COMMENT 'How did each touch-point do over the day? Interactions that are over, by the quarter hour they started in';
