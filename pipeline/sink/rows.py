"""Scored interactions and rejected records as columns, the shape in which ClickHouse takes a block.

Owns the columns, their types and their order, and how identifiers become pseudonyms; must not know connections.
The types are those of `schemas/clickhouse`; a connection refuses a table that differs (`sink/clickhouse.py`).
"""

import hashlib
import hmac
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from pipeline.core.events import RejectReason

if TYPE_CHECKING:
    from pipeline.core.scored import ScoredInteraction

Columns = list[list[Any]]  # one list per column, all of one length

SCORES: Final = "interaction_scores"
REJECTS: Final = "rejected_events"

_TEXT: Final = "LowCardinality(String)"
_TEXT_OR_NULL: Final = "LowCardinality(Nullable(String))"
_TIME: Final = "DateTime64(3, 'UTC')"
_NUMBERS: Final = "Map(LowCardinality(String), Float64)"

SCORE_COLUMNS: Final[dict[str, str]] = {
    "interaction_id": "String",
    "channel": _TEXT,
    "touch_point": _TEXT,
    "team": _TEXT_OR_NULL,
    "task": _TEXT_OR_NULL,
    "segment": _TEXT_OR_NULL,
    "customer": "Nullable(String)",
    "staff": _TEXT_OR_NULL,
    "opened_at": _TIME,
    "started_at": _TIME,
    "served_at": f"Nullable({_TIME})",
    "ended_at": f"Nullable({_TIME})",
    "state": _TEXT,
    "outcome": _TEXT_OR_NULL,
    "score": "Nullable(Float64)",
    "score_low": "Float64",
    "score_high": "Float64",
    "coverage": "Float64",
    "unscored_reason": _TEXT_OR_NULL,
    "points_lost": _NUMBERS,
    "signals": _NUMBERS,
    "active_conditions": f"Array({_TEXT})",
    "system_seconds": _NUMBERS,
    "events": "UInt32",
    "duplicates": "UInt32",
    "topic_id": _TEXT,
    "partition": "UInt32",
    "first_offset": "UInt64",
    "model": _TEXT,
    "model_version": "UInt32",
    "model_fingerprint": _TEXT,
    "version": "UInt64",
    "partial": "Bool",
    "priority": _TEXT_OR_NULL,
    "appointment": "Nullable(Bool)",
    "continues": "Nullable(String)",
    "attempt": "Nullable(UInt64)",
    "synthetic": "Bool",
    "key_id": _TEXT,
    "time_zone": _TEXT,
}

REJECT_COLUMNS: Final[dict[str, str]] = {
    "topic_id": _TEXT,
    "topic": _TEXT,
    "partition": "UInt32",
    "offset": "UInt64",
    "reason": _TEXT,
    "detail": "String",
    "source": _TEXT,
    "stamp": _TIME,
    "size": "UInt32",
    "hash": "String",
    "records": "UInt32",
    "version": "UInt64",
}

_REASON_RANK: Final[dict[RejectReason, int]] = {
    RejectReason.CONFLICT: 1,
    RejectReason.LATE: 2,
    RejectReason.ORPHAN: 2,
}


class Pseudonyms:
    """Customer and staff ids as HMAC-SHA-256 under `key`, in hex. Placeholders, such as `0`, are nobody.

    Kept per id, up to `capacity`: people come back, and hashing is dearer than looking up.
    """

    def __init__(self, key: bytes, placeholders: Collection[str] = ("", "0"), capacity: int = 100_000) -> None:
        self._mac = hmac.new(key, digestmod=hashlib.sha256)
        self._capacity = capacity
        self._placeholders: dict[str | None, str | None] = dict.fromkeys((None, *placeholders))
        self._known = dict(self._placeholders)
        self.key_id = self._hash("touchpoint key id")[:12]

    def __repr__(self) -> str:
        return f"Pseudonyms(key_id={self.key_id!r})"

    def of(self, ids: Sequence[str | None]) -> list[str | None]:
        """The pseudonym of each id, in order; None for nobody."""
        known = self._known
        for new in set(ids).difference(known):
            if new is not None:  # always known
                known[new] = self._hash(new)
        pseudonyms = [known[identifier] for identifier in ids]
        if len(known) > self._capacity:
            self._known = dict(self._placeholders)
        return pseudonyms

    @property
    def remembered(self) -> int:
        """How many ids are kept."""
        return len(self._known)

    def _hash(self, text: str) -> str:
        mac = self._mac.copy()
        mac.update(text.encode("utf-8", "surrogatepass"))
        return mac.hexdigest()


class LogPartition(Struct, frozen=True):
    """Where rows come from: one partition of one log. The id tells a topic from its namesake of another time."""

    topic: str
    topic_id: str
    partition: int


class RejectRow(Struct, frozen=True, gc=False, kw_only=True):
    """One record that could not be used. `records` is more than one only for an interaction whose row was refused.

    `source` is the event's, empty where nobody can tell.
    """

    topic_id: str
    topic: str
    partition: int
    offset: int
    reason: RejectReason
    detail: str
    stamp: int
    source: str = ""
    size: int = 0
    hash: str = ""
    records: int = 1

    @property
    def version(self) -> int:
        """Late and orphan win over conflict, conflict over the rest; of refused rows the one with most records."""
        return _REASON_RANK.get(self.reason, 0) << 32 | self.records


def payload_hash(value: bytes | None) -> str:
    """What the table keeps of a record's value."""
    return hashlib.sha256(value or b"").hexdigest()


def score_columns(scored: Sequence["ScoredInteraction"], where: LogPartition, pseudonyms: Pseudonyms) -> Columns:
    """Columns of `interaction_scores`, as `SCORE_COLUMNS` names them; times as epoch milliseconds."""
    n = len(scored)
    points = [row.touch_point for row in scored]
    models = [point.model for point in points]
    attributes = [row.attributes for row in scored]
    passages = [row.passage for row in scored]
    scores = [row.score for row in scored]
    return [
        [row.interaction for row in scored],
        [point.channel.name for point in points],
        [point.name for point in points],
        [a.team for a in attributes],
        [a.task for a in attributes],
        [a.segment for a in attributes],
        pseudonyms.of([a.customer for a in attributes]),
        pseudonyms.of([a.staff for a in attributes]),
        [row.opened_at for row in scored],
        [p.started_at for p in passages],
        [p.served_at for p in passages],
        [p.ended_at for p in passages],
        [row.state for row in scored],
        [p.outcome for p in passages],
        [s.score for s in scores],
        [s.low for s in scores],
        [s.high for s in scores],
        [s.coverage for s in scores],
        [s.unscored_reason for s in scores],
        [s.points_lost for s in scores],
        [p.signals for p in passages],
        [row.active_conditions for row in scored],
        [p.system_seconds for p in passages],
        [row.events for row in scored],
        [row.duplicates for row in scored],
        [where.topic_id] * n,
        [where.partition] * n,
        [row.first_offset for row in scored],
        [model.name for model in models],
        [model.version for model in models],
        [model.fingerprint for model in models],
        [row.version for row in scored],
        [row.partial for row in scored],
        [a.priority for a in attributes],
        [a.appointment for a in attributes],
        [a.continues for a in attributes],
        [a.attempt for a in attributes],
        [a.synthetic for a in attributes],
        [pseudonyms.key_id] * n,
        [point.time_zone for point in points],
    ]


def reject_columns(rejects: Sequence[RejectRow]) -> Columns:
    """Columns of `rejected_events`, as `REJECT_COLUMNS` names them."""
    return [[getattr(reject, name) for reject in rejects] for name in REJECT_COLUMNS]
