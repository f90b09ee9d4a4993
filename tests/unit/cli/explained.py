"""The worked examples of scoring as rows of ClickHouse with their events, for tests of the page."""

import datetime as dt
from typing import Any, Final

from pipeline.core.scoring import score
from pipeline.explain.explanation import Explanation
from pipeline.explain.interaction_row import InteractionRow
from pipeline.explain.ledger import read_ledger
from pipeline.stream.timeline import Moment, Timeline
from tests.unit.core.passages import model_of, passage, worked

MODEL: Final = model_of(worked())
START: Final = dt.datetime(1999, 2, 1, 8, 0, 20, tzinfo=dt.UTC)
START_MS: Final = 917_856_020_000
TRACE: Final = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def row(**changes: Any) -> InteractionRow:  # noqa: ANN401 - any column
    """Example A: waited 120 s, served, one transfer, slow identity check, completed; or with columns changed."""
    signals = changes.pop("signals", {"wait_seconds": 120.0, "transfers": 1.0, "operation_seconds.identity": 9.0})
    outcome = changes.pop("outcome", "completed")
    served_at = changes.pop("served_at", START + dt.timedelta(seconds=120))
    systems = frozenset({"identity"} if "operation_seconds.identity" in signals else ())
    scored = score(MODEL, passage(signals, outcome, served=served_at is not None, operations=systems))
    columns = {
        "interaction_id": "call-4711", "channel": "call_center", "touch_point": "call_center/retail/line",
        "team": "telephone banking", "opened_at": START, "started_at": START, "served_at": served_at,
        "ended_at": START + dt.timedelta(seconds=300), "state": "ended", "outcome": outcome, "score": scored.score,
        "score_low": scored.low, "score_high": scored.high, "coverage": scored.coverage,
        "unscored_reason": scored.unscored_reason, "points_lost": scored.points_lost, "signals": signals,
        "active_conditions": [], "system_seconds": {"identity": 9.0} if systems else {}, "events": 5, "duplicates": 1,
        "topic_id": "topic-one", "partition": 3, "first_offset": 100, "model": MODEL.name,
        "model_version": MODEL.version, "model_fingerprint": MODEL.fingerprint, "partial": False,
        "time_zone": "Asia/Jerusalem", "inserted_at": START + dt.timedelta(seconds=301),
    }  # fmt: skip
    return InteractionRow(**(columns | changes))


def explained(gap: str = "", moments: tuple[Moment, ...] = (), **changes: Any) -> Explanation:  # noqa: ANN401 - as above
    """The explanation of such a row."""
    found = row(**changes)
    return Explanation(found, read_ledger(found, [MODEL]), Timeline(moments, gap))


def moment(kind: str, second: int, **about: Any) -> Moment:  # noqa: ANN401 - any field
    """A record of the call."""
    about.setdefault("fields", {})
    return Moment(offset=100 + second, time=START_MS + 1000 * second, kind=kind, **about)


MOMENTS: Final = (
    moment("operation", -4, fields={"system": "identity", "operation": "verify", "seconds": 9.0, "status": "ok"}),
    moment("arrived", 0, traceparent=TRACE),
    moment("queued", 0, fields={"queue": "retail"}),
    moment("served", 120),
    moment("served", 120, remark="duplicate"),
    moment("transferred", 200, fields={"transfer": "warm"}),
    moment("ended", 300, fields={"outcome": "completed", "by": "customer"}),
)
