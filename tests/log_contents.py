"""What a topic holds, read to its end, however long a busy machine takes."""

from typing import Any

from kafka import KafkaConsumer, TopicPartition


def records_of(brokers: str, topic: str) -> list[Any]:
    """All records, by partition in order of their offsets."""
    consumer = KafkaConsumer(bootstrap_servers=brokers, enable_auto_commit=False)
    partitions = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic)]
    consumer.assign(partitions)
    consumer.seek_to_beginning(*partitions)
    ends = consumer.end_offsets(partitions)
    found: list[Any] = []
    while any(consumer.position(partition) < end for partition, end in ends.items()):
        for records in consumer.poll(timeout_ms=500).values():
            found += records
    consumer.close()
    return found
