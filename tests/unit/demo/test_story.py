import shlex

from pipeline.demo import questions
from pipeline.demo.story import Day, Loss, Meanwhile, deepest, read_drop, tell, write
from tests.unit.demo.moments import drop

DAY = Day(touch_points=6, n=10_410, mean_score=93.21)
DEGRADED = Meanwhile("system/identity degraded", 0.94, 0.953)
NO_COFFEE = Meanwhile("branch/002 refreshments", 1.0, 1.0)
ONE_COUNTER = Meanwhile("branch/002 counters_open", 0.999, 1.0)
LOSSES = (
    Loss("wait.queue", "call center workforce management", 3969.2),
    Loss("outcome.result", "call center operations", 2250.0),
    Loss("system.identity", "identity platform", 1195.4),
)

TOLD = """
While system/identity was degraded, one touch-point fell:

  10:45 to 11:30  call_center/retail/line fell by 21.5 points from its median of 98.5 to 77.0 (1,298 interactions).
  Dearest was wait.queue, 13.8 points more than usual (owner: call center workforce management).
  94% of them came while system/identity was degraded, 95% of the points lost to waiting with them.
  touchpoint sql "{drop}"

  Meanwhile they lost 3,969 points to wait.queue (call center workforce management), 2,250 to outcome.result (call
  center operations) and 1,195 to system.identity (identity platform).
  touchpoint sql "{losses}"
"""


def text(*drops: object) -> str:
    return "\n".join(write(tell(drops, DAY)))  # type: ignore[arg-type]


def test_a_drop_is_told_with_place_time_depth_element_owner_and_condition_each_with_its_sql() -> None:
    expected = TOLD.format(
        drop=questions.drop("call_center/retail/line", "2026-03-10 10:45"),
        losses=questions.lost_while(
            "call_center/retail/line", "2026-03-10 10:45", "2026-03-10 11:30", "system/identity degraded"
        ),
    )
    assert text(drop("call_center/retail/line", "10:45", DEGRADED, losses=LOSSES)) + "\n" == expected


def test_a_day_on_which_nothing_fell_is_told_with_its_size() -> None:
    lines = write(tell([], DAY))
    assert lines[1] == "  Nothing fell: 10,410 interactions at 6 touch-points, mean score 93.2."
    assert lines[-1] == f'  touchpoint sql "{questions.NOTHING_FELL}"'


def test_a_day_without_scores_is_told_too() -> None:
    assert "no score" in write(tell([], Day(0, 0, None)))[1]


def test_drops_with_the_same_leading_subject_stand_under_one_heading_in_order_of_time() -> None:
    story = text(
        drop("branch/002/teller", "13:30", NO_COFFEE, ONE_COUNTER),
        drop("call_center/retail/line", "10:45", DEGRADED),
        drop("branch/002/teller", "10:30", DEGRADED),
    )
    assert "While system/identity was degraded, 2 touch-points fell:" in story
    heading = "While branch/002 was short of refreshments and had at most one counter open, one touch-point fell:"
    assert heading in story
    assert story.index("10:30 to") < story.index("10:45 to") < story.index(heading) < story.index("13:30 to")


def test_conditions_that_few_met_are_not_named() -> None:
    few = Meanwhile("branch/001 comfort", 0.4, 0.4)
    story = text(drop("branch/001/teller", "10:45", few))
    assert "While no reported condition stood out, one touch-point fell:" in story
    assert "comfort" not in story.replace("conditions", "")


def test_an_unknown_kind_of_condition_is_named_as_it_is() -> None:
    assert "While system/post strike, one" in text(
        drop("branch/001/teller", "10:45", Meanwhile("system/post strike", 1, 0))
    )


def test_the_story_never_claims_a_cause() -> None:
    assert "because" not in text(drop("a", "10:45", DEGRADED, losses=LOSSES), drop("b", "10:45"))


def test_an_element_without_a_known_owner_is_said_to_have_none() -> None:
    assert "7 points to wait.queue (not known)." in text(
        drop("a", "10:45", DEGRADED, losses=(Loss("wait.queue", "", 7.0),))
    )


def test_the_deepest_drop_is_the_one_that_cost_most_in_all() -> None:
    small, large = drop("a", "10:45"), drop("b", "10:45")
    assert deepest([small, large, small]) in {small, large}
    assert deepest([]) is None


def test_a_row_of_the_view_becomes_a_drop() -> None:
    row = {name: getattr(drop("a", "10:45"), name) for name in drop("a", "10:45").__struct_fields__ if name != "losses"}
    assert read_drop(row | {"conditions": [("system/identity degraded", 0.94, 0.953)]}) == drop("a", "10:45", DEGRADED)


def test_a_question_survives_the_shell_whatever_a_touch_point_is_called() -> None:
    asked = questions.drop("it`s $HOME/o'neill", "2026-03-10 10:45")
    (word,) = shlex.split(f'"{asked}"')
    assert r"touch_point = 'its HOME/o\'neill'" in word
