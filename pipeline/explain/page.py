"""Lays an explanation out for people: plain lines of text, no terminal needed.

Owns widths and wording of the page; what it says, `explanation.py` and `ledger.py` know.
"""

import datetime as dt
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from typing import Final
from zoneinfo import ZoneInfo

from pipeline.core.curves import Point
from pipeline.explain.explanation import Explanation, instant, notes, sentence
from pipeline.explain.interaction_row import InteractionRow
from pipeline.explain.ledger import Line, Unknown
from pipeline.stream.timeline import Moment

WIDTH: Final = 100
BAR_CELLS: Final = 20
EIGHTHS: Final = " ▏▎▍▌▋▊▉"
FULL_CELL: Final = "█"
GAP: Final = "  "
UNITS: Final = {"seconds": " s", "count": "", "ratio": ""}


def lay_out(found: Explanation) -> Iterator[str]:
    """The page, line by line."""
    row, zone = found.row, ZoneInfo(found.row.time_zone)
    yield f"{row.interaction_id} at {row.touch_point}, {_state(row)}"
    yield from textwrap.wrap(sentence(found), WIDTH)
    yield ""
    yield from _about(found, zone)
    yield from _section("WHAT COST THE POINTS", list(_ledger(found.ledger.lines)))
    yield from _section("WHO CAN CHANGE IT", list(_owners(found.ledger.by_owner)))
    yield from _section("NOT KNOWN (costs coverage, never points)", list(_unknown(found.ledger.unknown)))
    yield from _section("WHILE IT LASTED", list(_meanwhile(row)))
    yield from _section(f"WHAT HAPPENED (time in {row.time_zone})", list(_timeline(found, zone)))
    remarks = (textwrap.wrap(note, WIDTH, initial_indent=GAP, subsequent_indent=GAP) for note in notes(found))
    yield from _section("NOTE", [line for lines in remarks for line in lines])


def _section(title: str, lines: Sequence[str]) -> Iterator[str]:
    if lines:
        yield ""
        yield title
        yield from lines


def _state(row: InteractionRow) -> str:
    words = {"open": "still open", "timed_out": "timed out"}
    return words.get(row.state, row.outcome or row.state)


def _about(found: Explanation, zone: ZoneInfo) -> Iterator[str]:
    row = found.row
    score = "none" if row.score is None else f"{row.score:.1f} of 100, {found.band}"
    yield f"score     {score} (between {row.score_low:.1f} and {row.score_high:.1f}, coverage {row.coverage:.0%})"
    times = [f"started {_local(row.started_at, zone)}"]
    if row.served_at:
        times.append(f"served {_since(row.served_at - row.started_at)}")
    if row.ended_at:
        times.append(f"ended {_since(row.ended_at - row.started_at)}")
    yield f"time      {', '.join(times)}"
    context = {
        "team": row.team, "task": row.task, "segment": row.segment, "priority": row.priority,
        "appointment": row.appointment, "attempt": row.attempt, "continues": row.continues,
    }  # fmt: skip
    said = [f"{name} {_plain(value)}" for name, value in context.items() if value is not None]
    if said:
        yield f"context   {', '.join(said)}"
    yield f"model     {row.model} version {row.model_version}, fingerprint {row.model_fingerprint}"
    counted = [_count(row.events, "event"), *([_count(row.duplicates, "duplicate")] if row.duplicates else [])]
    yield f"records   {', '.join(counted)}; partition {row.partition} from offset {row.first_offset}"


def _ledger(lines: Sequence[Line]) -> Iterator[str]:
    most = max((line.points or 0.0 for line in lines), default=0.0)
    cells = [
        (
            "-" if line.points is None else f"{line.points:.1f}",
            bar(line.points or 0.0, most),
            line.element,
            why(line),
            "" if line.weight is None else f"weight {line.weight:g}",
            line.owner or "",
        )
        for line in lines
    ]
    yield from columns(cells, right=(0,))


def _owners(by_owner: dict[str, float]) -> Iterator[str]:
    yield from columns([(f"{points:.1f}", owner) for owner, points in by_owner.items()], right=(0,))


def _unknown(unknown: Sequence[Unknown]) -> Iterator[str]:
    yield from columns([(one.element, one.signal, f"weight {one.weight:g}", one.owner) for one in unknown])


def _meanwhile(row: InteractionRow) -> Iterator[str]:
    yield f"{GAP}conditions: {', '.join(row.active_conditions) or 'none known'}"
    worked = ", ".join(f"{system} {_number(seconds)} s" for system, seconds in sorted(row.system_seconds.items()))
    if worked:
        yield f"{GAP}systems at work during service: {worked}"


def _timeline(found: Explanation, zone: ZoneInfo) -> Iterator[str]:
    cells = []
    for moment in found.timeline.moments:
        time = instant(moment.time)
        cells.append((_local(time, zone), _since(time - found.row.started_at), moment.kind, _details(moment)))
    yield from columns(cells)
    traces = sorted({moment.traceparent for moment in found.timeline.moments if moment.traceparent})
    yield from (f"{GAP}traceparent {trace}" for trace in traces)


def _details(moment: Moment) -> str:
    said = [f"{name} {_plain(value)}{' s' if name == 'seconds' else ''}" for name, value in moment.fields.items()]
    return ", ".join([*said, *([f"[{moment.remark}]"] if moment.remark else [])])


def why(line: Line) -> str:
    """The value and where it lies on its curve or table, or what a cap does."""
    if line.rule is not None:
        return line.rule
    if line.value is None:
        return ""
    if isinstance(line.value, str):
        return f"{line.value} → {line.worth:g}"
    unit = UNITS.get(line.unit or "", "")
    value = _number(line.value) + unit
    return value if line.stretch is None else f"{value} {_stretch(line.value, line.stretch, unit)}"


def _stretch(value: float, stretch: tuple[Point, Point], unit: str) -> str:
    (left, left_points), (right, right_points) = stretch
    if left == right:
        where = "up to" if value <= left else "from"
        return f"{where} {left:g}{unit} → {left_points:g}"
    return f"between {left:g}{unit} → {left_points:g} and {right:g}{unit} → {right_points:g}"


def bar(points: float, most: float) -> str:
    """Points as a bar that the dearest line fills."""
    eighths = round(8 * BAR_CELLS * points / most) if most > 0 else 0
    whole, rest = divmod(eighths, 8)
    return (FULL_CELL * whole + (EIGHTHS[rest] if rest else "")).ljust(BAR_CELLS)


def columns(rows: Sequence[tuple[str, ...]], right: Iterable[int] = ()) -> Iterator[str]:
    """Rows of equal length with their cells under each other; empty columns are left out."""
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    to_the_right = frozenset(right)
    for row in rows:
        cells = [
            cell.rjust(width) if number in to_the_right else cell.ljust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
            if width
        ]
        yield (GAP + GAP.join(cells)).rstrip()


def _local(time: dt.datetime, zone: ZoneInfo) -> str:
    return f"{time.astimezone(zone):%Y-%m-%d %H:%M:%S}"


def _since(time: dt.timedelta) -> str:
    seconds = round(time.total_seconds())
    minutes, second = divmod(abs(seconds), 60)
    hours, minute = divmod(minutes, 60)
    clock = f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"
    return f"{'-' if seconds < 0 else '+'}{clock}"


def _number(value: float) -> str:
    return f"{value:,.3f}".rstrip("0").rstrip(".")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return _number(value) if isinstance(value, float) else str(value)
