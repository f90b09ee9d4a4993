"""Reading a plain document (mappings, lists, scalars) field by field, collecting every mistake instead of the first.

Owns what a field may hold and how a mistake is worded; must not know which file or line a field stands in.
"""

import difflib
import math
import re
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, Final

from msgspec import Struct

from pipeline.core.events import milliseconds

Path = tuple[str | int, ...]

_DURATION: Final = re.compile(r"(\d{1,9})(ms|s|m|h|d)")
_MILLISECONDS: Final = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_BARE: Final = re.compile(r"\w+")


class Mistake(Struct, frozen=True):
    """What is wrong with one field, and what it may be instead."""

    path: Path
    message: str
    valid: tuple[str, ...] = ()

    @property
    def field(self) -> str:
        """The path as people write it: `elements[wait.queue].curve[2]`."""
        parts = [f".{part}" if isinstance(part, str) and _BARE.fullmatch(part) else f"[{part}]" for part in self.path]
        return "".join(parts).removeprefix(".")


class Section:
    """A mapping in the document. Each reader gives the field's value, or notes a mistake and gives a harmless one."""

    def __init__(self, content: object, path: Path, mistakes: list[Mistake], fields: Collection[str]) -> None:
        self.path = path
        self.mistakes = mistakes
        self.content: Mapping[Any, Any] = content if isinstance(content, Mapping) else {}
        if not isinstance(content, Mapping):
            self.wrong((), f"must hold fields, not {_shown(content)}", tuple(fields))
        for name in self.content:
            if name not in fields:
                self.wrong((name,), f"unknown field{did_you_mean(str(name), fields)}", tuple(fields))

    def wrong(self, below: Path, message: str, valid: Collection[str] = ()) -> None:
        """Note a mistake at a path below this section."""
        self.mistakes.append(Mistake(self.path + below, message, tuple(map(str, valid))))

    def missing(self, name: str, valid: Collection[str] = ()) -> None:
        """Note that a field is missing."""
        self.wrong((), f"field {name!r} is missing", valid)

    def text(self, name: str, default: str | None = None) -> str:
        """A string that is not blank."""
        if name not in self.content:
            if default is None:
                self.missing(name)
            return default or ""
        value = self.content[name]
        if not isinstance(value, str) or not value.strip():
            self.wrong((name,), f"must be text, not {_shown(value)}")
            return default or ""
        return value.strip()

    def number(self, name: str, low: float, high: float, default: float | None = None) -> float | None:
        """A finite number in low..high; None after a mistake."""
        if name not in self.content:
            if default is None:
                self.missing(name, (f"a number from {low:g} to {high:g}",))
            return default
        value = finite(self.content[name])
        if value is None or not low <= value <= high:
            valid = (f"a number from {low:g} to {high:g}",)
            what = "must be a number, not" if value is None else "out of range:"
            self.wrong((name,), f"{what} {_shown(self.content[name])}", valid)
            return None
        return value

    def whole(self, name: str, low: int) -> int:
        """A whole number of at least `low`."""
        value = self.content.get(name)
        if type(value) is int and value >= low:
            return value
        valid = (f"a whole number from {low}",)
        if name in self.content:
            self.wrong((name,), f"must be a whole number, not {_shown(value)}", valid)
        else:
            self.missing(name, valid)
        return low

    def names(self, name: str, valid: Collection[str] = (), default: tuple[str, ...] | None = None) -> tuple[str, ...]:
        """A list of strings, each one of `valid` if that is given."""
        if name not in self.content:
            if default is None:
                self.missing(name, valid)
            return default or ()
        value = self.content[name]
        if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
            self.wrong((name,), f"must be a list of names, not {_shown(value)}", valid)
            return default or ()
        for index, item in enumerate(value):
            if valid and item not in valid:
                self.wrong((name, index), f"unknown {item!r}{did_you_mean(item, valid)}", valid)
        return tuple(value)

    def time(self, name: str) -> int | None:
        """An RFC 3339 time with a zone, in epoch milliseconds; None when the field is not there."""
        value = self.content.get(name)
        if value is None:
            return None
        try:
            time = datetime.fromisoformat(str(value))
        except ValueError:
            time = None
        if time is None or time.tzinfo is None:
            self.wrong((name,), f"must be a time with a zone, not {_shown(value)}", ("2026-03-01T00:00:00+01:00",))
            return None
        return milliseconds(time)

    def duration(self, name: str, default: int) -> int:
        """A duration such as `15m`, in milliseconds, greater than zero."""
        if name not in self.content:
            return default
        found = _DURATION.fullmatch(str(self.content[name]))
        duration = int(found[1]) * _MILLISECONDS[found[2]] if found else 0
        if not duration:
            valid = ("500ms", "90s", "15m", "2h", "1d")
            self.wrong((name,), f"must be a duration, not {_shown(self.content[name])}", valid)
        return duration or default


def finite(value: object) -> float | None:
    """The value as a float if it is a finite number (truth values are none)."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def did_you_mean(word: str, valid: Collection[str]) -> str:
    """`; did you mean 'x'?` for the nearest valid word, or nothing."""
    near = difflib.get_close_matches(word, valid, n=1)
    return f"; did you mean '{near[0]}'?" if near else ""


def _shown(value: object) -> str:
    text = "nothing" if value is None else repr(value)
    return text if len(text) <= 60 else text[:57] + "..."  # noqa: PLR2004 - fits one line of a terminal
