"""What staff do for a customer: talk and work with backend systems, stage by stage.

Owns the shape of a service; which matters there are, each channel says. Must not know lines.
"""

import random
from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from pipeline.core.events import Step
from pipeline.source.simulator.business_day import SECOND
from pipeline.source.simulator.journal import Diary
from pipeline.source.simulator.systems import Systems

TALK_SHAPE: Final = 4.0  # of a gamma distribution: coefficient of variation 1/2
SHORTEST_TALK_SECONDS: Final = 10.0

# A system, and what it is asked to do.
Call = tuple[str, str]


class Stage(Struct, frozen=True):
    """A part of the service: a share of the talk, then work with systems, one call after the other."""

    name: str
    share: float
    calls: tuple[Call, ...]


class Task(Struct, frozen=True):
    """A matter that customers come with: how often, how long the talk, and the stages in order."""

    name: str
    weight: float
    talk_seconds: float
    stages: tuple[Stage, ...]


def draw_task(tasks: Sequence[Task], chance: random.Random) -> tuple[Task, int]:
    """A matter and the milliseconds of talk it takes this customer."""
    task = chance.choices(tasks, [each.weight for each in tasks])[0]
    seconds = chance.gammavariate(TALK_SHAPE, task.talk_seconds / TALK_SHAPE)
    return task, int(max(seconds, SHORTEST_TALK_SECONDS) * SECOND)


def perform(  # noqa: PLR0913 - who does what for whom, when, with which systems, by whose luck
    task: Task, talk: int, diary: Diary, time: int, *, systems: Systems, chance: random.Random, noting: bool
) -> tuple[int, bool]:
    """Go through the stages from `time` on; returns when it is over and whether all was done.

    A stage whose system fails is begun again; one whose system gives up ends the service. `noting`: write the steps
    down, those in vain too.
    """
    for stage in task.stages:
        began = time
        time += int(talk * stage.share)
        for system, operation in stage.calls:
            time, done, failed_at = systems.call(diary, system, operation, time, chance)
            if noting and failed_at is not None:
                _note_step(diary, stage, began, failed_at, ok=False)
                began = failed_at
            if not done:
                return time, False
        if noting:
            _note_step(diary, stage, began, time, ok=True)
    return time, True


def _note_step(diary: Diary, stage: Stage, began: int, time: int, *, ok: bool) -> None:
    diary.note(Step, time, name=stage.name, seconds=(time - began) / SECOND, ok=ok)
