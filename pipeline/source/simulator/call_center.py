"""A line of the call center: voice unit first, then the queue for an agent. Callers hang up when it takes too long.

Owns the matters, patience and shift plans of both lines; must not know conditions or other places.
"""

import random
from typing import Final

from msgspec import Struct

from pipeline.core.events import (
    Arrived,
    Consulted,
    Ended,
    EndedBy,
    Held,
    NotAnswered,
    Offered,
    Outcome,
    Queued,
    Resumed,
    SelfServiceEntered,
    SelfServiceLeft,
    Served,
    Transferred,
    WrappedUp,
)
from pipeline.core.vocabulary import TransferKind
from pipeline.source.simulator.arrivals import arrivals
from pipeline.source.simulator.business_day import HOUR, SECOND
from pipeline.source.simulator.call_lines import LINES, CallLine
from pipeline.source.simulator.journal import Diary
from pipeline.source.simulator.line import Line, Turn
from pipeline.source.simulator.people import Person, draw_person
from pipeline.source.simulator.place import Ending, PlaceDay, World
from pipeline.source.simulator.service import Task, draw_task, perform
from pipeline.source.simulator.staffing import Post, posts

PICK_UP_SECONDS: Final = 0.8
VOICE_UNIT_SECONDS: Final = (12.0, 34.0)
LEFT_IN_VOICE_UNIT: Final = 0.01
WITH_PIN: Final = 0.6
PATIENCE_SECONDS: Final = 260.0  # median
PATIENCE_SIGMA: Final = 0.6
RING_SECONDS: Final = (1.5, 5.0)
UNANSWERED: Final = 0.01
UNANSWERED_SECONDS: Final = 15
AWAY_SECONDS: Final = 45
HOLDS: Final = 0.10
HOLD_SECONDS: Final = (12.0, 50.0)
CONSULTS: Final = 0.25  # share of the holds
WRAP_UP_SECONDS: Final = (5.0, 18.0)
TRANSFERS: Final = 0.02


class Caller(Struct):
    """One call: what was drawn on arrival, and since when the caller waits."""

    diary: Diary
    person: Person
    arrived: int
    task: Task
    talk: int
    patience: int
    fate: float
    held: float
    queued: int = 0


class CallCenter:
    """One line of the call center on one day."""

    def __init__(self, name: str, world: World) -> None:
        self.touch_point = f"call_center/{name}/line"
        self._name = name
        self._line: CallLine = LINES[name]
        self._world = world
        self._journal = world.journal(self.touch_point)
        self._voice_unit = world.chance(self.touch_point, "voice_unit")
        self._service = world.chance(self.touch_point, "service")
        self._endings: list[Ending] = []
        self._posts = posts(self.touch_point, self._line.agents, world.day)

    def run(self) -> PlaceDay:
        """The whole day, until the last caller has hung up."""
        world = self._world
        line = Line(self, self._posts, world.day.at(int(self._line.agents[-1][1] * HOUR)))
        times = arrivals(world.chance(self.touch_point, "arrivals"), self._line.callers, world.scenario.load, world.day)
        traits = world.chance(self.touch_point, "customers")
        callers = [self._greet(time, traits) for time in times]
        joining = sorted(
            ((caller.queued, caller) for caller in callers if caller is not None), key=lambda each: each[0]
        )
        line.run(joining)
        return PlaceDay(self.touch_point, self._journal.written, self._endings, line.lengths, self._posts)

    def _greet(self, time: int, traits: random.Random) -> Caller | None:
        """The voice unit; None if the call ends there."""
        person = draw_person(traits)
        task, talk = draw_task(self._line.tasks, traits)
        patience = int(traits.lognormvariate(0, PATIENCE_SIGMA) * PATIENCE_SECONDS * SECOND)
        caller = Caller(
            self._journal.open(), person, time, task, talk, patience, fate=traits.random(), held=traits.random()
        )
        wants = traits.uniform(*VOICE_UNIT_SECONDS)
        pin, leaves = traits.random() < WITH_PIN, traits.random()
        diary, chance, systems = caller.diary, self._voice_unit, self._world.systems
        diary.note(Arrived, time, customer=person.customer, segment=person.segment, task=task.name)
        entered = time + int(PICK_UP_SECONDS * SECOND)
        systems.call(diary, "telephony", "connect", time, chance)
        diary.note(SelfServiceEntered, entered)
        time = entered + int(wants * SECOND)
        known = True
        if pin:
            time, known, _ = systems.call(diary, "identity", "check_pin", time, chance)
        contained = known and leaves < self._line.contained
        diary.note(SelfServiceLeft, time, contained=contained)
        if contained or leaves > 1 - LEFT_IN_VOICE_UNIT:
            self._end(caller, time + SECOND, Outcome.COMPLETED if contained else Outcome.ABANDONED, waited=None)
            return None
        caller.queued = systems.call(diary, "telephony", "route", time, chance).time
        return caller

    def patience_ends(self, customer: Caller) -> int:
        """Counted from joining the queue."""
        return customer.queued + customer.patience

    def joined(self, customer: Caller, time: int, ahead: int, manned: int) -> None:
        """Tell the caller how long it will take."""
        seconds = (ahead + 1) * self._line.usual_seconds / max(manned, 1) if ahead else 0.0
        customer.diary.note(Queued, time, queue=self._name, estimated_wait=float(round(seconds)))

    def take(self, customer: Caller, post: Post, time: int) -> Turn:
        """Ring at an agent; serve the caller if the agent answers."""
        diary, chance, staff = customer.diary, self._service, post.staff_at(time)
        diary.note(Offered, time, staff=staff)
        if chance.random() < UNANSWERED:
            time += UNANSWERED_SECONDS * SECOND
            diary.note(NotAnswered, time)
            return Turn(time + AWAY_SECONDS * SECOND, back_at=time)
        time += self._draw(RING_SECONDS)
        diary.note(Served, time, staff=staff, session=f"{self.touch_point}/{post.name}")
        served = time
        time, done = perform(
            customer.task, customer.talk, diary, time, systems=self._world.systems, chance=chance, noting=False
        )
        if customer.held < HOLDS:
            time = self._hold(customer, time)
        if done and customer.fate < TRANSFERS:
            time += SECOND
            warm = customer.fate < TRANSFERS / 2
            diary.note(
                Transferred,
                time,
                to=self._line.transfers_to,
                transfer=TransferKind.WARM if warm else TransferKind.BLIND,
            )
        outcome = Outcome.COMPLETED if done else Outcome.FAILED
        self._end(customer, time, outcome, waited=served - customer.queued)
        time += self._draw(WRAP_UP_SECONDS)
        diary.note(WrappedUp, time, staff=staff)
        return Turn(time)

    def gave_up(self, customer: Caller, time: int) -> bool:
        """A caller who hangs up is gone from the queue at once."""
        self._end(customer, time, Outcome.ABANDONED, waited=time - customer.queued)
        return True

    def _hold(self, customer: Caller, time: int) -> int:
        diary = customer.diary
        diary.note(Held, time)
        time += self._draw(HOLD_SECONDS)
        if customer.held < HOLDS * CONSULTS:
            diary.note(Consulted, time - SECOND)
        diary.note(Resumed, time)
        return time + SECOND

    def _end(self, caller: Caller, time: int, outcome: Outcome, waited: int | None) -> None:
        caller.diary.note(Ended, time, outcome=outcome, by=EndedBy.CUSTOMER)
        self._endings.append(Ending(caller.diary.interaction, caller.person, caller.arrived, time, waited, outcome))

    def _draw(self, seconds: tuple[float, float]) -> int:
        return int(self._service.uniform(*seconds) * SECOND)
