"""Connects kafka-python's admin client so that nothing of it stays behind when no broker answers.

Its constructor starts a thread with sockets of its own and leaves them when it raises: a worker, which looks at the
log twice a minute, would run out of files beside a silent broker. Must not know what is asked.
"""

import logging
from typing import Any, Final

from kafka import KafkaAdminClient

_NOBODY: Final = logging.NullHandler()


def connect(servers: list[str], *, connect_ms: int, request_ms: int) -> KafkaAdminClient:
    """A connected client, to be closed. Raises kafka.errors.KafkaError when no broker answers in `connect_ms`."""
    # While a broker starts or is away, each failed look would print warnings that say less than our own message.
    logging.getLogger("kafka").addHandler(_NOBODY)
    made: list[Any] = []

    def keep(**config: Any) -> Any:  # noqa: ANN401 - kafka-python is untyped
        made.append(KafkaAdminClient.DEFAULT_CONFIG["kafka_client"](**config))
        return made[-1]

    try:
        return KafkaAdminClient(
            bootstrap_servers=servers, bootstrap_timeout_ms=connect_ms, request_timeout_ms=request_ms, kafka_client=keep
        )
    except BaseException:
        for client in made:
            client.close()
        raise
