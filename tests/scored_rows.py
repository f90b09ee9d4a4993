"""Scored interactions for tests of the sink: one plain call, and changes to it by name."""

from typing import Any, Final

from msgspec import Struct, structs

from pipeline.core.catalog import Channel, TouchPoint, Windows
from pipeline.core.events import Outcome
from pipeline.core.models import make_model
from pipeline.core.passage import Passage
from pipeline.core.scored import Attributes, ScoredInteraction, State
from pipeline.core.scoring import Score
from pipeline.sink.rows import LogPartition, Pseudonyms

NOON: Final = 918_043_200_000  # 1999-02-03T12:00:00Z, 14:00 in Israel
HOUR: Final = 3_600_000
DAY: Final = 24 * HOUR
LOG: Final = LogPartition("calls.events", "topic-one", 3)
PSEUDONYMS: Final = Pseudonyms(b"a key for tests only")

MODEL: Final = make_model(
    name="calls",
    version=1,
    description="",
    applies_to=("call_center/*/line",),
    elements=(),
    caps=(),
    coverage_floor=0.5,
    valid_from=None,
)
LINE: Final = TouchPoint(
    name="call_center/retail/line",
    channel=Channel(
        name="call_center",
        opening=frozenset({"arrived"}),
        types=frozenset({"arrived", "ended"}),
        waits_from="queued",
        windows=Windows(idle_timeout=1, max_open=1, correction_window=1, provisional_after=1),
    ),
    emits=frozenset(),
    systems=(),
    owner="call center",
    team=None,
    time_zone="Asia/Jerusalem",
    model=MODEL,
)
PASSAGE: Final = Passage(
    started_at=NOON,
    served_at=None,
    ended_at=NOON + 120_000,
    outcome=Outcome.ABANDONED,
    queued=True,
    served=False,
    operations=frozenset(),
    signals={"wait_seconds": 120.0},
    system_seconds={},
)
SCORE: Final = Score(
    score=30.0,
    low=30.0,
    high=30.0,
    coverage=1.0,
    unscored_reason=None,
    points_lost={"wait.queue": 20.0, "outcome.outcome": 35.0, "cap.abandoned": 15.0},
)
SCORED: Final = ScoredInteraction(
    interaction="call-1",
    touch_point=LINE,
    attributes=Attributes(),
    passage=PASSAGE,
    score=SCORE,
    state=State.ENDED,
    partial=False,
    opened_at=NOON,
    active_conditions=(),
    events=3,
    duplicates=1,
    first_offset=100,
    version=7,
)


def scored(interaction: str = "call-1", **changes: Any) -> ScoredInteraction:  # noqa: ANN401 - any field
    """The plain call under this id, with fields of the row, its score, passage or attributes changed by name."""

    def of(part: type[Struct]) -> dict[str, Any]:
        return {name: changes.pop(name) for name in part.__struct_fields__ if name in changes}

    return structs.replace(
        SCORED,
        interaction=interaction,
        score=structs.replace(SCORE, **of(Score)),
        passage=structs.replace(PASSAGE, **of(Passage)),
        attributes=structs.replace(SCORED.attributes, **of(Attributes)),
        **changes,
    )
