"""A branch: ticket, line, counter. Customers wait while all counters are busy, and leave when it takes too long.

Owns the matters, patience and shift plan of branches; must not know conditions or other places.
"""

import random
from typing import Final

from msgspec import Struct

from pipeline.core.events import Arrived, Called, Ended, EndedBy, NoShow, Outcome, Recalled, Served, Transferred
from pipeline.core.vocabulary import TransferKind
from pipeline.source.simulator.arrivals import Profile, arrivals
from pipeline.source.simulator.business_day import HOUR, SECOND
from pipeline.source.simulator.journal import Diary
from pipeline.source.simulator.line import Line, Turn
from pipeline.source.simulator.people import Person, draw_person
from pipeline.source.simulator.place import Ending, PlaceDay, World
from pipeline.source.simulator.service import Stage, Task, draw_task, perform
from pipeline.source.simulator.staffing import Plan, Post, posts

CLOSING_HOUR: Final = 18.0
CUSTOMERS: Final[Profile] = (
    (8, 40), (9, 75), (9.75, 106), (10.5, 116), (11.25, 114), (12.25, 102), (13, 106), (14, 114), (16, 112),
    (16.75, 85), (17.5, 55), (18, 30),
)  # fmt: skip
COUNTERS: Final[Plan] = ((8, 9.25, 3), (9.25, 17.25, 4), (17.25, 18, 3))
SIZES: Final = {"001": 1.03, "002": 0.97, "003": 1.0}

IDENTIFY: Final = Stage("identify", 0.15, (("identity", "verify_customer"), ("identity", "check_document")))
LOOK_UP: Final = Stage("look_up", 0.35, (("core_banking", "read_account"),))
BOOK: Final = Stage("book", 0.35, (("identity", "authorise"), ("core_banking", "post"), ("identity", "confirm")))
CLOSE: Final = Stage("close", 0.15, (("identity", "sign"),))
USUAL: Final = (IDENTIFY, LOOK_UP, BOOK, CLOSE)
TASKS: Final = (
    Task("withdrawal", 0.30, 60, USUAL),
    Task("deposit", 0.25, 70, USUAL),
    Task("transfer_order", 0.20, 84, USUAL),
    Task("card", 0.15, 88, USUAL),
    Task("account_change", 0.10, 112, USUAL),
)
PATIENCE_SECONDS: Final = 16 * 60.0  # median
PATIENCE_SIGMA: Final = 0.35
WALK_SECONDS: Final = (3.0, 9.0)
TIDY_SECONDS: Final = (4.0, 10.0)
CALL_SECONDS: Final = 9
MISSED_CALLS: Final = 0.03
UNNOTICED: Final = 0.3  # share of those who leave without giving the ticket back
TRANSFERS: Final = 0.015
REFUSALS: Final = 0.006


class Visitor(Struct):
    """One customer in the branch: what was drawn on arrival, and whether gone."""

    diary: Diary
    person: Person
    arrived: int
    task: Task
    talk: int
    patience_ends: int
    misses_call: bool
    unnoticed: bool
    fate: float
    gone_at: int | None = None


class Branch:
    """The tellers of one branch on one day."""

    def __init__(self, number: str, world: World) -> None:
        self.touch_point = f"branch/{number}/teller"
        self._world = world
        self._size = SIZES[number]
        self._journal = world.journal(self.touch_point)
        self._service = world.chance(self.touch_point, "service")
        self._endings: list[Ending] = []
        short = world.scenario.short
        absent = (short.start, short.end) if short and short.branch == number else None
        self._posts = posts(self.touch_point, COUNTERS, world.day, absent)

    def run(self) -> PlaceDay:
        """The whole day, until the last customer has gone."""
        world = self._world
        line = Line(self, self._posts, world.day.at(int(CLOSING_HOUR * HOUR)))
        times = arrivals(
            world.chance(self.touch_point, "arrivals"), CUSTOMERS, world.scenario.load * self._size, world.day
        )
        traits = world.chance(self.touch_point, "customers")
        line.run([(time, self._arrive(time, traits, number)) for number, time in enumerate(times, 1)])
        return PlaceDay(self.touch_point, self._journal.written, self._endings, line.lengths, self._posts)

    def _arrive(self, time: int, traits: random.Random, number: int) -> Visitor:
        person = draw_person(traits)
        task, talk = draw_task(TASKS, traits)
        patience = traits.lognormvariate(0, PATIENCE_SIGMA) * PATIENCE_SECONDS
        visitor = Visitor(
            self._journal.open(), person, time, task, talk, time + int(patience * SECOND),
            misses_call=traits.random() < MISSED_CALLS, unnoticed=traits.random() < UNNOTICED, fate=traits.random(),
        )  # fmt: skip
        visitor.diary.note(
            Arrived, time, customer=person.customer, segment=person.segment, task=task.name, ticket=f"A{number:03d}",
            service="teller",
        )  # fmt: skip
        return visitor

    def patience_ends(self, customer: Visitor) -> int:
        """As drawn on arrival."""
        return customer.patience_ends

    def joined(self, customer: Visitor, time: int, ahead: int, manned: int) -> None:
        """Taking the ticket was all."""

    def take(self, customer: Visitor, post: Post, time: int) -> Turn:
        """Call the ticket, serve whoever comes."""
        diary = customer.diary
        diary.note(Called, time, counter=post.name)
        if customer.gone_at is not None or customer.misses_call:
            time += CALL_SECONDS * SECOND
            diary.note(Recalled, time, counter=post.name)
        if customer.gone_at is not None:
            time += CALL_SECONDS * SECOND
            diary.note(NoShow, time, staff=post.staff_at(time))
            self._end(customer, time, Outcome.NO_SHOW, waited=customer.gone_at - customer.arrived)
            return Turn(time)
        time += self._draw(WALK_SECONDS)
        diary.note(
            Served, time, counter=post.name, staff=post.staff_at(time), session=f"{self.touch_point}/{post.name}"
        )
        served = time
        time, done = perform(
            customer.task, customer.talk, diary, time, systems=self._world.systems, chance=self._service, noting=True
        )
        if done and customer.fate < TRANSFERS:
            time += SECOND
            diary.note(Transferred, time, to="advisory", transfer=TransferKind.WARM)
        outcome = Outcome.COMPLETED if done else Outcome.FAILED
        if done and customer.fate > 1 - REFUSALS:
            outcome = Outcome.REFUSED
        diary.note(Ended, time, outcome=outcome, by=EndedBy.STAFF)
        self._end(customer, time, outcome, waited=served - customer.arrived)
        return Turn(time + self._draw(TIDY_SECONDS))

    def gave_up(self, customer: Visitor, time: int) -> bool:
        """Most give the ticket back at the door; the others are missed only when their ticket is called."""
        customer.gone_at = time
        if customer.unnoticed:
            return False
        customer.diary.note(Ended, time, outcome=Outcome.ABANDONED, by=EndedBy.CUSTOMER)
        self._end(customer, time, Outcome.ABANDONED, waited=time - customer.arrived)
        return True

    def _end(self, customer: Visitor, time: int, outcome: Outcome, waited: int) -> None:
        self._endings.append(
            Ending(customer.diary.interaction, customer.person, customer.arrived, time, waited, outcome)
        )

    def _draw(self, seconds: tuple[float, float]) -> int:
        return int(self._service.uniform(*seconds) * SECOND)
