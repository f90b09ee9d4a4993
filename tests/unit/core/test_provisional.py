"""What stands in the tables of an interaction while it lasts."""

from typing import Final

from pipeline.core.events import Arrived, Queued, Served
from pipeline.core.scored import ScoredInteraction, State
from tests.unit.core.test_still_open import START, Source

VISIT, OTHER = 1, 3  # two visits to a branch
MINUTE: Final = 60_000


def rows_of(source: Source) -> list[ScoredInteraction]:
    """The rows of the visit that are new since the last call."""
    source.shard.write_due()
    return [row for row in source.shard.output.take()[0] if row.interaction == str(VISIT)]


def waiting_since(minutes: int) -> Source:
    """Somebody drew a ticket at the start, and the clock has come so far since."""
    source = Source()
    source.send(VISIT, Arrived, START)
    source.send(OTHER, Arrived, START + minutes * MINUTE)
    return source


def test_nothing_is_written_of_somebody_who_has_just_come() -> None:
    source = waiting_since(1)
    source.send(VISIT, Served, START + 90_000)

    assert rows_of(source) == []


def test_a_row_that_says_that_somebody_waits_is_replaced_when_they_are_served() -> None:
    source = waiting_since(9)
    (waiting,) = rows_of(source)
    source.send(VISIT, Served, START + 9 * MINUTE + 1_000)
    (served,) = rows_of(source)

    assert (waiting.state, served.state) == (State.OPEN, State.OPEN)
    assert (waiting.passage.served_at, waiting.passage.signals["wait_seconds"]) == (None, 480.0)
    assert (served.passage.served_at, served.passage.signals["wait_seconds"]) == (START + 541_000, 541.0)
    assert served.version > waiting.version
    assert rows_of(source) == []


def test_the_next_row_of_somebody_in_service_is_of_its_own_moment() -> None:
    source = waiting_since(9)
    source.send(VISIT, Served, START + 10 * MINUTE)
    rows_of(source)
    source.send(OTHER, Queued, START + 17 * MINUTE)
    (later,) = rows_of(source)

    assert later.passage.signals["service_seconds"] == 360.0
