"""Snapshots and drops that tests show and tell."""

import datetime as dt
from zoneinfo import ZoneInfo

from pipeline.demo.snapshot import Flow, Place, Snapshot
from pipeline.demo.story import Drop, Loss, Meanwhile

BERLIN = ZoneInfo("Europe/Berlin")

TELLER = Place(
    touch_point="branch/002/teller",
    score=48.94,
    band="fair",
    element="wait.line",
    owner="branch management",
    points=17.44,
    n_open=1040,
    n_waiting=40,
    longest_wait_seconds=1109.4,
    half_hours=(None, 99.0, 98.0, 40.0, 61.0, 30.0),
)
LINE = Place(
    touch_point="call_center/retail/line",
    score=99.5,
    band="good",
    element="system.identity",
    owner="identity platform",
    points=0.31,
    n_open=2,
    half_hours=(99.0, 100.0, 99.0, 70.0, 80.0, 99.5),
)
CLOSED = Place(touch_point="online_form/health_claim", half_hours=(None,) * 6)
AFTERNOON = Snapshot(
    now=dt.datetime(2026, 3, 10, 14, 12, 31, tzinfo=BERLIN),
    flow=Flow(3296.7, 0.61),
    n=6355,
    n_unscored=12,
    n_rejected=3,
    coverage=0.974,
    places=(TELLER, LINE, CLOSED),
)


def drop(touch_point: str, local_from: str, *conditions: Meanwhile, losses: tuple[Loss, ...] = ()) -> Drop:
    """A drop of 21.5 points, as the view has it."""
    return Drop(
        touch_point=touch_point,
        local_from=f"2026-03-10 {local_from}",
        local_until="2026-03-10 11:30",
        n=1298,
        score=77.04,
        usual_score=98.55,
        points_below=21.51,
        element="wait.queue",
        owner="call center workforce management",
        more_points=13.84,
        conditions=conditions,
        losses=losses,
    )
