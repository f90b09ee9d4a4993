"""Sends one visit to a branch, the work of a backend system for it, and the line in front of the counters.

Needs nothing of this project: kafka-python and orjson. Copy it and send what happens at yours.

    python examples/send_events.py 127.0.0.1:9092 touchpoint

Prints the id of the interaction.
"""

import sys
import time
import uuid
from typing import Any

import orjson
from kafka import KafkaProducer
from kafka.errors import KafkaError

SOURCE = "/examples/send_events.py"  # source and event id together are an event's identity: sent twice, it counts once
BRANCH = "branch/042"
MINUTE = 60_000


def send(producer: KafkaProducer, topic: str, event_type: str, event_id: str, data: dict[str, Any]) -> None:
    """Send one CloudEvent in binary mode, attributes as headers and data as value, and wait until Kafka has it.

    The key of an event is its interaction, that of a condition its subject and kind.
    """
    key = data.get("interaction") or f"{data['subject']}/{data['kind']}"
    attributes = {
        "ce_specversion": "1.0",
        "ce_type": event_type,
        "ce_source": SOURCE,
        "ce_id": event_id,
        "content-type": "application/json",
    }
    headers = [(name, value.encode()) for name, value in attributes.items()]
    producer.send(topic, key=key.encode(), value=orjson.dumps(data), headers=headers).get(timeout=30)


def main(brokers: str, prefix: str) -> None:
    """Send what happened in the last ten minutes; from a live system each event goes out when it happens."""
    interaction = f"042-{uuid.uuid4()}"
    now = time.time_ns() // 1_000_000
    producer = KafkaProducer(bootstrap_servers=brokers.split(","), acks="all")

    # Sent before the events that it matters to: a condition counts from the moment at which Kafka has it.
    line = {"subject": BRANCH, "kind": "line_length", "value": 9, "time": now - 12 * MINUTE, "valid_for": 900}
    line_id = f"{BRANCH}/line_length/{line['time']}"
    send(producer, f"{prefix}.conditions", "touchpoint.condition.v1", line_id, line)

    def happened(minutes_ago: float, name: str, **fields: Any) -> None:  # noqa: ANN401  # JSON
        event = {"interaction": interaction, "touch_point": f"{BRANCH}/teller", "time": now - int(minutes_ago * MINUTE)}
        event_type = f"touchpoint.branch.{name}.v1"
        send(producer, f"{prefix}.events", event_type, f"{interaction}/{name}", event | fields)

    happened(10, "arrived", ticket="A117", service="cash", customer="c-1029")
    happened(3.5, "called", counter="3")
    happened(3, "served", counter="3", staff="s-17")
    operation = {
        "interaction": interaction, "system": "core_banking", "operation": "post_withdrawal",
        "time": now - 2 * MINUTE, "seconds": 4.5, "status": "ok",
    }  # fmt: skip
    operation_id = f"{interaction}/post_withdrawal"
    send(producer, f"{prefix}.events", "touchpoint.operation.v1", operation_id, operation)
    happened(0, "ended", outcome="completed", by="staff")
    producer.close()
    print(interaction)


if __name__ == "__main__":
    if len(sys.argv) != 3:  # noqa: PLR2004  # with the program's name
        sys.exit(f"usage: {sys.argv[0]} BROKERS TOPIC_PREFIX")
    try:
        main(*sys.argv[1:])
    except KafkaError as error:
        sys.exit(f"not sent: {error!r}")
