"""A source whose clock stands still in 1970 spoils neither the interaction it writes to nor the balance."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from pipeline.catalog_files import load_catalog
from pipeline.core.catalog import Catalog, ChannelEntry
from pipeline.core.events import Arrived, Ended, Event, InteractionEvent, Outcome, RejectReason, Served
from pipeline.core.record import Decoded
from pipeline.core.shard import Shard

CATALOG = load_catalog(Path(__file__).parents[3] / "schemas")
TOUCH_POINT = "branch/1/teller"
NOW = 1_790_000_000_000
SECOND = 1000
YEAR = 366 * 24 * 3600 * SECOND


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


@pytest.mark.parametrize("old", [NOW - CATALOG.horizon() + 40 * SECOND, NOW - CATALOG.horizon() + 30 * SECOND])
def test_what_is_said_of_a_late_event_does_not_depend_on_when_a_look_up_was_answered(old: int) -> None:
    """Sent again: before the look-up a life of which nobody knows yet, afterwards one that was over and forgotten."""

    def rejects(answered_after: int) -> list[tuple[int, RejectReason, str]]:
        shard = Shard(CATALOG, 0)
        first = NOW - CATALOG.horizon() + 30 * SECOND
        records = [
            (arrived(NOW, "another"), "a"),
            (arrived(first), "b"),
            (arrived(NOW + 60 * SECOND, "another"), "c"),  # by now all of the other one are older than the horizon
            (Served(interaction="i", touch_point=TOUCH_POINT, time=old), "d"),
            (arrived(first), "b"),
        ]
        for number, (event, key) in enumerate(records):
            fold(shard, event, NOW + 60 * SECOND, key=key)
            if number == answered_after:
                shard.answer({"i": True})
        return sorted((each.offset, each.reason, each.detail) for each in shard.output.take()[1])

    known_at_once, known_at_the_end = rejects(answered_after=1), rejects(answered_after=4)
    assert known_at_once == known_at_the_end
    assert [offset for offset, _, _ in known_at_once] == [1, 3, 4]


def with_longer_windows(valid_from: int) -> Catalog:
    """The shipped catalog, and a day more for a branch's silence from a time on."""
    branch = next(entry.channel for entry in CATALOG.channels if entry.channel.name == "branch")
    longer = replace(branch, windows=replace(branch.windows, idle_timeout=branch.windows.idle_timeout + YEAR // 366))
    return Catalog(
        [*CATALOG.channels, ChannelEntry(channel=longer, valid_from=valid_from)], CATALOG.entries, CATALOG.models
    )


def rejected(catalog: Catalog) -> list[int]:
    """Offsets of what is late in a log that passes the time at which windows may change."""
    shard = Shard(catalog, 0)
    for now in (NOW, NOW + YEAR):
        fold(shard, arrived(now, f"at {now}"), now)
        fold(shard, arrived(now - CATALOG.horizon() - SECOND, f"before {now}"), now)
    return [reject.offset for reject in shard.output.take()[1]]


def test_windows_of_the_future_decide_nothing_before_their_time() -> None:
    planned = with_longer_windows(NOW + YEAR // 2)

    assert planned.fingerprint(NOW) == CATALOG.fingerprint(NOW)
    assert rejected(CATALOG) == [1, 3]
    assert rejected(planned) == [1]
    assert planned.horizon() > CATALOG.horizon()  # whatever keeps enough of the past keeps it from now on
