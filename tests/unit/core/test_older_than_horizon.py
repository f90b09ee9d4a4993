"""A source whose clock stands still in 1970 spoils neither the interaction it writes to nor the balance."""

from pathlib import Path

from pipeline.catalog_files import load_catalog
from pipeline.core.events import Arrived, Ended, Event, InteractionEvent, Outcome, RejectReason, Served
from pipeline.core.record import Decoded
from pipeline.core.shard import Shard

CATALOG = load_catalog(Path(__file__).parents[3] / "schemas")
TOUCH_POINT = "branch/1/teller"
NOW = 1_790_000_000_000
SECOND = 1000


def fold(shard: Shard, event: Event, stamp: int, key: str | None = None) -> None:
    offset = shard.position
    touch_point = CATALOG.resolve(TOUCH_POINT, stamp) if isinstance(event, InteractionEvent) else None
    time = event.time
    assert isinstance(time, int)
    shard.fold(Decoded(offset, stamp, time, event.interaction, key or str(offset), 0, event, touch_point), offset)


def arrived(time: int, interaction: str = "i") -> Arrived:
    return Arrived(interaction=interaction, touch_point=TOUCH_POINT, time=time)


def test_event_from_1970_is_late_in_an_interaction_that_lasts() -> None:
    shard = Shard(CATALOG, 0)
    fold(shard, arrived(NOW), NOW)
    fold(shard, Ended(interaction="i", touch_point=TOUCH_POINT, time=0, outcome=Outcome.ABANDONED), NOW + SECOND)
    fold(shard, Served(interaction="i", touch_point=TOUCH_POINT, time=NOW + 2 * SECOND), NOW + 2 * SECOND)
    end = Ended(interaction="i", touch_point=TOUCH_POINT, time=NOW + 9 * SECOND, outcome=Outcome.COMPLETED)
    fold(shard, end, NOW + 9 * SECOND)
    shard.write_due()

    [row], [reject] = shard.output.take()

    assert (reject.offset, reject.reason) == (1, RejectReason.LATE)
    assert (row.events, row.passage.outcome) == (3, Outcome.COMPLETED)
    assert (row.passage.started_at, row.passage.signals["wait_seconds"]) == (NOW, 2.0)


def test_copy_of_an_event_stays_a_duplicate_however_old_it_is() -> None:
    shard = Shard(CATALOG, 0)
    first = NOW - CATALOG.horizon()
    fold(shard, arrived(NOW, "another"), NOW)
    fold(shard, arrived(first), NOW, key="first")
    fold(shard, arrived(NOW + SECOND, "another"), NOW + SECOND)
    fold(shard, arrived(first), NOW + 2 * SECOND, key="first")

    assert (shard.output.tally.applied, shard.output.tally.duplicates) == (3, 1)
    assert not shard.output.tally.rejected.total()
