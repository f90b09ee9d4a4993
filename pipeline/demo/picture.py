"""The board as a picture, for pages: taken at the worst moment of the day, whatever the day was."""

import io
import re
from pathlib import Path
from typing import Final

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console

from pipeline.demo.board import draw
from pipeline.demo.snapshot import Snapshot
from pipeline.errors import ConfigError

WIDTH: Final = 168
# The format of rich without its fonts from somebody else's server.
FORMAT: Final = re.sub(r"\s*@font-face \{\{.*?\}\}", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
TITLE: Final = "touchpoint demo"


class WorstMoment:
    """Remembers the snapshot with the lowest mean score over the touch-points."""

    def __init__(self) -> None:
        """Nothing seen yet."""
        self.snapshot: Snapshot | None = None
        self._lowest = 100.0

    def see(self, snapshot: Snapshot) -> None:
        """Look at one more; moments at which fewer touch-points were at work count less."""
        scores = [place.score for place in snapshot.places if place.score is not None]
        mean = 100 - sum(100 - score for score in scores) / max(len(snapshot.places), 1)
        if self.snapshot is None or mean < self._lowest:
            self.snapshot, self._lowest = snapshot, mean

    def save(self, path: Path) -> None:
        """Write it as SVG. Raises ConfigError when the path cannot be written."""
        if self.snapshot is None:
            return
        try:
            path.write_text(svg(self.snapshot), encoding="utf-8")
        except OSError as error:
            message = f"--picture {path}: {error.strerror}"
            raise ConfigError(message) from error


def svg(snapshot: Snapshot) -> str:
    """The board as SVG; the same snapshot gives the same text."""
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    console.print(draw(snapshot, WIDTH))
    return console.export_svg(title=TITLE, code_format=FORMAT)
