-- What customers said and what became of them, beside the score. Both say after, never because.
-- An answer or an outcome to an interaction that no row knows, is open or was a probe, stands in its table only.
-- Days are those of UTC: a function of `started_at` alone, so that its index serves a question for a period.
CREATE OR REPLACE VIEW feedback_by_score AS
SELECT
    found.touch_point AS touch_point,
    toDate(found.started_at) AS started_day_utc,
    answers.measure AS measure,
    multiIf(isNull(found.score), 'unscored', found.score > 75, 'good', found.score < 45, 'poor', 'fair') AS band,
    count() AS n,
    countIf(isNull(found.score)) AS n_unscored,
    avg(found.coverage) AS mean_coverage,
    avg(answers.value) AS mean_answer,
    avg(found.score) AS mean_score
FROM
(
    SELECT interaction_id, touch_point, started_at, score, coverage
    FROM interactions
    WHERE state != 'open' AND NOT synthetic
) AS found
INNER JOIN
(
    SELECT interaction_id, measure, value
    FROM feedback FINAL
) AS answers USING (interaction_id)
GROUP BY touch_point, started_day_utc, measure, band
COMMENT 'Does a lower score go with lower answers? Mean answer to the interactions of each band, by measure and day';

-- An outcome that names no interaction counts for the last one that its customer began within 30 days before.
-- An interaction counts once per kind; kinds that followed nothing are there with 0.
-- The share is of the interactions with a customer, above and below the line: of the others only those show that were
-- followed, so to count them would make any share too large.
CREATE OR REPLACE VIEW outcomes_after AS
SELECT
    touch_point,
    started_day_utc,
    band,
    arrayJoin(assumeNotNull((SELECT groupUniqArray(kind) FROM outcomes))) AS kind,
    total AS n,
    known AS n_known,
    followed[kind] AS n_followed,
    known_followed[kind] AS n_known_followed,
    n_known_followed / nullIf(n_known, 0) AS share
FROM
(
    SELECT
        found.touch_point AS touch_point,
        toDate(found.started_at) AS started_day_utc,
        multiIf(isNull(found.score), 'unscored', found.score > 75, 'good', found.score < 45, 'poor', 'fair') AS band,
        count() AS total,
        countIf(found.customer IS NOT NULL) AS known,
        sumMap(mapFromArrays(became.kinds, arrayMap(_ -> 1, became.kinds)) AS each) AS followed,
        sumMapIf(each, found.customer IS NOT NULL) AS known_followed
    FROM
    (
        SELECT interaction_id, touch_point, started_at, customer, score
        FROM interactions
        WHERE state != 'open' AND NOT synthetic
    ) AS found
    LEFT JOIN
    (
        SELECT interaction_id, groupUniqArray(kind) AS kinds
        FROM
        (
            SELECT assumeNotNull(interaction_id) AS interaction_id, kind
            FROM outcomes FINAL
            WHERE interaction_id IS NOT NULL
            UNION ALL
            SELECT earlier.interaction_id AS interaction_id, later.kind AS kind
            FROM
            (
                SELECT assumeNotNull(customer) AS customer, key_id, kind, time
                FROM outcomes FINAL
                WHERE interaction_id IS NULL AND customer IS NOT NULL
            ) AS later
            ASOF INNER JOIN
            (
                SELECT assumeNotNull(customer) AS customer, key_id, started_at, interaction_id
                FROM interactions
                WHERE state != 'open' AND NOT synthetic
                    AND customer IN (SELECT customer FROM outcomes WHERE interaction_id IS NULL)
            ) AS earlier
                ON later.customer = earlier.customer
                AND later.key_id = earlier.key_id
                AND later.time >= earlier.started_at
            WHERE later.time < earlier.started_at + INTERVAL 30 DAY
        )
        GROUP BY interaction_id
    ) AS became USING (interaction_id)
    GROUP BY touch_point, started_day_utc, band
)
COMMENT 'What became of customers after good, fair and poor interactions? Share of known ones that each outcome followed; those of the last 30 days may still be followed';
