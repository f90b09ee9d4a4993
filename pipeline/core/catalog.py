"""Which touch-points exist, by which channel windows they live and which model scores them, at any clock.

Owns names, patterns and validity; must not know files (`catalog_files.py`) or how a model scores.
"""

from msgspec import Struct

from pipeline.core.models import Model


class Windows(Struct, frozen=True, kw_only=True):
    """Event-time windows of a channel, in milliseconds."""

    idle_timeout: int
    max_open: int
    correction_window: int
    provisional_after: int


class Channel(Struct, frozen=True, kw_only=True):
    """A kind of touch-point: its event types, which of them open an interaction, and its windows.

    `waits_from` is the kind that begins the wait for a person, empty where nobody waits for one.
    """

    name: str
    opening: frozenset[str]
    types: frozenset[str]
    waits_from: str
    windows: Windows


class TouchPoint(Struct, frozen=True, kw_only=True):
    """One place where customers meet the organisation, as valid at some clock.

    `emits`: event kinds its source really sends; only for these may absence mean zero.
    """

    name: str
    channel: Channel
    emits: frozenset[str]
    systems: tuple[str, ...]
    owner: str
    team: str | None
    time_zone: str
    model: Model
