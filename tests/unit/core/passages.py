"""Passages and the model of the worked examples, as tests of scoring write them down."""

import copy
from typing import Any, Final

from pipeline.core.events import Outcome
from pipeline.core.model_check import read_model
from pipeline.core.models import Model
from pipeline.core.passage import Passage

WORKED: Final[dict[str, Any]] = {
    "name": "worked_example",
    "version": 1,
    "applies_to": ["call_center/*/line"],
    "elements": {
        "wait.line": {
            "signal": "wait_seconds",
            "weight": 30,
            "owner": "branch management",
            "curve": [[20, 100], [60, 80], [180, 30], [600, 0]],
        },
        "effort.transfers": {
            "signal": "transfers",
            "weight": 15,
            "owner": "routing",
            "applies_when": "served",
            "curve": [[0, 100], [1, 60], [3, 0]],
        },
        "people.hold": {
            "signal": "hold_seconds",
            "weight": 10,
            "owner": "operations",
            "applies_when": "served",
            "curve": [[30, 100], [300, 0]],
        },
        "system.identity": {
            "signal": "operation_seconds.identity",
            "weight": 15,
            "owner": "identity platform",
            "applies_when": "operation.identity",
            "curve": [[1, 100], [3, 80], [10, 0]],
        },
        "outcome.result": {
            "signal": "outcome",
            "weight": 30,
            "owner": "operations",
            "table": {"completed": 100, "abandoned": 0},
        },
    },
    "caps": {
        "abandoned": {"when": "outcome in [abandoned]", "at_most": 30, "owner": "operations", "group": "outcome"},
    },
}


def worked() -> dict[str, Any]:
    """A copy of the document that a test may spoil."""
    return copy.deepcopy(WORKED)


def model_of(document: dict[str, Any]) -> Model:
    """The model of a document that has no mistakes."""
    model, mistakes = read_model(document)
    assert model is not None, mistakes
    return model


def passage(
    signals: dict[str, float] | None = None,
    outcome: Outcome | None = None,
    *,
    queued: bool = True,
    served: bool = False,
    operations: frozenset[str] = frozenset(),
) -> Passage:
    """A passage of which only what scoring reads is told."""
    return Passage(
        started_at=0,
        served_at=1 if served else None,
        ended_at=None if outcome is None else 2,
        outcome=outcome,
        queued=queued,
        served=served,
        operations=operations,
        signals=signals or {},
        system_seconds={},
    )
