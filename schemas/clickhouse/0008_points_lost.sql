-- What cost the points, by `started_at`; probes (synthetic) are left out.
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
-- Inside out: quarters, what is usual, which adjacent drops are one, what was unlike the other quarters of that size.
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
    drops.mean_coverage AS coverage,
    drops.mean_score AS score,
    drops.usual_score AS usual_score,
    drops.usual_score - drops.mean_score AS points_below,
    arraySort(drops.models)::Array(Tuple(model String, version UInt32)) AS model_versions,
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
        sum(sum_coverage) / n AS mean_coverage,
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
        any(day_models) AS models,
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
            groupUniqArrayArray(quarter_models) OVER (PARTITION BY touch_point, local_day) AS day_models,
            sumMapIf(lost, is_usual) OVER (PARTITION BY touch_point, local_day) AS usual_lost,
            sumMapIf(during, is_usual) OVER (PARTITION BY touch_point, local_day) AS usual_during,
            sumIf(n, is_usual) OVER (PARTITION BY touch_point, local_day) AS usual_n,
            sumIf(n_scored, is_usual) OVER (PARTITION BY touch_point, local_day) AS usual_scored
        FROM
        (
            SELECT
                *,
                formatDateTime(quarter, '%Y-%m-%d', time_zone) AS local_day,
                sum_score / n_scored AS mean_score,
                quantileExactInclusiveIf(0.5)(mean_score, n_scored >= 20)
                    OVER (PARTITION BY touch_point, local_day) AS usual_score,
                n_scored >= 20 AND mean_score <= usual_score - 10 AS is_drop,
                n_scored >= 20 AND NOT is_drop AS is_usual
            FROM
            (
                SELECT
                    touch_point,
                    time_zone,
                    toStartOfFifteenMinutes(started_at)::DateTime64(3, 'UTC') AS quarter,
                    count() AS n,
                    count(score) AS n_scored,
                    countIf(score IS NULL) AS n_unscored,
                    sum(coverage) AS sum_coverage,
                    sum(ifNull(score, 0)) AS sum_score,
                    sumMap(points_lost) AS lost,
                    sumMap(mapFromArrays(active_conditions, arrayMap(_ -> 1, active_conditions))) AS during,
                    sumMap(mapFromArrays(active_conditions, arrayMap(_ -> wait, active_conditions))) AS waited,
                    sum(wait) AS wait_points,
                    groupUniqArray((model, model_version)) AS quarter_models,
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
