"""What we rely on in the Kafka client, some of it private: both readers over a real broker, and every way to write."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.client import AIOKafkaClient
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.record.default_records import DefaultRecord
from kafka import KafkaAdminClient, KafkaProducer
from kafka.admin import NewTopic

from pipeline.errors import KafkaError
from pipeline.settings import Settings
from pipeline.stream.decode import NAMES_MADE_PRINTABLE, Record
from pipeline.stream.kafka_client import LogConsumer, LogReader
from tests.integration.conftest import Place
from tests.raw_records import SPELLINGS, RawName, batch_of

pytestmark = pytest.mark.integration

LONG_AGO: Final = 1_000_000
DAMAGED: Final = RawName(b"x\xff")
CODECS: Final = ("gzip", "snappy", "lz4", "zstd")
SETTLED: Final = 20.0

Header = tuple[str, bytes | None]


@dataclass(frozen=True)
class Topic:
    """A topic of one partition that stamps its records."""

    brokers: str
    name: str
    settings: Settings

    async def beside(self, stop: int) -> list[Record]:
        """What a reader beside the group gets up to `stop`."""
        async with LogReader(self.brokers, self.name) as reader:
            return [record async for batch in reader.read(0, 0, stop) for record in batch]

    async def in_group(self, stop: int) -> list[Record]:
        """What a member of the group gets up to `stop`."""
        problems: list[BaseException] = []

        async def ignored(_partitions: set[int]) -> None: ...

        async def crashed(error: BaseException) -> None:
            problems.append(error)

        consumer = LogConsumer(self.settings, self.name, revoked=ignored, assigned=ignored, crashed=crashed)
        await consumer.start()
        try:
            found = [record async for record in self._fetched(consumer, stop)]
        finally:
            await consumer.stop()
        assert problems == []
        return found

    async def _fetched(self, consumer: LogConsumer, stop: int) -> AsyncIterator[Record]:
        async with asyncio.timeout(SETTLED):
            while ((await consumer.position_at_end(0)) or 0) < stop:
                for piece in (await consumer.fetch(0.1)).values():
                    for records in piece:
                        for record in records:
                            yield record


Read = Callable[[Topic, int], Coroutine[Any, Any, list[Record]]]


@pytest.fixture
def make_topic(place: Place) -> Iterator[Callable[..., Topic]]:
    admin = KafkaAdminClient(bootstrap_servers=place.stack.kafka)

    def make(**config: str) -> Topic:
        name = f"{place.prefix}.{secrets.token_hex(4)}"
        stamping = {"message.timestamp.type": "LogAppendTime"}
        admin.create_topics([NewTopic(name, 1, 1, topic_configs=stamping | config)], wait_for_metadata=True)
        return Topic(place.stack.kafka, name, place.settings)

    yield make
    admin.close()


@pytest.fixture
def topic(make_topic: Callable[[], Topic]) -> Topic:
    return make_topic()


@pytest.fixture(params=[Topic.beside, Topic.in_group], ids=["beside the group", "in the group"])
def read(request: pytest.FixtureRequest) -> Read:
    found: Read = request.param
    return found


def send_as_one_batch(topic: Topic, headers: Sequence[list[Header]], **options: Any) -> None:  # noqa: ANN401
    producer = KafkaProducer(bootstrap_servers=topic.brokers, linger_ms=10_000, enable_idempotence=False, **options)
    for number, each in enumerate(headers):
        producer.send(topic.name, key=b"k", value=b"v%d" % number, headers=each, timestamp_ms=LONG_AGO + number)
    producer.flush(60)
    producer.close()


async def send(
    topic: Topic,
    values: Sequence[bytes | None],
    headers: Sequence[Header] = (),
    **options: Any,  # noqa: ANN401
) -> None:
    async with AIOKafkaProducer(bootstrap_servers=topic.brokers, **options) as producer:
        for value in values:
            await producer.send(topic.name, key=b"k", value=value, headers=headers)


async def send_raw(topic: Topic, data: bytes) -> None:
    """A batch as it is, past every producer's manners."""
    client = AIOKafkaClient(bootstrap_servers=topic.brokers)
    await client.bootstrap()
    try:
        await client.set_topics([topic.name])
        leader = client.cluster.leader_for_partition(TopicPartition(topic.name, 0))
        response = await client.send(leader, ProduceRequest(None, -1, 10_000, [(topic.name, [(0, data)])]))
    finally:
        await client.close()
    ((_, ((_, error, *_),)),) = response.topics
    assert error == 0


def test_records_are_the_parsers_own_with_what_decoding_reads(topic: Topic, read: Read) -> None:
    headers: list[Header] = [("a", b"1"), ("a", None), ("é", b"\xff")]
    asyncio.run(send(topic, [b"v0"], headers))
    asyncio.run(send(topic, [None], []))
    first, second = asyncio.run(read(topic, 2))
    assert type(first) is DefaultRecord
    assert (first.offset, first.key, first.value, first.headers) == (0, b"k", b"v0", headers)
    assert (second.offset, second.key, second.value, second.headers) == (1, b"k", None, [])


@pytest.mark.parametrize("codec", [None, "gzip"])
def test_a_damaged_header_name_harms_no_neighbour(topic: Topic, read: Read, codec: str | None) -> None:
    send_as_one_batch(topic, [[("a", b"1")], [("a", b"1"), (DAMAGED, b"2")], [("a", b"1")]], compression_type=codec)
    send_as_one_batch(topic, [[("a", b"1")]], compression_type=codec)
    found = asyncio.run(read(topic, 4))
    assert [(one.offset, one.key, one.value) for one in found] == [
        (0, b"k", b"v0"), (1, b"k", b"v1"), (2, b"k", b"v2"), (3, b"k", b"v0"),
    ]  # fmt: skip
    whole = [("a", b"1")]
    assert [one.headers for one in found] == [whole, [*whole, ("x\\xff", b"2"), NAMES_MADE_PRINTABLE], whole, whole]


@pytest.mark.parametrize("record", SPELLINGS.values(), ids=SPELLINGS)
def test_every_record_that_the_broker_takes_is_read(topic: Topic, record: bytes) -> None:
    asyncio.run(send_raw(topic, batch_of(record)))
    ((key, value, headers),) = [(one.key, one.value, one.headers) for one in asyncio.run(topic.beside(1))]
    assert (key, value, headers) == (b"k", b"vv", [])


@pytest.mark.parametrize("name", ["b", DAMAGED], ids=["text", "no text"])
def test_all_records_of_a_batch_bear_the_time_at_which_the_log_took_it(topic: Topic, read: Read, name: str) -> None:
    send_as_one_batch(topic, [[(name, b"")], [], []])
    (stamp,) = {one.timestamp for one in asyncio.run(read(topic, 3))}
    assert stamp > LONG_AGO + 3


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("who", ["producer", "broker"])
def test_every_codec_is_read(make_topic: Callable[..., Topic], read: Read, codec: str, who: str) -> None:
    values = [b"%03d" % number * 50 for number in range(100)]
    topic = make_topic(**{"compression.type": codec if who == "broker" else "producer"})
    asyncio.run(send(topic, values, linger_ms=50, compression_type=codec if who == "producer" else None))
    assert [one.value for one in asyncio.run(read(topic, len(values)))] == values


def test_only_what_was_committed_is_read(topic: Topic, read: Read) -> None:
    async def write() -> None:
        async with AIOKafkaProducer(bootstrap_servers=topic.brokers, transactional_id=topic.name) as producer:
            for value, aborts in ((b"first", False), (b"never", True), (b"never", True), (b"last", False)):
                await producer.begin_transaction()
                await producer.send_and_wait(topic.name, value)
                await (producer.abort_transaction() if aborts else producer.commit_transaction())

    asyncio.run(write())
    found = asyncio.run(read(topic, 8))  # each transaction ends with a marker of its own
    assert [(one.offset, one.value) for one in found] == [(0, b"first"), (6, b"last")]


def test_an_open_transaction_holds_back_what_comes_after_it(topic: Topic) -> None:
    async def write_and_read() -> list[Record]:
        async with AIOKafkaProducer(bootstrap_servers=topic.brokers, transactional_id=topic.name) as producer:
            await producer.begin_transaction()
            await producer.send_and_wait(topic.name, b"open")
            await send(topic, [b"after"])
            async with LogReader(topic.brokers, topic.name) as reader:
                start, end = (await reader.bounds({0}))[0]
                found = [record async for batch in reader.read(0, start, end) for record in batch]
            await producer.abort_transaction()
            return found

    assert asyncio.run(write_and_read()) == []


def test_a_batch_that_changed_on_the_brokers_disk_is_an_error_that_names_its_place(
    topic: Topic, read: Read, place: Place
) -> None:
    send_as_one_batch(topic, [[("a", b"1")], [("a", b"1")]])
    send_as_one_batch(topic, [[("a", b"1")]])
    (segment,) = place.stack.state_dir.glob(f"kafka/data/{topic.name}-0/*.log")
    kept = bytearray(segment.read_bytes())
    kept[kept.rindex(b"v0")] ^= 1
    with segment.open("r+b") as file:
        file.write(kept)
    with pytest.raises(KafkaError, match=rf"^{topic.name}/0: the records at offset 2 or soon after cannot be read"):
        asyncio.run(read(topic, 3))
