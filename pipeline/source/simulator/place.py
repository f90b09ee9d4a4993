"""What every simulated touch-point shares: the world it stands in, and what is left of its day.

Must not know how any channel works.
"""

import random

from msgspec import Struct

from pipeline.core.events import Outcome
from pipeline.source.simulator.arrivals import stream
from pipeline.source.simulator.business_day import BusinessDay
from pipeline.source.simulator.journal import Journal, Outgoing
from pipeline.source.simulator.people import Person
from pipeline.source.simulator.scenario import Scenario
from pipeline.source.simulator.staffing import Post
from pipeline.source.simulator.systems import Systems


class World(Struct, frozen=True):
    """The day, its circumstances and its seed. `run` tells this simulation from any other."""

    seed: int
    day: BusinessDay
    scenario: Scenario
    systems: Systems
    run: str

    def chance(self, place: str, purpose: str) -> random.Random:
        """The stream of one place for one purpose."""
        return stream(self.seed, place, purpose)

    def journal(self, touch_point: str) -> Journal:
        """A journal for a touch-point."""
        return Journal(self.run, touch_point)


class Ending(Struct, frozen=True):
    """How one interaction went. `waited` in milliseconds, None where nobody waits or the wait never began."""

    interaction: str
    person: Person
    arrived: int
    ended: int
    waited: int | None
    outcome: Outcome


class PlaceDay(Struct, frozen=True):
    """What is left of a touch-point's day. `lengths` and `posts` are empty where nobody stands in line."""

    touch_point: str
    written: list[Outgoing]
    endings: list[Ending]
    lengths: list[tuple[int, int]]
    posts: list[Post]
