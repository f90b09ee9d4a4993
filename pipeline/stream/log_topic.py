"""Topics as the broker describes them, and what a worker demands of the log before it starts.

Asked through kafka-python, which knows topic ids; in a thread, since its calls block.
"""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any, Final

from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import KafkaError as ClientError
from kafka.errors import UnknownTopicOrPartitionError

from pipeline import kafka_admin
from pipeline.core.catalog import Catalog
from pipeline.errors import KafkaUnavailableError, TopicError
from pipeline.settings import Settings
from pipeline.stream.place import Log
from pipeline.topics import anybody_listens

STAMPS: Final = "message.timestamp.type"
RETENTION: Final = "retention.ms"
POLICY: Final = "cleanup.policy"
COMPACTION_LAG: Final = "min.compaction.lag.ms"
FOR_EVER: Final = 1 << 62  # ms
HORIZONS_KEPT: Final = 2
CONNECT_MS: Final = 10_000
REQUEST_MS: Final = 30_000


async def read_log(settings: Settings, catalog: Catalog) -> Log:
    """The log to work on. Raises `TopicError` when it is missing or not as the promise needs it."""
    topic = f"{settings.topic_prefix}.events"
    [(log, config)] = await asyncio.to_thread(_describe, settings.kafka_address(), [topic])
    if config[STAMPS] != "LogAppendTime":
        raise TopicError(
            f"{topic} has {STAMPS}={config[STAMPS]}, LogAppendTime is needed: run `touchpoint topics apply`"
        )
    retention, needed = int(config[RETENTION]), HORIZONS_KEPT * catalog.horizon()
    if 0 <= retention < needed:
        raise TopicError(
            f"{topic} keeps records for {retention} ms, two horizons of the catalog are {needed} ms: raise"
            " TOUCHPOINT_LOG_RETENTION_HOURS and run `touchpoint topics apply`"
        )
    return log


async def describe_topics(settings: Settings, topics: Iterable[str]) -> list[Log]:
    """These topics as they are now. Raises `TopicError` when one is missing."""
    described = await asyncio.to_thread(_describe, settings.kafka_address(), list(topics))
    return [topic for topic, _ in described]


async def conditions_kept(settings: Settings) -> int:
    """For how long (ms) no condition is removed. Raises `TopicError` when their topic is missing."""
    [(_, config)] = await asyncio.to_thread(
        _describe, settings.kafka_address(), [f"{settings.topic_prefix}.conditions"]
    )
    return kept_whole(config)


def kept_whole(config: Mapping[str, str]) -> int:
    """For how long (ms) a topic of this configuration keeps every record, whatever comes after it."""
    policy, retention = config[POLICY], int(config[RETENTION])
    deleted = retention if "delete" in policy and retention >= 0 else FOR_EVER
    compacted = int(config[COMPACTION_LAG]) if "compact" in policy else FOR_EVER
    return min(deleted, compacted)


async def refuse_changed_log(settings: Settings, catalog: Catalog, log: Log) -> None:
    """Raise `TopicError` if the topic was deleted, made anew or given other partitions since the start."""
    now = await read_log(settings, catalog)
    if now != log:
        raise TopicError(
            f"{log.topic} changed while in use: topic id {log.topic_id} -> {now.topic_id}, partitions"
            f" {log.partition_count} -> {now.partition_count}. Work on with a new TOUCHPOINT_GROUP (topic made anew)"
            " or a new log under its own TOUCHPOINT_TOPIC_PREFIX (other partition count)"
        )


def _describe(brokers: str, topics: list[str]) -> list[tuple[Log, dict[str, str]]]:
    if not anybody_listens(brokers):
        raise KafkaUnavailableError(f"no Kafka broker answers at {brokers}")
    try:
        admin = kafka_admin.connect(brokers.split(","), connect_ms=CONNECT_MS, request_ms=REQUEST_MS)
    except ClientError as error:
        raise KafkaUnavailableError(f"no Kafka broker answers at {brokers}: {error}") from error
    try:
        described: dict[str, Any] = {one["name"]: one for one in admin.describe_topics(topics)}
        for topic in topics:
            code = described[topic].get("error_code")
            if code == UnknownTopicOrPartitionError.errno:
                raise TopicError(f"topic {topic} does not exist: run `touchpoint topics apply`")
            if code:
                raise KafkaUnavailableError(f"cannot describe {topic} yet: error code {code}")
        resources = [ConfigResource(ConfigResourceType.TOPIC, topic) for topic in topics]
        config: dict[str, Any] = admin.describe_configs(resources, config_filter="all")["topic"]
    except ClientError as error:
        raise KafkaUnavailableError(f"cannot describe {', '.join(topics)}: {error}") from error
    finally:
        admin.close()
    return [
        (
            Log(topic, str(described[topic]["topic_id"]), len(described[topic]["partitions"])),
            {name: str(entry["value"]) for name, entry in config[topic].items()},
        )
        for topic in topics
    ]
