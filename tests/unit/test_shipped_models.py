"""The models and the catalog that ship, against what the docs promise of them."""

from itertools import product
from pathlib import Path
from typing import Final

import pytest

from pipeline.catalog_files import load_catalog
from pipeline.core.abandonment import best_when_abandoned
from pipeline.core.catalog import TouchPoint
from pipeline.core.events import Outcome
from pipeline.core.scoring import FAIR_FROM, score
from tests.unit.core.passages import passage
from tests.unit.core.story import read

CATALOG: Final = load_catalog(Path(__file__).parents[2] / "schemas")
NAMES: Final = ("call_center/regular/line", "branch/042/teller", "online_form/health_claim")
POOR_CAP: Final = 30
ABANDONED_CALLS: Final = [
    pytest.param({"wait_seconds": 0.0, "self_service_seconds": 0.0}, True, id="at once in the queue"),
    pytest.param({"wait_seconds": 300.0, "self_service_seconds": 12.0}, True, id="after a wait"),
    pytest.param({"self_service_seconds": 5.0}, False, id="in the voice unit"),
    pytest.param({"wait_seconds": 0.0, "self_service_seconds": 5.0}, False, id="in the voice unit, wait known as none"),
]


def touch_point(name: str) -> TouchPoint:
    found = CATALOG.resolve(name, 0)
    assert found is not None
    return found


CALLS: Final = touch_point("call_center/regular/line").model


@pytest.mark.parametrize("name", NAMES)
def test_every_shipped_touch_point_has_a_model_an_owner_and_a_zone(name: str) -> None:
    found = touch_point(name)
    assert found.model.name == "/".join(part for part in name.split("/") if part not in {"042", "regular"})
    assert found.owner
    assert "/" in found.time_zone
    assert "operation" in found.emits or found.channel.name == "call_center"


@pytest.mark.parametrize("name", NAMES)
def test_abandoning_is_poor_under_every_shipped_model(name: str) -> None:
    model = touch_point(name).model
    assert best_when_abandoned(model.elements, model.caps) < FAIR_FROM


def test_not_showing_up_at_a_branch_is_poor() -> None:
    scored = score(touch_point("branch/042/teller").model, passage({"wait_seconds": 10.0}, Outcome.NO_SHOW))
    assert scored.score is not None
    assert scored.score < FAIR_FROM


@pytest.mark.parametrize(("signals", "queued"), ABANDONED_CALLS)
def test_an_abandoned_call_of_the_recorded_kind_is_scored_and_poor(
    signals: dict[str, float],
    queued: bool,  # noqa: FBT001 - a case
) -> None:
    scored = score(CALLS, passage(signals, Outcome.ABANDONED, queued=queued))
    assert scored.score is not None
    assert scored.score < FAIR_FROM


@pytest.mark.parametrize(("queued", "wait"), list(product((True, False), (0.0, 30.0, 900.0))))
def test_a_served_call_of_the_recorded_kind_is_scored(queued: bool, wait: float) -> None:  # noqa: FBT001 - a case
    signals = {"wait_seconds": wait, "self_service_seconds": 10.0, "service_seconds": 100.0}
    scored = score(CALLS, passage(signals, Outcome.COMPLETED, queued=queued, served=True))
    assert scored.score is not None
    assert scored.coverage >= CALLS.coverage_floor


def test_a_served_call_scores_less_the_longer_it_waited() -> None:
    waits = (20.0, 60.0, 120.0, 300.0, 600.0)
    seen = [
        passage({"wait_seconds": wait, "self_service_seconds": 10.0}, Outcome.COMPLETED, served=True) for wait in waits
    ]
    scores = [score(CALLS, each).score or 0.0 for each in seen]
    assert scores == sorted(set(scores), reverse=True)


@pytest.mark.parametrize(
    ("name", "story"),
    [
        ("call_center/regular/line", "0 arrived, 5 queued"),
        ("call_center/regular/line", "0 arrived, 0 self_service_entered, 20 self_service_left, 20 queued"),
        ("branch/042/teller", "0 arrived"),
        ("branch/042/teller", "0 arrived, 600 recalled"),
        ("online_form/health_claim", "0 arrived"),
        ("online_form/health_claim", "0 arrived, 30 step_viewed, 60 help_opened"),
    ],
)
def test_whoever_came_and_was_never_heard_of_again_is_not_scored_as_satisfied(name: str, story: str) -> None:
    found = touch_point(name)
    seen = read(story, emits=" ".join(found.emits), waits_from=found.channel.waits_from, outcome=Outcome.TIMED_OUT)
    scored = score(found.model, seen)

    assert scored.score is None or scored.score < FAIR_FROM
    assert scored.low <= POOR_CAP


@pytest.mark.parametrize(
    ("name", "signals"),
    [
        ("call_center/regular/line", {"wait_seconds": 300.0, "self_service_seconds": 10.0}),
        ("branch/042/teller", {"wait_seconds": 1500.0, "recalls": 0.0}),
    ],
)
def test_somebody_still_waiting_already_costs_points(name: str, signals: dict[str, float]) -> None:
    scored = score(touch_point(name).model, passage(signals))
    assert scored.score is not None
    assert scored.points_lost["wait.queue" if name.startswith("call") else "wait.line"] > 10


def test_every_threshold_is_argued_or_marked_as_an_assumption() -> None:
    sources = ("80/20", "Maister", "Effort", "Nielsen", "ssumption")
    for path in sorted((Path(__file__).parents[2] / "schemas" / "models").glob("*.yaml")):
        lines = path.read_text().splitlines()
        for number, line in enumerate(lines):
            if line.strip().startswith(("curve:", "table:")):
                assert any(source in lines[number - 1] for source in sources), f"{path.name}:{number + 1}"
