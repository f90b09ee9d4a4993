"""What the demo says when the day is over: what happened, how to ask on, where to look.

Owns the questions that lead to the story and the commands at the end; the words of the story are in `story.py`.
"""

import os
import shutil
import sys
from pathlib import Path
from typing import Final

from msgspec import Struct, structs

from pipeline.demo import questions
from pipeline.demo.snapshot import ask
from pipeline.demo.story import Day, Drop, Finding, Loss, command, deepest, losses_question, read_drop, tell
from pipeline.demo.story import write as write_findings
from pipeline.settings_sources import variable
from pipeline.sink.clickhouse import ClickHouse

SECTION: Final = ("", "")
COMMAND: Final = "touchpoint"
COMMENT: Final = "# "


class Ending(Struct, frozen=True):
    """Everything that is said. `worst` is the id of the interaction that lost the most in the deepest drop."""

    state_dir: Path
    metrics_url: str
    day: Day
    drops: list[Drop]
    findings: list[Finding]
    worst: str | None


def look_back(clickhouse: ClickHouse, state: Path, metrics_url: str) -> Ending:
    """Ask the views what happened. Raises as ClickHouse.query does."""
    drops = [_with_losses(clickhouse, read_drop(row)) for row in ask(clickhouse, questions.DROPS)]
    day = Day(**ask(clickhouse, questions.DAY)[0])
    return Ending(state, metrics_url, day, drops, tell(drops, day), _worst(clickhouse, drops))


def write(ending: Ending, *, once: bool) -> list[str]:
    """The ending as lines. With `once` everything is about to stop, without it stays up."""
    return [*SECTION, "WHAT HAPPENED", *write_findings(ending.findings), *_go_on(ending, once=once)]


def _with_losses(clickhouse: ClickHouse, drop: Drop) -> Drop:
    losses = tuple(Loss(**row) for row in ask(clickhouse, losses_question(drop)))
    return structs.replace(drop, losses=losses)


def _worst(clickhouse: ClickHouse, drops: list[Drop]) -> str | None:
    drop = deepest(drops)
    sql = (
        questions.WORST_OF_ALL
        if drop is None
        else questions.worst_interaction(drop.touch_point, drop.local_from, drop.local_until)
    )
    found = ask(clickhouse, sql)
    return str(found[0]["interaction_id"]) if found else None


def _go_on(ending: Ending, *, once: bool) -> list[str]:
    lines = [*SECTION, "ASK ON (here, in another terminal)" if not once else "ASK ON", ""]
    if shutil.which(COMMAND) is None:
        lines.append(f"source {os.path.relpath(sys.prefix)}/bin/activate")
    lines.append(f"export {variable('state_dir')}={ending.state_dir}")
    if once:
        lines.append(f"touchpoint stack up   {COMMENT}the demo has stopped it; its data stay until the next demo")
    for question, sql in questions.TO_TRY:
        lines.append(f"{command(sql)}   {COMMENT}{question}")
    if ending.worst is not None:
        lines.append(
            f"touchpoint explain {ending.worst}   {COMMENT}why did this customer suffer, and who can change it"
        )
    if not once:
        lines += [f"curl {ending.metrics_url}   {COMMENT}what Prometheus reads", "", "Ctrl-C stops everything."]
    return lines
