"""The recorded bank calls, read with the csv module alone: what tests judge the pipeline by.

Shares no code with the pipeline. The file is no part of this repository: TOUCHPOINT_TEST_DATA names its folder, else
`../shared/data` beside the checkout is looked at.
"""

import csv
import gzip
import os
from pathlib import Path
from typing import NamedTuple

NAME = "technion_anonymous_bank_1999-02.tsv.gz"


class Call(NamedTuple):
    """One call as recorded: `wait_seconds` in the queue, 0 if it never queued."""

    interaction: str
    outcome: str
    wait_seconds: int
    hour: str


def data_file() -> Path | None:
    """The recorded file, None where it is not there."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    path = Path(os.environ.get("TOUCHPOINT_TEST_DATA", beside)) / NAME
    return path if path.is_file() else None


def recorded_calls(path: Path) -> list[Call]:
    """All calls but those that the source says to ignore."""
    with gzip.open(path, "rt", encoding="ascii", newline="") as lines:
        rows = list(csv.DictReader(lines, delimiter="\t"))
    return [
        Call(
            interaction=f"{row['vru+line']}-{row['date']}-{row['call_id']}",
            outcome={"AGENT": "completed", "HANG": "abandoned"}[row["outcome"]],
            wait_seconds=int(row["q_time"]),
            hour=f"{row['date']} {row['vru_entry'].split(':')[0]}",
        )
        for row in rows
        if row["outcome"] != "PHANTOM"
    ]


def personal_texts(path: Path) -> frozenset[str]:
    """Names of staff and numbers of customers, to look for where they must not be."""
    with gzip.open(path, "rt", encoding="ascii", newline="") as lines:
        rows = list(csv.DictReader(lines, delimiter="\t"))
    staff = {row["server"] for row in rows} - {"NO_SERVER"}
    return frozenset(staff | {row["customer_id"] for row in rows} - {"0", ""})
