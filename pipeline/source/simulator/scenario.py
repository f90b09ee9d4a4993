"""What goes wrong on the simulated day: four named scenarios, and how each can be moved.

Owns names, defaults and limits of the parameters. Times are milliseconds of the day, by the places' wall clock.
"""

import re
from collections.abc import Mapping
from typing import Final

from msgspec import Struct, structs

from pipeline.errors import ConfigError
from pipeline.source.simulator.business_day import FIRST_HOUR, HOUR, LAST_HOUR, MINUTE

BRANCHES: Final = ("001", "002", "003")
MAX_SEVERITY: Final = 5.0
MAX_LOAD: Final = 3.0
_CLOCK: Final = re.compile(r"([01]?[0-9]|2[0-4]):([0-5][0-9])")


class SlowSystem(Struct, frozen=True):
    """A backend system is slow and partly fails, everywhere. `severity` 1: 6 to 12 s, every fourth attempt fails."""

    system: str
    start: int
    end: int
    severity: float


class ShortBranch(Struct, frozen=True):
    """A branch without coffee, heating and all counters but one."""

    branch: str
    start: int
    end: int


class Scenario(Struct, frozen=True):
    """A day's circumstances. `load`: times as many customers as on a quiet day."""

    name: str
    load: float
    slow: SlowSystem | None
    short: ShortBranch | None


class Changes(Struct, frozen=True, kw_only=True):
    """What the caller wants otherwise; None leaves it as the scenario has it. Times such as `10:40`."""

    incident_start: str | None = None
    incident_end: str | None = None
    severity: float | None = None
    branch: str | None = None
    branch_start: str | None = None
    branch_end: str | None = None
    load: float | None = None


SLOW_IDENTITY: Final = SlowSystem("identity", 10 * HOUR + 40 * MINUTE, 11 * HOUR + 25 * MINUTE, 1.0)
SHORT_BRANCH: Final = ShortBranch("002", 13 * HOUR + 30 * MINUTE, 16 * HOUR + 30 * MINUTE)
SCENARIOS: Final = {
    scenario.name: scenario
    for scenario in (
        Scenario("quiet_day", 1.0, None, None),
        Scenario("identity_slow", 1.0, SLOW_IDENTITY, None),
        Scenario("no_coffee_one_counter", 1.0, None, SHORT_BRANCH),
        Scenario("busy_day", 1.15, SLOW_IDENTITY, SHORT_BRANCH),
    )
}


def choose(name: str, changes: Changes) -> Scenario:
    """The scenario of that name with the changes made. Raises ConfigError that names the option and valid values."""
    if name not in SCENARIOS:
        raise ConfigError(f"--scenario {name}: valid: {', '.join(SCENARIOS)}")
    scenario = SCENARIOS[name]
    load = scenario.load if changes.load is None else _within("--load", changes.load, MAX_LOAD)
    return structs.replace(scenario, load=load, slow=_slow(scenario, changes), short=_short(scenario, changes))


def _slow(scenario: Scenario, changes: Changes) -> SlowSystem | None:
    slow = scenario.slow
    wanted = {
        "--incident-start": changes.incident_start,
        "--incident-end": changes.incident_end,
        "--severity": changes.severity,
    }
    if slow is None:
        _refuse(scenario, wanted, "no system is slow")
        return None
    severity = slow.severity if changes.severity is None else _within("--severity", changes.severity, MAX_SEVERITY)
    start, end = _span("incident", (changes.incident_start, changes.incident_end), (slow.start, slow.end))
    return SlowSystem(slow.system, start, end, severity)


def _short(scenario: Scenario, changes: Changes) -> ShortBranch | None:
    short = scenario.short
    wanted = {
        "--branch": changes.branch,
        "--branch-start": changes.branch_start,
        "--branch-end": changes.branch_end,
    }
    if short is None:
        _refuse(scenario, wanted, "no branch is short of anything")
        return None
    branch = changes.branch or short.branch
    if branch not in BRANCHES:
        raise ConfigError(f"--branch {branch}: valid: {', '.join(BRANCHES)}")
    return ShortBranch(branch, *_span("branch", (changes.branch_start, changes.branch_end), (short.start, short.end)))


def _span(what: str, wanted: tuple[str | None, str | None], usual: tuple[int, int]) -> tuple[int, int]:
    """Start and end; a start moved alone moves the end along."""
    start = usual[0] if wanted[0] is None else _clock(f"--{what}-start", wanted[0])
    end = start + usual[1] - usual[0] if wanted[1] is None else _clock(f"--{what}-end", wanted[1])
    if start >= end:
        raise ConfigError(f"--{what}-end: {write_clock(end)} is not after the start, {write_clock(start)}")
    return start, end


def _clock(option: str, text: str) -> int:
    found = _CLOCK.fullmatch(text)
    time = int(found[1]) * HOUR + int(found[2]) * MINUTE if found else -1
    if not FIRST_HOUR * HOUR <= time <= LAST_HOUR * HOUR:
        raise ConfigError(f"{option} {text}: valid: a time from 0{FIRST_HOUR}:00 to {LAST_HOUR}:00, such as 10:40")
    return time


def write_clock(of_day: int) -> str:
    """A time of the day as `10:40`."""
    return f"{of_day // HOUR:02d}:{of_day % HOUR // MINUTE:02d}"


def _within(option: str, value: float, most: float) -> float:
    if not 0 < value <= most:
        raise ConfigError(f"{option} {value:g}: valid: above 0, at most {most:g}")
    return value


def _refuse(scenario: Scenario, wanted: Mapping[str, str | float | None], why: str) -> None:
    for option, value in wanted.items():
        if value is not None:
            raise ConfigError(f"{option}: in {scenario.name} {why}; see --scenario")
