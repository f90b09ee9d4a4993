"""A consumer of the Kafka client, set as every member of our groups needs it, and how any consumer is stopped."""

import asyncio
from typing import Final

from aiokafka import AIOKafkaConsumer
from aiokafka.coordinator.assignors.range import RangePartitionAssignor

from pipeline.settings import Settings
from pipeline.stream.parsed_records import hand_out_parsed_records

REQUEST_TIMEOUT_MS: Final = 20_000
# Between two polls a look-up may wait for ClickHouse as long as that is away; what is stuck, the watchdog ends.
NEVER_MS: Final = 1 << 40


def group_member(settings: Settings, group: str) -> AIOKafkaConsumer:
    """Not started, not subscribed; it reads what is committed in Kafka's sense, and commits only when told to."""
    hand_out_parsed_records()
    return AIOKafkaConsumer(
        bootstrap_servers=settings.kafka_address().split(","),
        group_id=group,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
        session_timeout_ms=int(settings.session_timeout_seconds * 1000),
        heartbeat_interval_ms=int(settings.heartbeat_seconds * 1000),
        rebalance_timeout_ms=int(2 * settings.shutdown_seconds * 1000),
        max_poll_interval_ms=NEVER_MS,
        request_timeout_ms=REQUEST_TIMEOUT_MS,
        max_partition_fetch_bytes=max(1 << 20, 2 * settings.max_record_bytes),
        partition_assignment_strategy=(RangePartitionAssignor,),
    )


async def stop_consumer(consumer: AIOKafkaConsumer) -> None:
    """Leave the group, if any, and disconnect.

    The client's own `stop` cancels a fetch that waits for a broker, and then falls over that cancellation itself,
    which would look like one of whoever called it.
    """
    try:
        await consumer.stop()
    except asyncio.CancelledError:
        caller = asyncio.current_task()
        if caller is not None and caller.cancelling():
            raise
        await consumer._client.close()  # noqa: SLF001  # what `stop` had still to do
