"""A clock jump that ends 800,000 interactions at once: `python -m tests.bench.clock_jump`.

Prints for how long it keeps the event loop of a worker from anything else, heartbeats of the group among it.
"""

import asyncio
import sys
import time
from typing import Any, Final, cast

from pipeline.catalog_files import load_catalog
from pipeline.core.events import Arrived
from pipeline.core.record import Decoded
from pipeline.stream.decode import Decoder, Record
from pipeline.stream.folding import Folding
from tests.bench.memory import SCHEMAS, START, Source

OPEN: Final = 800_000
JUMP: Final = 3 * 3_600_000  # ms: all have timed out, and nothing corrects them any more
LIMIT_SECONDS: Final = 3.0  # of a session timeout of 15


class AsDecoded(Decoder):
    """Hands out records that are decoded already."""

    def __init__(self) -> None:
        """It knows no catalog."""

    def decode(self, record: Any, *_: object) -> Decoded:  # noqa: ANN401  # stands for a record of the log
        """The record itself."""
        found: Decoded = record.decoded
        return found


class Recorded:
    """A record of the log with what it decodes to."""

    def __init__(self, decoded: Decoded) -> None:
        self.decoded, self.offset, self.timestamp = decoded, decoded.offset, decoded.stamp


async def longest_wait(work: "asyncio.Task[None]") -> float:
    """The longest time in which the loop did nothing else."""
    longest, last = 0.0, time.monotonic()
    while not work.done():
        await asyncio.sleep(0)
        now = time.monotonic()
        longest, last = max(longest, now - last), now
    await work
    return longest


async def jump(folding: Folding) -> None:
    """One record three hours later, and all rows scored."""
    shard = folding.shard
    now = shard.clock + JUMP
    event = Arrived(interaction="later", touch_point="call_center/regular/line", time=now)
    decoded = Decoded(shard.position, now, now, "later", "bench/source\x1flater", 0, event, None)
    await folding.fold_all(cast("list[Record]", [Recorded(decoded)]), nobody_asks, lambda: None)
    for _ in folding.stretches_due(0):
        await asyncio.sleep(0)


async def nobody_asks(_: Folding, ids: list[str]) -> None:
    """All were seen from their beginning."""
    raise AssertionError(ids)


async def measure() -> int:
    """Print the figures; 1 when the loop was blocked for too long."""
    source = Source(load_catalog(SCHEMAS))
    for number in range(OPEN):
        source.send(f"AA0101-990201-{number:08d}", Arrived, START + number // 10_000)
    folding = Folding(0, source.shard, AsDecoded())
    started = time.monotonic()
    longest = await longest_wait(asyncio.create_task(jump(folding)))
    rows = len(folding.cut()[0])
    print(
        f"{rows:,} interactions timed out in {time.monotonic() - started:.1f} s;"
        f" the loop was never held up for more than {longest:.2f} s, at most {LIMIT_SECONDS:g}"
    )
    return int(longest > LIMIT_SECONDS)


if __name__ == "__main__":
    sys.exit(asyncio.run(measure()))
