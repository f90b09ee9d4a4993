"""What metrics know before anything has happened: our version, who owns what, and which labels there can be."""

from importlib.metadata import PackageNotFoundError, version
from typing import Final

from pipeline.core.catalog import Catalog
from pipeline.core.circumstances import LATENCY, NEVER, SIGNAL_OF, STALE
from pipeline.core.events import RejectReason
from pipeline.core.side_events import SIDE_EVENTS

OTHER: Final = "other"
UNREACHABLE: Final = "unreachable"
RETRY_REASONS: Final = (
    UNREACHABLE,
    "too_many_parts",
    "too_many_simultaneous_queries",
    "memory_limit_exceeded",
    "timeout_exceeded",
    "not_enough_space",
    OTHER,
)
MISS_KINDS: Final = (*SIGNAL_OF, LATENCY)
MISS_CAUSES: Final = (NEVER, STALE)
SIDE_TOPICS: Final = tuple(SIDE_EVENTS)  # without their prefix; their tables bear the same names
RECORD_REASONS: Final = frozenset(RejectReason) - {RejectReason.ROW_REFUSED}  # a row stands for records that were used
TABLES: Final = ("interaction_scores", "rejected_events", *SIDE_TOPICS)


def owner_of_each_line(catalog: Catalog, clock: int) -> dict[tuple[str, str], str]:
    """One owner for each model and ledger line: that of the newest version valid at the clock that has the line."""
    owners: dict[tuple[str, str], str] = {}
    # Newest first, those that are not valid yet at last.
    for model in sorted(catalog.models, key=lambda model: model.valid_from is not None and model.valid_from > clock):
        for line, owner in model.owners.items():
            owners.setdefault((model.name, line), owner)
    return owners


def our_version() -> str:
    """The version of this distribution, as installed."""
    try:
        return version("touchpoint-telemetry")
    except PackageNotFoundError:
        return "unknown"
