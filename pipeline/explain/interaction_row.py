"""One row of the view `interactions`, as an explanation needs it: without pseudonyms of customers and staff."""

import datetime as dt
from typing import Final

from msgspec import Struct

from pipeline.sink.clickhouse import ClickHouse


class InteractionRow(Struct, frozen=True, kw_only=True):
    """The columns of these names; times in UTC."""

    interaction_id: str
    channel: str
    touch_point: str
    team: str | None = None
    task: str | None = None
    segment: str | None = None
    priority: str | None = None
    appointment: bool | None = None
    continues: str | None = None
    attempt: int | None = None
    synthetic: bool = False
    opened_at: dt.datetime
    started_at: dt.datetime
    served_at: dt.datetime | None
    ended_at: dt.datetime | None
    state: str
    outcome: str | None
    score: float | None
    score_low: float
    score_high: float
    coverage: float
    unscored_reason: str | None
    points_lost: dict[str, float]
    signals: dict[str, float]
    active_conditions: list[str]
    system_seconds: dict[str, float]
    events: int
    duplicates: int
    topic_id: str
    partition: int
    first_offset: int
    model: str
    model_version: int
    model_fingerprint: str
    partial: bool
    time_zone: str
    inserted_at: dt.datetime


COLUMNS: Final = ", ".join(InteractionRow.__struct_fields__)


def read_rows(clickhouse: ClickHouse, interaction: str) -> list[InteractionRow]:
    """The current rows under an id, the latest life first. Raises as `ClickHouse.query` does."""
    sql = f"SELECT {COLUMNS} FROM interactions WHERE interaction_id = %(id)s ORDER BY opened_at DESC"  # noqa: S608 - columns
    result = clickhouse.query(sql, {"id": interaction})
    return [InteractionRow(**dict(zip(result.names, row, strict=True))) for row in result.rows]
