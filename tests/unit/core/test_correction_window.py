"""How long evidence still counts does not depend on the order in which the beginning and the end of a customer came."""

from itertools import permutations
from pathlib import Path

import pytest

from pipeline.catalog_files import load_catalog
from pipeline.core.events import Arrived, Ended, InteractionEvent, Outcome, RejectReason, Served, Step
from pipeline.core.record import Decoded
from pipeline.core.shard import Shard

CATALOG = load_catalog(Path(__file__).parents[3] / "schemas")
TOUCH_POINT = "branch/1/teller"
NOW = 1_790_000_000_000
MINUTE = 60_000

LIFE: list[InteractionEvent] = [
    Arrived(interaction="i", touch_point=TOUCH_POINT, time=NOW),
    Served(interaction="i", touch_point=TOUCH_POINT, time=NOW + MINUTE),
    Ended(interaction="i", touch_point=TOUCH_POINT, time=NOW + 2 * MINUTE, outcome=Outcome.COMPLETED),
]


def fold(shard: Shard, event: InteractionEvent, stamp: int) -> None:
    time = event.time
    assert isinstance(time, int)
    place, offset = CATALOG.resolve(TOUCH_POINT, stamp), shard.position
    shard.fold(Decoded(offset, stamp, time, event.interaction, str(offset), 0, event, place), offset)


@pytest.mark.parametrize("order", list(permutations(range(len(LIFE)))))
def test_what_comes_after_the_correction_window_is_late_in_any_order(order: tuple[int, ...]) -> None:
    shard = Shard(CATALOG, 0)
    for number in order:
        fold(shard, LIFE[number], NOW + 2 * MINUTE)
    fold(shard, Arrived(interaction="another", touch_point=TOUCH_POINT, time=NOW + 18 * MINUTE), NOW + 18 * MINUTE)
    fold(
        shard,
        Step(interaction="i", touch_point=TOUCH_POINT, time=NOW, name="x", seconds=5.0, ok=True),
        NOW + 18 * MINUTE,
    )
    shard.write_due()

    rows, rejects = shard.output.take()

    assert [row.events for row in rows if row.interaction == "i"] == [len(LIFE)]
    assert [reject.reason for reject in rejects] == [RejectReason.LATE]
