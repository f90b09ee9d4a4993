"""A whole day: every place lives through it, then all records in the order in which they happened.

The path: arrivals -> lines and services -> circumstances -> reactions -> sorted records, and the truth about them.
"""

import datetime as dt
from collections.abc import Callable
from hashlib import blake2b
from typing import Final

from msgspec import Struct

from pipeline.core.side_events import Condition, CustomerOutcome, Feedback
from pipeline.source.simulator.afterwards import reactions
from pipeline.source.simulator.branch import Branch
from pipeline.source.simulator.business_day import business_day
from pipeline.source.simulator.call_center import CallCenter
from pipeline.source.simulator.call_lines import LINES
from pipeline.source.simulator.circumstances import conditions
from pipeline.source.simulator.journal import Outgoing
from pipeline.source.simulator.online_form import OnlineForm
from pipeline.source.simulator.place import PlaceDay, World
from pipeline.source.simulator.scenario import BRANCHES, Scenario
from pipeline.source.simulator.systems import Systems
from pipeline.source.simulator.truth import Truth, tell

DEFAULT_DAY: Final = dt.date(2026, 3, 10)  # a Tuesday
CONDITIONS: Final = "conditions"
_TOPICS: Final = {Condition: CONDITIONS, Feedback: "feedback", CustomerOutcome: "outcomes"}


class SimulatedDay(Struct, frozen=True):
    """`records` in order of time; conditions of a moment come before its events."""

    records: list[Outgoing]
    places: list[PlaceDay]
    truth: Truth


def simulate(
    scenario: Scenario, seed: int, date: dt.date = DEFAULT_DAY, watch: Callable[[int, int], None] = lambda *_: None
) -> SimulatedDay:
    """Live through the day. Equal arguments give equal records, byte by byte. `watch`: places done, of how many."""
    day = business_day(date)
    world = World(seed, day, scenario, Systems(scenario.slow, day), _run(scenario, seed, date))
    there: list[Branch | CallCenter | OnlineForm] = [
        *(Branch(number, world) for number in BRANCHES),
        *(CallCenter(name, world) for name in LINES),
        OnlineForm(world),
    ]
    places: list[PlaceDay] = []
    for place in there:
        watch(len(places), len(there))
        places.append(place.run())
    watch(len(places), len(there))
    records = [outgoing for lived in places for outgoing in lived.written]
    records += conditions(world, places)
    records += reactions(world, places)
    records.sort()
    return SimulatedDay(records, places, tell(world, places, ((topic_of(each), each) for each in records)))


def topic_of(outgoing: Outgoing) -> str:
    """The topic of a record, without the prefix."""
    return _TOPICS.get(type(outgoing.event), "events")


def _run(scenario: Scenario, seed: int, date: dt.date) -> str:
    """A short name of this simulation: another one must not share its ids, or its events would count as conflicts."""
    return blake2b(repr((scenario, seed, date)).encode(), digest_size=4).hexdigest()
