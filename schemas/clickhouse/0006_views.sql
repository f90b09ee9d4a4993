-- The pinned settings belong to the views: with use_skip_indexes_if_final_exact_mode = 0 a skip index can hide the newer
-- version of a row, and the superseded one is counted. Reading partition by partition is safe, the key fixes the day.
CREATE OR REPLACE VIEW interactions AS
SELECT *
FROM interaction_scores FINAL
SETTINGS
    use_skip_indexes_if_final = 1,
    use_skip_indexes_if_final_exact_mode = 1,
    do_not_merge_across_partitions_select_final = 1
COMMENT 'How did each interaction go? One current row per interaction, with its score and what cost the points';

CREATE OR REPLACE VIEW rejects AS
SELECT *
FROM rejected_events FINAL
COMMENT 'Which records could not be used, and why? One current line per record';

-- Hours are grouped by the instant at which the touch-point's local hour began: in an autumn night the text of one
-- stands for two, and not every time zone is whole hours away from UTC.
CREATE OR REPLACE VIEW hourly AS
SELECT
    touch_point,
    toStartOfMinute(started_at)::DateTime64(3, 'UTC')
        - toIntervalMinute(toUInt8(formatDateTime(started_at, '%i', time_zone))) AS started_hour,
    formatDateTime(started_hour, '%Y-%m-%d %H:00', time_zone) AS local_hour,
    count() AS n,
    countIf(score IS NULL) AS n_unscored,
    avg(score) AS mean_score,
    avg(coverage) AS mean_coverage,
    countIf(outcome = 'abandoned') AS n_abandoned,
    arraySort(groupUniqArray((model, model_version)))::Array(Tuple(model String, version UInt32)) AS model_versions
FROM interactions
WHERE state != 'open' AND NOT synthetic
GROUP BY touch_point, time_zone, started_hour
COMMENT 'Which hours were worst? Interactions that are over, by the hour they started in, in the touch-point''s own time';

CREATE OR REPLACE VIEW points_lost_by_element AS
SELECT
    lost.touch_point AS touch_point,
    lost.started_hour AS started_hour,
    formatDateTime(lost.started_hour, '%Y-%m-%d %H:00', lost.time_zone) AS local_hour,
    lost.element AS element,
    known.owner AS owner,
    lost.model AS model,
    lost.model_version AS model_version,
    lost.points AS points,
    lost.n AS n,
    lost.n_losing AS n_losing
FROM
(
    SELECT
        touch_point,
        time_zone,
        started_hour,
        model,
        model_version,
        line.1 AS element,
        sum(line.2) AS points,
        count() AS n,
        countIf(line.2 > 0) AS n_losing
    FROM
    (
        SELECT
            touch_point,
            time_zone,
            toStartOfMinute(started_at)::DateTime64(3, 'UTC')
                - toIntervalMinute(toUInt8(formatDateTime(started_at, '%i', time_zone))) AS started_hour,
            model,
            model_version,
            arrayJoin(points_lost) AS line
        FROM interactions
        WHERE state != 'open' AND NOT synthetic
    )
    GROUP BY touch_point, time_zone, started_hour, model, model_version, element
) AS lost
LEFT JOIN
(
    SELECT model, model_version, element, owner
    FROM elements FINAL
) AS known USING (model, model_version, element)
COMMENT 'What cost the points, and who can win them back? Sum points over the hours and touch-points you ask about';
