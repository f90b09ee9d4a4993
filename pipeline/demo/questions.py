"""Every question that the demo asks, as SQL over the views; nothing here knows what the simulated day holds.

Questions that are shown to people must run as they stand in `touchpoint sql "…"`: so no quotes but single ones.
"""

from typing import Final

# ---- the board ----

CLOCK: Final = """
SELECT now, (SELECT topK(1)(time_zone)[1] FROM interactions) AS time_zone FROM log_clock
"""
SCORES: Final = """
SELECT touch_point, score, band, worst_element AS element, worst_owner AS owner, worst_points AS points
FROM score_now WHERE window_minutes = 15
"""
HALF_HOURS: Final = """
SELECT touch_point, toStartOfInterval(started_from, INTERVAL 30 MINUTE) AS half_hour,
    sum(score * (n - n_unscored)) / nullIf(sum(n - n_unscored), 0) AS mean_score
FROM score_over_time
GROUP BY touch_point, half_hour ORDER BY touch_point, half_hour
"""
WAITING: Final = """
SELECT touch_point, n_open, n_waiting, longest_wait_seconds FROM open_and_waiting
"""
COMPLETENESS: Final = """
SELECT sum(found.n) AS n, sum(found.n_unscored) AS n_unscored,
    sum(found.coverage * found.n) / nullIf(sum(found.n), 0) AS mean_coverage,
    (SELECT count() FROM rejects) AS n_rejected
FROM completeness AS found
"""
WORKED_OFF: Final = """
SELECT sum(position) AS position FROM completeness_by_partition WHERE topic = (SELECT topic FROM log_clock)
"""

# ---- the story ----

DROPS: Final = """
SELECT touch_point, local_from, local_until, n, score, usual_score, points_below,
    element, owner, more_points, conditions
FROM score_drops ORDER BY started_from, touch_point
"""
DAY: Final = """
SELECT count(DISTINCT touch_point) AS touch_points, sum(quarters.n) AS n,
    sum(score * (quarters.n - n_unscored)) / nullIf(sum(quarters.n - n_unscored), 0) AS mean_score
FROM score_over_time AS quarters
"""
# What `points_lost_during` calls the absence of conditions.
NO_CONDITION: Final = "none"
DROP: Final = (
    "SELECT local_from, local_until, n, score, usual_score, points_below, element, owner, more_points, conditions"
    " FROM score_drops WHERE touch_point = {touch_point} AND local_from = {start}"
)
LOST_WHILE: Final = (
    "SELECT element, owner, sum(points) AS lost FROM points_lost_during"
    " WHERE touch_point = {touch_point} AND local_from >= {start} AND local_from < {end} AND condition = {condition}"
    " GROUP BY element, owner HAVING lost > 0 ORDER BY lost DESC, element LIMIT 3"
)
WORST: Final = (
    "SELECT interaction_id, touch_point, score FROM interactions"
    " WHERE score IS NOT NULL AND state != 'open' AND touch_point = {touch_point}"
    " AND formatDateTime(started_at, '%Y-%m-%d %H:%i', time_zone) >= {start}"
    " AND formatDateTime(started_at, '%Y-%m-%d %H:%i', time_zone) < {end}"
    " ORDER BY score, interaction_id LIMIT 1"
)
WORST_OF_ALL: Final = (
    "SELECT interaction_id, touch_point, score FROM interactions WHERE score IS NOT NULL AND state != 'open'"
    " ORDER BY score, interaction_id LIMIT 1"
)
NOTHING_FELL: Final = "SELECT touch_point, local_from, local_until, score, usual_score FROM score_drops"
# Shown at the end: one question for each that the demo is about.
TO_TRY: Final = (
    ("how good is it now", "SELECT * FROM score_now WHERE window_minutes = 60 ORDER BY score"),
    (
        "what costs the points, and whose is it",
        "SELECT owner, element, round(sum(points)) AS points FROM points_lost_by_element GROUP BY ALL ORDER BY 3 DESC",
    ),
    ("is the data complete enough to believe it", "SELECT * FROM completeness"),
)


def drop(touch_point: str, local_from: str) -> str:
    """The one drop of that touch-point that began then."""
    return DROP.format(touch_point=text(touch_point), start=text(local_from))


def lost_while(touch_point: str, local_from: str, local_until: str, condition: str) -> str:
    """What cost the most points in that time, of those who met the condition; `none`: of those who met none."""
    return LOST_WHILE.format(
        touch_point=text(touch_point), start=text(local_from), end=text(local_until), condition=text(condition)
    )


def worst_interaction(touch_point: str, local_from: str, local_until: str) -> str:
    """The interaction of that time that lost the most points."""
    return WORST.format(touch_point=text(touch_point), start=text(local_from), end=text(local_until))


def text(value: str) -> str:
    """A value as ClickHouse and a shell's double quotes both take it."""
    safe = "".join(letter for letter in value if letter.isprintable() and letter not in '"`$!')
    return "'" + safe.replace("\\", "\\\\").replace("'", "\\'") + "'"
