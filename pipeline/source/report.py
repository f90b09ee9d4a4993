"""What an import did, in numbers: the one object that the command prints and tests read.

Holds no value of any row: rules, counts, lines.
"""

from collections import Counter
from typing import Any, Final

import msgspec

MISTAKES_NAMED: Final = 20


class ImportReport(msgspec.Struct, kw_only=True):
    """Counts of one import. `rows` = skipped + bad_rows + duplicate_rows + rows that gave the `events`.

    `repaired` counts by rule (`TIME.RULE`, as in the mapping); a row may be repaired by several. `sent` are events that
    Kafka acknowledged.
    """

    file: str
    rows: int = 0
    skipped: Counter[str] = msgspec.field(default_factory=Counter)
    repaired: Counter[str] = msgspec.field(default_factory=Counter)
    duplicate_rows: int = 0
    bad_rows: int = 0
    conflicts: int = 0
    interactions: int = 0
    events: int = 0
    sent: int = 0
    interrupted: bool = False
    spilled_bytes: int = 0
    read_seconds: float = 0.0
    send_seconds: float = 0.0
    mistakes: list[str] = []

    def mistake(self, text: str) -> None:
        """Keep the sentence about a mistake, if it is among the first."""
        if len(self.mistakes) < MISTAKES_NAMED:
            self.mistakes.append(text)

    def as_json(self) -> dict[str, Any]:
        """The report as one object; rules that never took effect are there with 0."""
        found: dict[str, Any] = msgspec.to_builtins(self)
        return found
