"""Sends records to our topics and counts what Kafka acknowledged; of `source/` only this file knows the Kafka client.

Every record's fate is known when `finish` returns. Order within a key holds through retries (idempotent producer).
"""

import threading
import zlib
from collections.abc import Iterable
from contextlib import suppress
from functools import lru_cache
from types import TracebackType
from typing import Final, Self

from kafka import KafkaProducer
from kafka.errors import KafkaError as ClientError
from kafka.errors import KafkaTimeoutError, RetriableError
from kafka.partitioner import murmur2

from pipeline.core.events import Event, Operation
from pipeline.errors import KafkaError, KafkaUnavailableError, TopicError
from pipeline.settings import Settings
from pipeline.source.encode import Headers, encode

LOG: Final = "events"
LINGER_MS: Final = 20
BATCH_BYTES: Final = 256 * 1024
# Records handed to the client and not yet acknowledged; the client itself sets no bound.
MAX_IN_FLIGHT: Final = 50_000
CONNECT_SECONDS: Final = 10
TOPIC_SECONDS: Final = 6
DELIVERY_SECONDS: Final = 60
_KEYS_CACHED: Final = 65_536


class RecordProducer:
    """Sends to topics of one prefix. A context manager; leaving closes the client without waiting for more."""

    def __init__(self, settings: Settings, topics: Iterable[str], linger_ms: int = LINGER_MS) -> None:
        """Connect. Raises StackError, KafkaUnavailableError, or TopicError if a topic is missing.

        `topics` are named without the prefix; a record waits up to `linger_ms` for others to travel with.
        """
        self.acknowledged = 0
        self._prefix = settings.topic_prefix
        self._crc32 = settings.partitioner == "crc32"
        self._handed_over = 0
        self._failed = 0
        self._error: BaseException | None = None
        self._change = threading.Condition()
        address = settings.kafka_address()
        self._client = _connect(address, settings.max_record_bytes, linger_ms)
        self._partitions: dict[str, int] = {}
        for topic in topics:
            self._partitions[topic] = self._count_partitions(self.name(topic), address)

    def name(self, topic: str) -> str:
        """The topic's whole name."""
        return f"{self._prefix}.{topic}"

    def send_record(self, topic: str, key: bytes, value: bytes, headers: Headers) -> None:
        """Hand over one record; waits while too many are unacknowledged. Raises KafkaError once any record failed."""
        if self._handed_over - self.acknowledged >= MAX_IN_FLIGHT:
            self._wait(MAX_IN_FLIGHT // 2, DELIVERY_SECONDS)
        if self._error is not None:
            raise self._failure()
        try:
            future = self._client.send(
                self.name(topic),
                key=key,
                value=value,
                headers=headers,
                partition=partition_of(key, self._partitions[topic], self._crc32),
            )
        except ClientError as error:
            self._error = error
            raise self._failure() from error
        self._handed_over += 1
        future.add_callback(self._on_acknowledged)
        future.add_errback(self._on_failed)

    def finish(self, seconds: float = DELIVERY_SECONDS) -> None:
        """Wait until everything handed over is acknowledged. Raises KafkaError if not all of it was."""
        self._wait(0, seconds)
        if self._error is not None:
            raise self._failure()

    def _count_partitions(self, topic: str, address: str) -> int:
        try:
            return len(self._client.partitions_for(topic))
        except ClientError as error:
            self._client.close(timeout=0)
            message = f"topic {topic} is not at {address} ({error}): run `touchpoint topics apply`"
            raise TopicError(message) from error

    def _wait(self, in_flight: int, seconds: float) -> None:
        """Wait until no more than `in_flight` are open; the deadline moves on with every acknowledgement."""
        with self._change:
            while self._handed_over - self.acknowledged - self._failed > in_flight and self._error is None:
                before = self.acknowledged
                if not self._change.wait(seconds) and self.acknowledged == before:
                    self._error = KafkaTimeoutError(f"no acknowledgement for {seconds:g} s")

    def _on_acknowledged(self, _metadata: object) -> None:
        # Called by the client's one sending thread, so the counter has a single writer.
        self.acknowledged += 1
        if self.acknowledged % 1000 == 0 or self.acknowledged == self._handed_over:
            with self._change:
                self._change.notify_all()

    def _on_failed(self, error: BaseException) -> None:
        with self._change:
            self._failed += 1
            self._error = self._error or error
            self._change.notify_all()

    def _failure(self) -> KafkaError:
        error = self._error
        away = isinstance(error, RetriableError)
        reason = "Kafka does not take them, is it running, is its disk full?" if away else "Kafka refuses them"
        message = (
            f"sending to {', '.join(map(self.name, self._partitions))} failed: {reason} ({error});"
            " run the same command again: events that are already there count as duplicates"
        )
        return KafkaUnavailableError(message) if away else KafkaError(message)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        del kind, error, trace
        # Only records that are given up already can be left; the client's thread is a daemon and ends with the process.
        with suppress(ClientError):
            self._client.close(timeout=1)


class EventProducer(RecordProducer):
    """Sends events of one channel and source to the topic PREFIX.events."""

    def __init__(self, settings: Settings, channel: str, source: str) -> None:
        """Connect. Raises StackError, KafkaUnavailableError, or TopicError if the topic is missing."""
        super().__init__(settings, [LOG])
        self.topic = self.name(LOG)
        self._channel, self._source = channel, source

    def send(self, event: Event, event_id: str) -> None:
        """Hand over one event; waits while too many are unacknowledged. Raises KafkaError once any record failed."""
        channel = None if isinstance(event, Operation) else self._channel
        self.send_record(LOG, *encode(event, channel, event_id, self._source))


@lru_cache(maxsize=_KEYS_CACHED)
def partition_of(key: bytes, partitions: int, crc32: bool) -> int:  # noqa: FBT001 - the cache wants positions
    """The partition of a key as Java clients choose it (murmur2), or as librdkafka does (crc32)."""
    hashed: int = zlib.crc32(key) if crc32 else murmur2(key) & 0x7FFFFFFF
    return hashed % partitions


def _connect(address: str, max_record_bytes: int, linger_ms: int) -> KafkaProducer:
    try:
        return KafkaProducer(
            bootstrap_servers=address.split(","),
            acks="all",
            enable_idempotence=True,
            linger_ms=linger_ms,
            batch_size=BATCH_BYTES,
            max_request_size=max_record_bytes,
            delivery_timeout_ms=DELIVERY_SECONDS * 1000,
            request_timeout_ms=20_000,
            max_block_ms=TOPIC_SECONDS * 1000,
            bootstrap_timeout_ms=CONNECT_SECONDS * 1000,
            allow_auto_create_topics=False,
            metrics_enabled=False,
        )
    except ClientError as error:
        message = f"Kafka does not answer at {address} ({type(error).__name__}): is it running?"
        raise KafkaUnavailableError(message) from error
