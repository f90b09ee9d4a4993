"""Which answers of a broker mean that rejects may be sent again."""

import asyncio
from typing import Any

import pytest
from aiokafka.errors import KafkaTimeoutError, RequestTimedOutError, TopicAuthorizationFailedError

from pipeline.errors import KafkaError, KafkaUnavailableError
from pipeline.settings import Settings
from pipeline.stream import reject_sender
from pipeline.stream.reject_sender import Message, RejectSender


def send(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    class Producer:
        def __init__(self, **_: object) -> None: ...

        async def send(self, *_: object, **__: object) -> Any:  # noqa: ANN401  # what the client confirms with
            raise error

    monkeypatch.setattr(reject_sender, "AIOKafkaProducer", Producer)
    sender = RejectSender(Settings(kafka="127.0.0.1:1"), "log.rejected", 1_000)
    asyncio.run(sender.send([Message(b"key", b"value", [])]))


@pytest.mark.parametrize("error", [RequestTimedOutError(), KafkaTimeoutError()])
def test_a_broker_that_is_away_is_asked_again(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """The second comes when the client's own buffer is full, because the broker has taken nothing for a while."""
    with pytest.raises(KafkaUnavailableError):
        send(monkeypatch, error)


def test_a_topic_that_may_not_be_written_is_the_operators_to_mend(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(KafkaError, match="takes no rejects") as raised:
        send(monkeypatch, TopicAuthorizationFailedError())
    assert not raised.value.retryable
