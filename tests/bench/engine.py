"""CPU of the worker per event: on the recorded bank calls, also by step, and on a simulated day with all joins.

`python -m tests.bench.engine` brings up a stack of its own, fills a log, and lets a worker process drain it, several
times, each into a database of its own. CPU-seconds are those of the whole process less those of a worker that finds
nothing to do. The steps are measured in this process over the same records; what they do not show is the poll loop.
Beside each worker stands what the Kafka client takes to read the same log and do nothing (`yardstick.py`): the limits
are those of one machine, the ratio holds on any.
"""

import asyncio
import gc
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

from pipeline.catalog_files import load_catalog
from pipeline.core.catalog import Catalog
from pipeline.core.record import Decoded
from pipeline.core.scored import ScoredInteraction
from pipeline.core.shard import Shard
from pipeline.core.side_events import SIDE_EVENTS
from pipeline.settings import Settings, load_settings
from pipeline.sink.clickhouse import connect
from pipeline.sink.rows import SCORE_COLUMNS, SCORES, LogPartition, Pseudonyms, score_columns
from pipeline.stream.decode import Decoder, Record
from pipeline.stream.faust_app import YOUNG_OBJECTS
from pipeline.stream.kafka_client import LogReader, partition_of
from tests.bench.yardstick import stock_client
from tests.recorded_calls import data_file

LIMIT_MICROSECONDS: Final = {"recorded calls": 15.0, "simulated day": 12.0}
ROUNDS: Final = 9  # the least of them counts: other work on the machine only ever adds
BLOCK: Final = 10_000
TOUCHPOINT: Final = Path(sys.executable).with_name("touchpoint")
MAPPING: Final = Path(__file__).parents[2] / "examples" / "bank_call_center.yaml"

Log = dict[int, list[Record]]


def touchpoint(*arguments: str, **environment: str) -> float:
    """Run our command; the CPU-seconds it took."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [TOUCHPOINT, *arguments], env=os.environ | environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(done.stderr)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def drain(name: str, records: int, beside: int) -> bool:
    """Print the CPU of a worker that works off the whole log, less that of an idle one; whether it is fair.

    An event is a record of the log or, as the same worker reads them, one of the topics beside it.
    """
    settings = load_settings()
    stock = stock_client(settings.kafka_address(), f"{settings.topic_prefix}.events")
    rounds = []
    for number in range(ROUNDS):
        place = {"TOUCHPOINT_DATABASE": f"bench{number}", "TOUCHPOINT_GROUP": f"{name[:4]}{number}"}
        touchpoint("migrate", **place)
        busy = touchpoint("worker", "--drain", **place)
        rounds.append((busy - touchpoint("worker", "--drain", **place)) * 1e6)
    limit, taken = LIMIT_MICROSECONDS[name], min(rounds)
    per_event, per_record = taken / (records + beside), taken / records
    print(
        f"{f'the worker on {name}':28} {per_event:6.2f} µs per event, at most {limit:g} ({records + beside:,} events)"
    )
    print(f"{'':28} {per_record:6.2f} µs per record of the log ({records:,} records)")
    print(f"{'the client alone':28} {stock:6.2f} µs per record: the worker takes {per_record / stock:.1f} times that")
    return per_event <= limit


async def read_log(settings: Settings, keep: Log | None = None) -> float:
    """The CPU-seconds of fetching and parsing the whole log; records that are not kept are freed, as a worker does."""
    async with LogReader(settings.kafka_address(), f"{settings.topic_prefix}.events") as reader:
        bounds = await reader.bounds(set(range(settings.partitions)))
        started = time.process_time()
        for partition, (start, end) in bounds.items():
            async for records in reader.read(partition, start, end):
                if keep is not None:
                    keep.setdefault(partition, []).extend(records)
    return time.process_time() - started


def best(work: Callable[[], object]) -> float:
    """The least CPU-seconds of several rounds: other work on the machine only ever adds."""
    rounds = []
    for _ in range(ROUNDS):
        gc.collect()
        started = time.process_time()
        work()
        rounds.append(time.process_time() - started)
    return min(rounds)


def decode(log: Log, decoder: Decoder) -> dict[int, list[Decoded]]:
    """Every record decoded, as if its interaction were held."""
    ids = {(record.key or b"").decode() for records in log.values() for record in records}
    return {
        partition: [one for record in records if isinstance(one := decoder.decode(record, partition, 0, ids), Decoded)]
        for partition, records in log.items()
    }


def fold(decoded: dict[int, list[Decoded]], catalog: Catalog, *, writing: bool) -> list[list[ScoredInteraction]]:
    """Every event folded; with `writing` also scored, in blocks as a worker cuts them."""
    written = []
    for events in decoded.values():
        shard = Shard(catalog, 0)
        shard.output.writing = writing
        for start in range(0, len(events), BLOCK):
            for event in events[start : start + BLOCK]:
                shard.fold(event, None)
            shard.write_due()
        written.append(shard.output.take()[0])
    return written


def measure_steps(settings: Settings) -> Iterable[tuple[str, float, int]]:
    """(step, microseconds per event, events)."""
    catalog = load_catalog(settings.schemas_dir)
    log: Log = {}
    asyncio.run(read_log(settings, keep=log))
    fetched = min(asyncio.run(read_log(settings)) for _ in range(ROUNDS))
    count = sum(map(len, log.values()))
    decoder = Decoder(catalog, partition_of("murmur2", settings.partitions), 1 << 20, 300_000)
    decoded = decode(log, decoder)
    written = fold(decoded, catalog, writing=True)
    where = LogPartition("bench", "bench", 0)
    pseudonyms = Pseudonyms(os.urandom(32))
    clickhouse = connect(settings)

    def columns() -> list[list[list[Any]]]:
        return [score_columns(rows, where, pseudonyms) for rows in written]

    def insert() -> None:
        for block in columns():
            clickhouse.insert(SCORES, SCORE_COLUMNS, block)

    folding = best(lambda: fold(decoded, catalog, writing=False))
    inserting = best(insert)
    making = best(columns)
    seconds = {
        "fetch and parse": fetched,
        "decode": best(lambda: decode(log, decoder)),
        "fold": folding,
        "signals, score, ledger": best(lambda: fold(decoded, catalog, writing=True)) - folding,
        "columns": making,
        "insert (client side)": inserting - making,
    }
    clickhouse.close()
    for step, cpu in seconds.items():
        yield step, cpu / count * 1e6, count


def main() -> int:
    """Print the figures; 1 when the worker takes more CPU per event than it may."""
    calls = data_file()
    if calls is None:
        print("the recorded calls are not here: set TOUCHPOINT_TEST_DATA to their folder")
        return 1
    gc.set_threshold(YOUNG_OBJECTS)
    print(f"Python {sys.version.splitlines()[0]}")  # builds differ: without its own optimisations it takes longer
    with tempfile.TemporaryDirectory() as state:
        os.environ |= {"TOUCHPOINT_STATE_DIR": state, "TOUCHPOINT_METRICS_PORT": "0"}
        touchpoint("stack", "up")
        try:
            touchpoint("topics", "apply")
            touchpoint("import", str(calls), "--mapping", str(MAPPING))
            touchpoint("migrate")
            steps = list(measure_steps(load_settings()))
            for step, microseconds, _ in steps:
                print(f"{step:28} {microseconds:6.2f} µs per event")
            fair = drain("recorded calls", steps[0][2], beside=0)
            os.environ["TOUCHPOINT_TOPIC_PREFIX"] = "day"
            touchpoint("topics", "apply")
            touchpoint("simulate", "--speed", "max")
            fair &= drain("simulated day", *asyncio.run(count_records(load_settings())))
        finally:
            touchpoint("stack", "down", "--delete")
    return int(not fair)


async def count_records(settings: Settings) -> tuple[int, int]:
    """Records in the log, and in the topics beside it."""
    counts = dict.fromkeys(("events", *SIDE_EVENTS), settings.partitions) | {"conditions": 1}
    found = {}
    for topic, partitions in counts.items():
        async with LogReader(settings.kafka_address(), f"{settings.topic_prefix}.{topic}") as reader:
            bounds = await reader.bounds(set(range(partitions)))
        found[topic] = sum(end - start for start, end in bounds.values())
    log = found.pop("events")
    return log, sum(found.values())


if __name__ == "__main__":
    sys.exit(main())
