import io
from pathlib import Path

import pytest
from rich.console import Console
from rich.text import Text

from pipeline.demo.board import draw, duration, sparkline
from pipeline.demo.picture import WorstMoment, svg
from pipeline.demo.snapshot import Flow, Place, Snapshot
from tests.unit.demo.moments import AFTERNOON, TELLER

WIDE = (Path(__file__).parent / "board_168_columns.txt").read_text(encoding="utf-8")


def shown(snapshot: Snapshot, width: int) -> str:
    console = Console(width=width, file=io.StringIO(), color_system=None)
    with console.capture() as printed:
        console.print(draw(snapshot, width))
    return "".join(f"{line.rstrip()}\n" for line in printed.get().splitlines())


def styles(line: Text) -> list[str]:
    return [str(span.style) for span in line.spans]


def test_the_board_shows_score_waits_dearest_element_and_owner_of_each_touch_point() -> None:
    assert shown(AFTERNOON, 168) == WIDE


@pytest.mark.parametrize("width", [80, 100, 145])
def test_a_narrow_terminal_still_shows_what_costs_the_points_and_whose_it_is(width: int) -> None:
    lines = shown(AFTERNOON, width).splitlines()
    assert max(map(len, lines)) <= width
    told = "\n".join(lines)
    assert all(
        word in told
        for word in ("branch/002/teller", "48.9", "1,040", "18:29", "wait.line", "-17.4", "branch management")
    )


def test_before_the_first_commit_the_board_says_that_it_waits() -> None:
    assert shown(Snapshot(now=None, flow=Flow()), 168) == "waiting for the first interactions\n"


def test_what_nobody_knows_is_a_dash_and_never_a_zero() -> None:
    headline = shown(Snapshot(now=AFTERNOON.now, flow=Flow()), 168).splitlines()[0]
    assert "- events/s, lag - s" in headline
    assert "coverage -" in headline


def test_scores_have_the_colours_of_their_bands() -> None:
    assert styles(sparkline((99.0, 60.0, 20.0), 36)) == ["green", "yellow", "bold red"]


def test_where_several_scores_share_a_cell_the_worst_one_shows() -> None:
    assert sparkline((99.0, 30.0, None, 100.0, 100.0), 3).plain == "▁██"


def test_a_cell_without_scores_is_empty() -> None:
    assert sparkline((None, 100.0), 36).plain == " █"


def test_durations_read_like_a_clock() -> None:
    assert [duration(seconds) for seconds in (None, 0, 59.6, 723, 3723)] == ["", "0:00", "1:00", "12:03", "1:02:03"]


def test_the_picture_is_of_the_worst_moment() -> None:
    worst = WorstMoment()
    calm = Snapshot(now=AFTERNOON.now, flow=Flow(), places=(Place(touch_point="calm", score=90.0),))
    bad = Snapshot(now=AFTERNOON.now, flow=Flow(), places=(TELLER,))
    for snapshot in (calm, bad, calm):
        worst.see(snapshot)
    assert worst.snapshot == bad


def test_the_same_snapshot_gives_the_same_picture() -> None:
    assert svg(AFTERNOON) == svg(AFTERNOON)
    assert "branch/002/teller" in svg(AFTERNOON)
