"""Reads a scoring model from a plain document, or says everything that is wrong with it.

Owns the rules a model must keep; must not know files: `catalog_files.py` adds file and line to each mistake.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from pipeline.core.abandonment import best_when_abandoned
from pipeline.core.curves import Curve, ascends, is_monotone, make_curve
from pipeline.core.document import Mistake, Path, Section, did_you_mean, finite
from pipeline.core.events import Outcome
from pipeline.core.models import CAP_PREFIX, GROUPS, Cap, Element, Model, make_model
from pipeline.core.predicates import (
    APPLIES_WHEN_FORMS,
    CAP_FORMS,
    Always,
    Exceeds,
    Predicate,
    parse_predicate,
)
from pipeline.core.scoring import FAIR_FROM, FULL
from pipeline.core.signal_names import OPERATION_SIGNALS, OUTCOME, SIGNALS, find_signal

MODEL_FIELDS: Final = (
    "name",
    "version",
    "description",
    "applies_to",
    "valid_from",
    "coverage_floor",
    "elements",
    "caps",
)
ELEMENT_FIELDS: Final = ("signal", "weight", "owner", "applies_when", "curve", "table")
CAP_FIELDS: Final = ("when", "at_most", "owner", "group")
SIGNALS_LISTED: Final = (*SIGNALS, *(f"{prefix}.SYSTEM" for prefix in OPERATION_SIGNALS))
DEFAULT_COVERAGE_FLOOR: Final = 0.5
WEIGHT_TOLERANCE: Final = 1e-6
LEAST_KNOTS: Final = 2

_NAME: Final = re.compile(r"[a-z][a-z0-9_]*(/[a-z0-9_]+)*")
_WORD: Final = re.compile(r"[a-z][a-z0-9_]*")
_PATTERN: Final = re.compile(r"([\w.:-]+|\*)(/([\w.:-]+|\*))+")
_PATTERN_FORM: Final = ("segments divided by /, each a name or *, such as branch/*/teller",)


def read_model(document: object) -> tuple[Model | None, list[Mistake]]:
    """The model of a document, or None and all its mistakes."""
    mistakes: list[Mistake] = []
    section = Section(document, (), mistakes, MODEL_FIELDS)
    name = section.text("name")
    if name and not _NAME.fullmatch(name):
        section.wrong(("name",), f"bad name {name!r}", ("lower-case words divided by /, such as call_center/line",))
    version = section.whole("version", 1)
    description = section.text("description", "")
    applies_to = section.names("applies_to")
    check_patterns(section, "applies_to", applies_to)
    valid_from = section.time("valid_from")
    floor = section.number("coverage_floor", 0, 1, DEFAULT_COVERAGE_FLOOR)
    before = len(mistakes)
    elements = _read_elements(section)
    caps = _read_caps(section)
    # Judged unless a mistake hides what abandoning is worth; a wrong sum of weights or a missing owner does not.
    if not any(_hides_abandoning(mistake) for mistake in mistakes[before:]):
        _check_abandoning(section, elements, caps)
    if mistakes:
        return None, mistakes
    model = make_model(
        name=name,
        version=version,
        description=description,
        applies_to=applies_to,
        elements=tuple(elements),
        caps=tuple(caps),
        coverage_floor=DEFAULT_COVERAGE_FLOOR if floor is None else floor,
        valid_from=valid_from,
    )
    return model, []


def check_patterns(section: Section, field: str, patterns: tuple[str, ...]) -> None:
    """Each is the name of a touch-point or a pattern of names, and none stands there twice."""
    if not patterns and not section.mistakes:
        section.wrong((field,), "must name at least one touch-point", _PATTERN_FORM)
    for index, pattern in enumerate(patterns):
        if not _PATTERN.fullmatch(pattern):
            section.wrong((field, index), f"bad touch-point {pattern!r}", _PATTERN_FORM)
        elif pattern in patterns[:index]:
            section.wrong((field, index), f"{pattern!r} stands here twice")


def _read_elements(section: Section) -> list[Element]:
    content = section.content.get("elements")
    if not isinstance(content, Mapping) or not content:
        section.missing("elements", ("GROUP.NAME: {signal, weight, owner, curve or table, applies_when}",))
        return []
    elements = [_read_element(name, entry, section.mistakes) for name, entry in content.items()]
    weights = [element.weight for element in elements]
    if all(weights) and abs(sum(weights) - FULL) > WEIGHT_TOLERANCE:
        section.wrong(("elements",), f"the weights sum to {sum(weights):g}", ("a sum of 100",))
    return elements


def _read_element(name: object, entry: object, mistakes: list[Mistake]) -> Element:
    name = str(name)
    section = Section(entry, ("elements", name), mistakes, ELEMENT_FIELDS)
    group, _, word = name.partition(".")
    if group not in GROUPS or not _WORD.fullmatch(word):
        section.wrong((), f"bad element name {name!r}; must be GROUP.NAME", [f"{group}.NAME" for group in GROUPS])
    weight = section.number("weight", 0, FULL)
    if weight == 0:
        section.wrong(("weight",), "must be greater than 0; leave the element out instead")
    signal = _read_signal(section)
    curve, table = _read_values(section, signal)
    applies_when = _read_predicate(section, "applies_when", APPLIES_WHEN_FORMS, "always")
    return Element(
        name=name,
        signal=signal,
        weight=weight or 0.0,
        owner=section.text("owner"),
        applies_when=applies_when,
        curve=curve,
        table=table,
    )


def _read_signal(section: Section) -> str:
    if "signal" not in section.content:
        section.missing("signal", SIGNALS_LISTED)
        return ""
    signal = section.text("signal")
    if signal and find_signal(signal) is None:
        section.wrong(("signal",), f"unknown signal {signal!r}{did_you_mean(signal, SIGNALS_LISTED)}", SIGNALS_LISTED)
    return signal


def _read_values(section: Section, signal: str) -> tuple[Curve | None, dict[Outcome, float]]:
    """The curve, or for the signal `outcome` the value table."""
    wanted, other = ("table", "curve") if signal == OUTCOME else ("curve", "table")
    if other in section.content:
        section.wrong((other,), f"the signal {signal!r} takes a {wanted}, not a {other}")
    if wanted not in section.content:
        if other not in section.content:
            form = "{completed: 100, abandoned: 0}" if wanted == "table" else "[[20, 100], [60, 80], [600, 0]]"
            section.missing(wanted, (form,))
        return None, {}
    if wanted == "table":
        return None, _read_table(section)
    return _read_curve(section), {}


def _read_table(section: Section) -> dict[Outcome, float]:
    content = section.content["table"]
    if not isinstance(content, Mapping) or not content:
        section.wrong(("table",), "must give points to outcomes", tuple(Outcome))
        return {}
    table: dict[Outcome, float] = {}
    for outcome, value in content.items():
        points = finite(value)
        if outcome not in set(Outcome):
            section.wrong(
                ("table", str(outcome)),
                f"unknown outcome {outcome!r}{did_you_mean(str(outcome), tuple(Outcome))}",
                tuple(Outcome),
            )
        elif points is None or not 0 <= points <= FULL:
            section.wrong(("table", str(outcome)), f"points must not be {value!r}", ("a number from 0 to 100",))
        else:
            table[Outcome(outcome)] = points
    return table


def _read_curve(section: Section) -> Curve | None:
    content: Any = section.content["curve"]
    form = ("[[value, points], ...] with values ascending and points from 0 to 100, never rising or never falling",)
    if not isinstance(content, list) or len(content) < LEAST_KNOTS:
        section.wrong(("curve",), "must list at least two knots", form)
        return None
    knots = [_read_knot(section, index, knot) for index, knot in enumerate(content)]
    if any(knot is None for knot in knots):
        return None
    values, points = zip(*(knot for knot in knots if knot is not None), strict=True)
    if not ascends(values):
        section.wrong(("curve",), f"values must ascend, not run {_run(values)}", form)
        return None
    if not is_monotone(points):
        section.wrong(("curve",), f"not monotone: points run {_run(points)}", form)
        return None
    return make_curve(zip(values, points, strict=True))


def _read_knot(section: Section, index: int, knot: object) -> tuple[float, float] | None:
    if isinstance(knot, list) and len(knot) == LEAST_KNOTS:
        value, points = finite(knot[0]), finite(knot[1])
        if value is not None and points is not None and 0 <= points <= FULL:
            return value, points
    section.wrong(("curve", index), f"bad knot {knot!r}", ("[value, points from 0 to 100]",))
    return None


def _run(numbers: tuple[float, ...]) -> str:
    return ", ".join(f"{number:g}" for number in numbers)


def _read_caps(section: Section) -> list[Cap]:
    content = section.content.get("caps", {})
    if not isinstance(content, Mapping):
        section.wrong(("caps",), "must hold caps", ("NAME: {when, at_most, owner, group}",))
        return []
    return [_read_cap(str(name), entry, section.mistakes) for name, entry in content.items()]


def _read_cap(name: str, entry: object, mistakes: list[Mistake]) -> Cap:
    section = Section(entry, ("caps", name), mistakes, CAP_FIELDS)
    if not _WORD.fullmatch(name):
        section.wrong((), f"bad cap name {name!r}; its ledger line is {CAP_PREFIX}NAME", ("a lower-case word",))
    at_most = section.number("at_most", 0, FULL)
    group = section.text("group")
    if group and group not in GROUPS:
        section.wrong(("group",), f"unknown group {group!r}{did_you_mean(group, GROUPS)}", GROUPS)
    when = _read_predicate(section, "when", CAP_FORMS, None)
    return Cap(
        name=name, when=when, at_most=FULL if at_most is None else at_most, owner=section.text("owner"), group=group
    )


def _read_predicate(section: Section, name: str, forms: tuple[str, ...], default: str | None) -> Predicate:
    """A condition in one of the forms; `always` after a mistake."""
    if default is None and name not in section.content:
        section.missing(name, forms)
        return Always()
    text = section.text(name, default or "always")
    try:
        predicate = parse_predicate(text)
    except ValueError as error:
        section.wrong((name,), str(error), forms)
        return Always()
    if isinstance(predicate, Exceeds) and forms is not CAP_FORMS:
        section.wrong((name,), f"{text!r} compares a signal; only caps may", forms)
    return predicate


def _hides_abandoning(mistake: Mistake) -> bool:
    path: Path = mistake.path
    if path == ("elements",):
        return False
    return len(path) <= 1 or path[0] == "caps" or "table" in path or path[-1] in {"weight", "applies_when"}


def _check_abandoning(section: Section, elements: list[Element], caps: list[Cap]) -> None:
    """Nobody may earn a fair score by giving up early, before a person served them."""
    best = best_when_abandoned(elements, caps)
    if best >= FAIR_FROM:
        at = ("caps",) if "caps" in section.content else ("elements",)
        form = "a cap such as abandoned: {when: 'outcome in [abandoned]', at_most: 30, owner: ..., group: outcome}"
        section.wrong(at, f"abandoning early can score {best:.4g}, must stay below {FAIR_FROM:g}", (form,))
