"""The Kafka client's producer, for rejected records alone."""

from collections.abc import Sequence
from typing import NamedTuple

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError as ClientError
from aiokafka.errors import KafkaTimeoutError, MessageSizeTooLargeError

from pipeline.errors import KafkaError, KafkaUnavailableError
from pipeline.settings import Settings
from pipeline.stream.group_member import REQUEST_TIMEOUT_MS


class Message(NamedTuple):
    """What is sent to a topic."""

    key: bytes
    value: bytes | None
    headers: list[tuple[str, bytes]]


class RejectSender:
    """Sends rejected records, with confirmation, to their topic."""

    def __init__(self, settings: Settings, topic: str, max_bytes: int) -> None:
        self._topic = topic
        self._producer = AIOKafkaProducer(
            bootstrap_servers=settings.kafka_address().split(","),
            acks="all",
            enable_idempotence=True,
            max_request_size=max_bytes,
            request_timeout_ms=REQUEST_TIMEOUT_MS,
        )

    async def start(self) -> None:
        """Connect."""
        await self._producer.start()

    async def stop(self) -> None:
        """Send what is left and disconnect."""
        await self._producer.stop()

    async def send(self, messages: Sequence[Message]) -> list[int]:
        """Send them; the positions of those that are too large. Returns when the broker has all others.

        Raises `KafkaUnavailableError` when the broker may take them later: send all of them again.
        """
        try:
            return await self._send(messages)
        except ClientError as error:
            if error.retriable or isinstance(error, KafkaTimeoutError):  # for that one, the client says it is not
                raise KafkaUnavailableError(f"rejects cannot be sent to {self._topic}: {error!r}") from error
            raise KafkaError(f"{self._topic} takes no rejects: {error!r}") from error

    async def _send(self, messages: Sequence[Message]) -> list[int]:
        too_large: list[int] = []
        confirmations = []
        for position, message in enumerate(messages):
            try:
                confirmations.append(
                    await self._producer.send(
                        self._topic, key=message.key, value=message.value, headers=message.headers
                    )
                )
            except MessageSizeTooLargeError:
                too_large.append(position)
        for confirmation in confirmations:
            await confirmation
        return too_large
