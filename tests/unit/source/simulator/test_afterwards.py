from statistics import mean

from pipeline.core.events import Outcome
from pipeline.core.side_events import SCALES, CustomerOutcome, Feedback
from pipeline.source.simulator.afterwards import satisfaction
from pipeline.source.simulator.people import Person
from pipeline.source.simulator.place import Ending
from tests.unit.source.simulator.days import day

SOMEBODY = Person("c-1", "private", 0.0, 0.5, 0.5, 0.5)


def ending(waited: int, outcome: Outcome) -> Ending:
    return Ending("i", SOMEBODY, 0, waited, waited, outcome)


def test_a_longer_wait_and_a_bad_end_satisfy_less() -> None:
    waits = [satisfaction(ending(seconds * 1000, Outcome.COMPLETED), "branch") for seconds in (0, 300, 900, 3000)]
    assert waits == sorted(set(waits), reverse=True)
    assert satisfaction(ending(0, Outcome.ABANDONED), "branch") < waits[0]


def test_answers_come_minutes_after_the_end_on_their_scale_from_some() -> None:
    found = day("busy_day")
    ended = {each.interaction: each.ended for place in found.places for each in place.endings}
    answers = [each.event for each in found.records if isinstance(each.event, Feedback)]
    assert 0.05 * len(ended) < len(answers) < 0.15 * len(ended)
    assert {answer.measure for answer in answers} == set(SCALES)
    for answer in answers:
        assert isinstance(answer.time, int)
        assert 60_000 < answer.time - ended[answer.interaction] <= 40 * 60_000


def test_who_waited_long_answers_worse() -> None:
    found = day("busy_day")
    by_interaction = {each.interaction: each for place in found.places for each in place.endings}
    tellers = [
        (by_interaction[each.event.interaction].waited or 0, each.event.value)
        for each in found.records
        if isinstance(each.event, Feedback) and "teller" in each.event.interaction
    ]
    assert mean(value for waited, value in tellers if waited > 600_000) < mean(
        value for waited, value in tellers if waited < 300_000
    )


def test_a_bad_day_has_consequences() -> None:
    def consequences(scenario: str) -> int:
        return sum(isinstance(each.event, CustomerOutcome) for each in day(scenario).records)

    assert consequences("busy_day") > 3 * consequences("quiet_day")
