"""The online claims form: nobody stands in line, but people err, wait for uploads, put it aside or give up.

Owns pages and habits; must not know conditions or other places.
"""

import random
from typing import Final

from msgspec import Struct

from pipeline.core.events import (
    Arrived,
    ClientError,
    Ended,
    EndedBy,
    FieldError,
    HelpOpened,
    Outcome,
    Saved,
    StepViewed,
    SubmitAttempted,
    SubmitRefused,
    Uploaded,
)
from pipeline.source.simulator.arrivals import Profile, arrivals
from pipeline.source.simulator.business_day import MINUTE, SECOND
from pipeline.source.simulator.journal import Diary
from pipeline.source.simulator.people import Person, draw_person
from pipeline.source.simulator.place import Ending, PlaceDay, World

TOUCH_POINT: Final = "online_form/health_claim"
CUSTOMERS: Final[Profile] = (
    (6, 4), (8, 18), (10, 27), (12, 24), (14, 22), (17, 26), (19.5, 32), (21, 18), (22, 8),
)  # fmt: skip


class Page(Struct, frozen=True):
    """One page: median seconds to fill it in, and its fields that can be wrong."""

    name: str
    seconds: float
    fields: tuple[str, ...]


PAGES: Final = (
    Page("person", 25.0, ("birth_date", "insurance_number")),
    Page("treatment", 70.0, ("date", "diagnosis", "practice")),
    Page("receipts", 55.0, ("amount", "currency")),
    Page("payout", 30.0, ("iban",)),
    Page("review", 25.0, ()),
)
PAGE_SIGMA: Final = 0.5
FIELD_ERRORS: Final = 0.18  # of a page
HELP: Final = 0.06
CLIENT_ERRORS: Final = 0.004
GIVING_UP: Final = 0.008
SAVING: Final = 0.008
REFUSALS: Final = 0.03
COMING_BACK: Final = 0.4
BACK_MINUTES: Final = (30, 180)
MEGABYTE: Final = 1_000_000
MOST_RECEIPTS: Final = 3


class Sitting(Struct):
    """One customer at the form, up to `time`; each has its own luck, so that no sitting changes another."""

    diary: Diary
    person: Person
    chance: random.Random
    arrived: int
    time: int


class OnlineForm:
    """The form on one day."""

    touch_point = TOUCH_POINT

    def __init__(self, world: World) -> None:
        self._world = world
        self._journal = world.journal(TOUCH_POINT)
        self._endings: list[Ending] = []

    def run(self) -> PlaceDay:
        """Everybody who opens the form that day, to the end of their sitting."""
        world = self._world
        traits = world.chance(TOUCH_POINT, "customers")
        for time in arrivals(world.chance(TOUCH_POINT, "arrivals"), CUSTOMERS, world.scenario.load, world.day):
            person = draw_person(traits)
            chance = random.Random(traits.getrandbits(64))  # noqa: S311 - seeds are wanted, not secrecy
            sitting = self._open(person, chance, time, None, 1)
            back = time + chance.randint(*BACK_MINUTES) * MINUTE
            if self._fill_in(sitting) is Outcome.SAVED and chance.random() < COMING_BACK and back < world.day.end:
                self._fill_in(self._open(person, chance, max(back, sitting.time + MINUTE), sitting.diary, 2))
        return PlaceDay(TOUCH_POINT, self._journal.written, self._endings, [], [])

    def _open(self, person: Person, chance: random.Random, time: int, earlier: Diary | None, attempt: int) -> Sitting:
        diary = self._journal.open()
        diary.note(
            Arrived, time, customer=person.customer, segment=person.segment, task="health_claim", attempt=attempt,
            continues=earlier.interaction if earlier else None,
        )  # fmt: skip
        return Sitting(diary, person, chance, time, time)

    def _fill_in(self, sitting: Sitting) -> Outcome:
        """From signing in to the end; returns how it ended."""
        outcome = self._sign_in(sitting)
        for page in PAGES:
            outcome = outcome or self._fill_page(sitting, page)
        outcome = outcome or self._submit(sitting)
        diary, time = sitting.diary, sitting.time
        if outcome is Outcome.SAVED:
            diary.note(Saved, time)
        else:
            by = EndedBy.SYSTEM if outcome is Outcome.FAILED else EndedBy.CUSTOMER
            diary.note(Ended, time, outcome=outcome, by=by)
        self._endings.append(Ending(diary.interaction, sitting.person, sitting.arrived, time, None, outcome))
        return outcome

    def _sign_in(self, sitting: Sitting) -> Outcome | None:
        sitting.diary.note(StepViewed, sitting.time, step="sign_in")
        self._pass(sitting, 12.0)
        for operation in ("sign_in", "second_factor"):
            if not self._call(sitting, "identity", operation):
                return Outcome.ABANDONED
        return None

    def _fill_page(self, sitting: Sitting, page: Page) -> Outcome | None:
        diary, chance = sitting.diary, sitting.chance
        diary.note(StepViewed, sitting.time, step=page.name)
        self._pass(sitting, page.seconds)
        if chance.random() < HELP:
            diary.note(HelpOpened, sitting.time)
            self._pass(sitting, 15.0)
        while page.fields and chance.random() < FIELD_ERRORS:
            diary.note(FieldError, sitting.time, field=chance.choice(page.fields), code="invalid")
            self._pass(sitting, 10.0)
        if chance.random() < CLIENT_ERRORS:
            diary.note(ClientError, sitting.time, code="script")
        if page.name == "receipts":
            self._upload(sitting)
        luck = chance.random()
        if luck < GIVING_UP:
            return Outcome.ABANDONED
        return Outcome.SAVED if luck < GIVING_UP + SAVING else None

    def _upload(self, sitting: Sitting) -> None:
        for _ in range(sitting.chance.randint(1, MOST_RECEIPTS)):
            self._pass(sitting, 8.0)
            size = int(sitting.chance.lognormvariate(0, 0.6) * MEGABYTE)
            began = sitting.time
            sitting.time += size * SECOND // MEGABYTE  # a megabyte a second
            if self._call(sitting, "documents", "store"):
                sitting.diary.note(Uploaded, sitting.time, bytes=size, seconds=(sitting.time - began) / SECOND)

    def _submit(self, sitting: Sitting) -> Outcome:
        diary = sitting.diary
        while True:
            diary.note(SubmitAttempted, sitting.time)
            if sitting.chance.random() >= REFUSALS:
                break
            diary.note(SubmitRefused, sitting.time + SECOND // 2, code="incomplete")
            self._pass(sitting, 40.0)
        signed = self._call(sitting, "identity", "sign")
        return Outcome.SUBMITTED if signed and self._call(sitting, "documents", "file_claim") else Outcome.FAILED

    def _call(self, sitting: Sitting, system: str, operation: str) -> bool:
        work = self._world.systems.call(sitting.diary, system, operation, sitting.time, sitting.chance)
        sitting.time = work.time
        return work.done

    @staticmethod
    def _pass(sitting: Sitting, median_seconds: float) -> None:
        sitting.time += SECOND + int(sitting.chance.lognormvariate(0, PAGE_SIGMA) * median_seconds * SECOND)
