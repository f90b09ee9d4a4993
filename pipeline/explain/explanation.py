"""Everything there is to say about one interaction, put together; `page.py` lays it out for people.

Owns the opening sentence and what is noted; must not know where the parts were read.
"""

import datetime as dt
from typing import Any, Final

import msgspec
from msgspec import Struct

from pipeline.core.scoring import FULL, Band, band_of
from pipeline.explain.interaction_row import InteractionRow
from pipeline.explain.ledger import Ledger, Line
from pipeline.stream.timeline import Timeline

NOTHING_BELOW: Final = 0.05
NAMED_SHARE: Final = 0.6  # lines are named until they make up this much of what was lost
NAMED_LINES: Final = 3
WHY_UNSCORED: Final = {
    "low_coverage": "too little of it was observed",
    "nothing_observed": "nothing that counts was observed",
    "nothing_applies": "no element of the model applies",
}


class Explanation(Struct, frozen=True):
    """Row, ledger and timeline of one interaction. `rows` is the number of current rows under the id."""

    row: InteractionRow
    ledger: Ledger
    timeline: Timeline
    rows: int = 1

    @property
    def band(self) -> Band | None:
        """The score in one word."""
        return None if self.row.score is None else band_of(self.row.score)


def sentence(found: Explanation) -> str:
    """The answer in one sentence: how much was lost, to what, and whose it is."""
    row = found.row
    if row.score is None:
        why = WHY_UNSCORED.get(row.unscored_reason or "", row.unscored_reason)
        bounds = f"{row.score_low:.1f} and {row.score_high:.1f}"
        return f"Not scored: {why} (coverage {row.coverage:.0%}); the score lies between {bounds}."
    lost = FULL - row.score
    so_far = " so far" if row.state == "open" else ""
    if lost < NOTHING_BELOW:
        return f"Lost nothing{so_far}: all that was observed was as good as it can be."
    named = _named(found.ledger.lines, lost)
    covered = sum(line.points or 0.0 for line in named)
    share = "most of them" if covered > lost / 2 else "above all"
    if covered > lost - NOTHING_BELOW:
        share = "all of them"
    listed = [f"{line.element} ({', '.join(_blame(line))})" for line in named]
    to = listed[0] if len(listed) == 1 else f"{', '.join(listed[:-1])} and {listed[-1]}"
    return f"Lost {lost:.1f} points{so_far}, {share} to {to}."


def _named(lines: tuple[Line, ...], lost: float) -> list[Line]:
    named: list[Line] = []
    covered = 0.0
    for line in lines[:NAMED_LINES]:
        if covered >= NAMED_SHARE * lost or not line.points:
            break
        named.append(line)
        covered += line.points
    return named


def _blame(line: Line) -> list[str]:
    return [f"{line.points:.1f}", *([line.owner] if line.owner else [])]


def notes(found: Explanation) -> list[str]:
    """What a reader must know before believing the rest."""
    row, said = found.row, []
    if row.state == "open":
        said.append("still open: a provisional row, as it stood when it was written")
    if row.partial:
        said.append("partial: its beginning was not read, so absence says nothing")
    if row.synthetic:
        said.append("synthetic: made by a probe, not by a customer")
    if not found.ledger.model_on_disk:
        said.append(
            f"the schemas on disk do not hold {row.model} version {row.model_version} with fingerprint"
            f" {row.model_fingerprint}: points are the row's own, owners those of today, curves unknown"
        )
    if found.timeline.gap:
        said.append(found.timeline.gap)
    if found.rows > 1:
        said.append(f"{found.rows} current rows carry this id; this is the latest")
    return said


def as_json(found: Explanation) -> dict[str, Any]:
    """One object with everything; times as RFC 3339 in UTC."""
    row = msgspec.to_builtins(found.row)
    for name in ("model", "model_version", "model_fingerprint", "points_lost", "inserted_at"):
        del row[name]
    lost = {} if found.row.score is None else {"lost": FULL - found.row.score}
    return {
        "sentence": sentence(found),
        **row,
        **lost,
        "band": found.band,
        "model": {
            "name": found.row.model,
            "version": found.row.model_version,
            "fingerprint": found.row.model_fingerprint,
            "on_disk": found.ledger.model_on_disk,
        },
        "ledger": msgspec.to_builtins(found.ledger.lines),
        "unknown": msgspec.to_builtins(found.ledger.unknown),
        "by_owner": found.ledger.by_owner,
        "timeline": [
            {**msgspec.to_builtins(moment), "time": rfc3339(moment.time)} for moment in found.timeline.moments
        ],
        "notes": notes(found),
    }


def instant(milliseconds: int) -> dt.datetime:
    """A moment in UTC."""
    return dt.datetime.fromtimestamp(milliseconds / 1000, dt.UTC)


def rfc3339(milliseconds: int) -> str:
    """A moment as JSON says it."""
    return instant(milliseconds).isoformat(timespec="milliseconds").replace("+00:00", "Z")
