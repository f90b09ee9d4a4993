"""Draws a snapshot for a terminal: one line for each touch-point, under one line about the whole.

Pure: the same snapshot and width give the same picture. Owns widths, colours and wording.
"""

from collections.abc import Sequence
from typing import Final

from rich.console import Group, JustifyMethod
from rich.table import Table
from rich.text import Text

from pipeline.core.scoring import band_of
from pipeline.demo.snapshot import Place, Snapshot

STYLES: Final = {"good": "green", "fair": "yellow", "poor": "bold red", "unscored": "dim"}
BLOCKS: Final = "▁▂▃▄▅▆▇█"
# What a sparkline shows: below 30 there is little to tell apart.
LOWEST_SHOWN: Final = 30.0
# Columns and the cells of a sparkline from this terminal width on; the first that fits.
ONE_LINE: Final = ("touch-point", "now", "so far", "open", "waiting", "longest", "dearest element", "points", "owner")
TWO_LINES: Final = ("touch-point", "now", "so far", "open", "longest", "dearest element, owner")
LAYOUTS: Final = ((165, ONE_LINE, 36), (140, ONE_LINE, 12), (90, TWO_LINES, 12), (0, TWO_LINES, 8))
LEAST: Final = 5  # `100.0`
NUMBERS: Final = frozenset({"now", "open", "waiting", "longest", "points"})
UNKNOWN: Final = "-"


def draw(snapshot: Snapshot, width: int) -> Group:
    """The board for a terminal of `width` columns."""
    if snapshot.now is None:
        return Group(Text("waiting for the first interactions", style="dim"))
    columns, cells = next((columns, cells) for least, columns, cells in LAYOUTS if width >= least)
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for title in columns:
        justify: JustifyMethod = "right" if title in NUMBERS else "left"
        least = cells if title == "so far" else max(len(title.partition(",")[0]), LEAST)
        table.add_column(title, min_width=least, justify=justify, no_wrap=True, overflow="ellipsis")
    for place in snapshot.places:
        row = _row(place, cells)
        table.add_row(*(row[title] for title in columns))
    return Group(Text.assemble(*_headline(snapshot)), table)


def _row(place: Place, cells: int) -> dict[str, Text]:
    style = STYLES[place.band]
    dearest = place.element if place.points > 0 else ""
    points = f"-{place.points:.1f}" if dearest else ""
    return {
        "touch-point": Text(place.touch_point),
        "now": Text(UNKNOWN if place.score is None else f"{place.score:.1f}", style=style),
        "so far": sparkline(place.half_hours, cells),
        "open": Text(f"{place.n_open:,}"),
        "waiting": Text(f"{place.n_waiting:,}"),
        "longest": Text(duration(place.longest_wait_seconds)),
        "dearest element": Text(dearest, style=style),
        "points": Text(points, style=style),
        "owner": Text(place.owner if dearest else ""),
        "dearest element, owner": Text.assemble((f"{dearest} {points}", style), f"\n{place.owner if dearest else ''}"),
    }


def _headline(snapshot: Snapshot) -> list[Text | str]:
    now, flow = snapshot.now, snapshot.flow
    assert now is not None  # noqa: S101 - `draw` looked
    rate = UNKNOWN if flow.events_per_second is None else f"{flow.events_per_second:,.0f}"
    lag = UNKNOWN if flow.lag_seconds is None else f"{flow.lag_seconds:.1f}"
    coverage = UNKNOWN if snapshot.coverage is None else f"{snapshot.coverage:.0%}"
    return [
        Text(f"{now:%A %Y-%m-%d %H:%M}", style="bold"),
        f"  {rate} events/s, lag {lag} s",
        f"  {snapshot.n:,} interactions, coverage {coverage}, {snapshot.n_unscored:,} unscored,",
        f" {snapshot.n_rejected:,} rejected",
    ]


def sparkline(scores: Sequence[float | None], cells: int) -> Text:
    """The scores as blocks in the colours of their bands, at most `cells`: of neighbours that share one the worst."""
    share = -(-len(scores) // cells) or 1
    line = Text()
    for start in range(0, len(scores), share):
        known = [score for score in scores[start : start + share] if score is not None]
        line.append(*(_block(min(known)) if known else (" ", "")))
    return line


def _block(score: float) -> tuple[str, str]:
    height = (score - LOWEST_SHOWN) / (100 - LOWEST_SHOWN) * (len(BLOCKS) - 1)
    return BLOCKS[max(0, round(height))], STYLES[band_of(score)]


def duration(seconds: float | None) -> str:
    """`0:45`, `12:03`, `1:02:03`."""
    if seconds is None:
        return ""
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minutes}:{second:02}"
