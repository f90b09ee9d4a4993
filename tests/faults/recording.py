"""Recorded calls to import: the bank's, where that file is, else invented ones of the same shape."""

import gzip
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple

COLUMNS: Final = (
    "vru+line", "call_id", "customer_id", "priority", "type", "date", "vru_entry", "vru_exit", "vru_time", "q_start",
    "q_exit", "q_time", "outcome", "ser_start", "ser_exit", "ser_time", "server",
)  # fmt: skip
CALLS: Final = 20_000
DAYS: Final = 28


class Recorded(NamedTuple):
    """A file with what an import must make of it."""

    file: Path
    interactions: int
    events: int
    days: float

    def speed(self, seconds: float) -> str:
        """For an import that lasts about so long."""
        return f"{self.days * 86_400 / seconds:.0f}x"


def invent(path: Path, seed: int = 1) -> Recorded:
    """Write calls that nobody made."""
    chance = random.Random(seed)
    events = 0
    with gzip.open(path, "wt", encoding="ascii", newline="") as file:
        file.write("\t".join(COLUMNS) + "\r\n")
        for number in range(CALLS):
            row, count = _call(chance, number)
            events += count
            file.write("\t".join(row) + "\r\n")
    return Recorded(path, CALLS, events, DAYS)


def _call(chance: random.Random, number: int) -> tuple[tuple[str, ...], int]:
    entry = datetime(1999, 2, 1, 6, tzinfo=UTC) + timedelta(
        days=chance.randrange(DAYS), seconds=chance.randrange(50_000)
    )
    left = entry + timedelta(seconds=chance.randrange(3, 60))
    queued, served = chance.random() < 0.6, chance.random() < 0.8
    wait = timedelta(seconds=chance.randrange(1, 600)) if queued else timedelta()
    talk = timedelta(seconds=chance.randrange(20, 1500))
    begun = left + wait

    def stay(start: datetime, length: timedelta, *, seen: bool) -> tuple[str, str, str]:
        if not seen:
            return ("0:00:00", "0:00:00", "0")
        return (f"{start:%H:%M:%S}", f"{start + length:%H:%M:%S}", f"{length.seconds}")

    row = (
        f"XX{number % 20:04}", f"{number}", "0", "0", "PS", f"{entry:%y%m%d}", f"{entry:%H:%M:%S}", f"{left:%H:%M:%S}",
        f"{(left - entry).seconds}", *stay(left, wait, seen=queued), "AGENT" if served else "HANG",
        *stay(begun, talk, seen=served), "NO_SERVER",
    )  # fmt: skip
    return row, 4 + queued + served
