"""Memory of held interactions: `python -m tests.bench.memory`.

A million callers wait in queues (arrived, voice unit, queued: three events each) in the shards of one worker. Then
ten times as many short calls come and go while memory must stay where it is: it follows the interactions held, not
those ever seen.
"""

import gc
import sys
from pathlib import Path
from typing import Any, Final

import psutil

from pipeline.catalog_files import load_catalog
from pipeline.core.catalog import Catalog
from pipeline.core.events import Arrived, Ended, InteractionEvent, Outcome, Queued, SelfServiceEntered
from pipeline.core.record import Decoded
from pipeline.core.shard import Shard

SCHEMAS: Final = Path(__file__).parents[2] / "schemas"
START: Final = 1_700_000_000_000
NAME: Final = "call_center/regular/line"
OPEN: Final = 1_000_000
LIMIT_BYTES: Final = 2_500_000_000
SEEN: Final = 300_000
LIMIT_GROWTH: Final = 0.1


class Source:
    """Makes decoded records in offset order."""

    def __init__(self, catalog: Catalog) -> None:
        self.shard = Shard(catalog, 0)
        self._touch_point = catalog.resolve(NAME, START)

    def send(self, interaction: str, kind: type[InteractionEvent], time: int, **fields: Any) -> None:  # noqa: ANN401  # of any event
        """Fold one event."""
        event = kind(interaction=interaction, touch_point=NAME, time=time, **fields)
        offset = self.shard.position
        key = f"bench/source\x1f{interaction}/{kind.kind}"
        digest = hash((kind.kind, key))
        self.shard.fold(Decoded(offset, time, time, interaction, key, digest, event, self._touch_point), None)


def resident() -> int:
    """Bytes of memory of this process."""
    gc.collect()
    return int(psutil.Process().memory_info().rss)


def hold_open(source: Source) -> int:
    """Bytes for a million callers in the queue."""
    before = resident()
    for number in range(OPEN):
        name = f"AA0101-990201-{number:08d}"
        time = START + number // 10_000
        source.send(name, Arrived, time, customer=f"{number:08d}")
        source.send(name, SelfServiceEntered, time)
        source.send(name, Queued, time)
    return resident() - before


def come_and_go(source: Source, first: int) -> int:
    """Bytes after many calls that ended long ago, a thousand an hour."""
    for number in range(first, first + SEEN):
        name = f"AA0202-990201-{number:08d}"
        time = START + number * 3_600
        source.send(name, Arrived, time)
        source.send(name, Queued, time)
        source.send(name, Ended, time + 60_000, outcome=Outcome.COMPLETED)
        if number % 1000 == 0:
            source.shard.write_due()
            source.shard.output.take()
            source.shard.output.take_ended()
    return resident()


def main() -> int:
    """Print the figures; 1 when a limit is passed."""
    catalog = load_catalog(SCHEMAS)
    passing = Source(catalog)
    early = come_and_go(passing, 0)
    late = come_and_go(passing, SEEN)
    growth = (late - early) / early
    print(f"after {SEEN:,} calls {early / 1e6:,.0f} MB, after {2 * SEEN:,} {late / 1e6:,.0f} MB: growth {growth:.1%}")
    del passing
    held = hold_open(Source(catalog))
    print(f"{OPEN:,} open interactions of 3 events: {held / 1e9:.2f} GB, at most {LIMIT_BYTES / 1e9:.1f}")
    return int(held > LIMIT_BYTES or growth > LIMIT_GROWTH)


if __name__ == "__main__":
    sys.exit(main())
