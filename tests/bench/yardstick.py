"""CPU of reading a log with the Kafka client as it comes, and nothing else.

`python -m tests.bench.yardstick KAFKA TOPIC` prints microseconds per record.
Machines differ, and one machine from hour to hour; what stands beside this figure of the same run can be compared.
A process of its own, for in ours the client hands out records in another way (`stream/parsed_records.py`).
"""

import asyncio
import subprocess
import sys
import time
from typing import Final

from aiokafka import AIOKafkaConsumer

ROUNDS: Final = 3
FETCH: Final = 10_000


async def read(brokers: str, topic: str) -> float:
    """Microseconds per record of one reading of the whole topic, from the first fetch on."""
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=brokers, isolation_level="read_committed")
    await consumer.start()
    try:
        partitions = consumer.assignment()
        starts, ends = await consumer.beginning_offsets(partitions), await consumer.end_offsets(partitions)
        left = {one for one in partitions if ends[one] > starts[one]}
        await consumer.seek_to_beginning()
        found = 0
        began = time.process_time()
        while left:
            for partition, records in (await consumer.getmany(timeout_ms=1_000, max_records=FETCH)).items():
                found += len(records)
                if records[-1].offset + 1 >= ends[partition]:
                    left.discard(partition)
        return (time.process_time() - began) / found * 1e6
    finally:
        await consumer.stop()


def stock_client(brokers: str, topic: str) -> float:
    """The same, by a process of its own: the least of several readings."""
    command = [sys.executable, "-m", "tests.bench.yardstick", brokers, topic]
    return float(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)


if __name__ == "__main__":
    print(min(asyncio.run(read(*sys.argv[1:3])) for _ in range(ROUNDS)))
