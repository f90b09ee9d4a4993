"""What a broker answers while it cannot tell the commits of a group must never look like a group without commits."""

import asyncio
from typing import Any

import pytest
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import GroupAuthorizationFailedError, GroupLoadInProgressError
from aiokafka.protocol.commit import OffsetFetchRequest, OffsetFetchResponse_v3
from aiokafka.protocol.coordination import FindCoordinatorResponse_v0

from pipeline.errors import KafkaError, KafkaUnavailableError
from pipeline.stream.kafka_client import Committed, read_commits

COMMITS = [("log", [(0, 7, "metadata", 0), (1, -1, "", 0)]), ("another", [(0, 9, "", 0)])]


def answered(monkeypatch: pytest.MonkeyPatch, topics: list[Any], code: int) -> dict[int, Committed]:
    """Ask a client whose broker answers so."""

    async def send(_: AIOKafkaClient, __: int, request: object) -> object:
        if isinstance(request, OffsetFetchRequest):
            return OffsetFetchResponse_v3(throttle_time_ms=0, topics=topics, error_code=code)
        return FindCoordinatorResponse_v0(error_code=0, coordinator_id=1, host="broker", port=1)

    async def bootstrap(_: AIOKafkaClient) -> None: ...

    monkeypatch.setattr(AIOKafkaClient, "bootstrap", bootstrap)
    monkeypatch.setattr(AIOKafkaClient, "get_random_node", lambda _: 1)
    monkeypatch.setattr(AIOKafkaClient, "send", send)
    return asyncio.run(read_commits("broker:1", "group", "log"))


def test_commits_come_with_their_metadata(monkeypatch: pytest.MonkeyPatch) -> None:
    assert answered(monkeypatch, COMMITS, 0) == {0: Committed(7, "metadata")}


def test_a_group_that_is_still_being_loaded_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(KafkaUnavailableError, match="no Kafka broker tells the commits of group group"):
        answered(monkeypatch, [], GroupLoadInProgressError.errno)


def test_what_no_retry_can_mend_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(KafkaError, match="Kafka does not tell the commits of group group"):
        answered(monkeypatch, [], GroupAuthorizationFailedError.errno)
