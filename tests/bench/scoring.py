"""Microseconds of `score` for shipped models: `python -m tests.bench.scoring`.

The best of many rounds is shown, since other work on the machine only ever adds time. Exits 1 above the limit.
"""

import sys
import timeit
from functools import partial
from pathlib import Path
from typing import Final

from pipeline.catalog_files import load_catalog
from pipeline.core.events import Outcome
from pipeline.core.models import Model
from pipeline.core.passage import Passage
from pipeline.core.scoring import score
from tests.unit.core.passages import passage

LIMIT_MICROSECONDS: Final = 6.0
ROUNDS: Final = 10
CALLS: Final = 20_000
NAMES: Final = ("call_center/regular/line", "branch/042/teller", "online_form/health_claim")
RECORDED: Final = {"wait_seconds": 50.0, "self_service_seconds": 10.0, "service_seconds": 107.0}


def everything_observed(model: Model) -> Passage:
    """A passage in which every element of the model applies and is known."""
    signals = {element.signal: 2.0 for element in model.elements if element.curve}
    return passage(signals, Outcome.COMPLETED, served=True, operations=model.systems | {"other"})


def microseconds(model: Model, seen: Passage) -> float:
    """Best time of one call."""
    rounds = timeit.repeat(partial(score, model, seen), number=CALLS, repeat=ROUNDS)
    return min(rounds) / CALLS * 1e6


def main() -> int:
    """Print a line for each case; 1 if one is over the limit."""
    catalog = load_catalog(Path(__file__).parents[2] / "schemas")
    models = {name: found.model for name in NAMES if (found := catalog.resolve(name, 0))}
    cases = {f"{name}, all observed": (model, everything_observed(model)) for name, model in models.items()}
    recorded = passage(RECORDED, Outcome.COMPLETED, served=True)
    cases["a recorded call, served"] = (models[NAMES[0]], recorded)
    worst = 0.0
    for label, (model, seen) in cases.items():
        took = microseconds(model, seen)
        worst = max(worst, took)
        sys.stdout.write(f"{label}: {took:.2f} µs, {len(model.elements)} elements\n")
    return int(worst > LIMIT_MICROSECONDS)


if __name__ == "__main__":
    sys.exit(main())
