"""A system that knows no ticket, only where the request came from, tells how long it takes there.

Sends one sample of the condition `latency_seconds`: the system at that touch-point, joined to whoever is served then.
Needs kafka-python, orjson and send_events.py beside it.

    python examples/correlation_workstation.py 127.0.0.1:9092 touchpoint core_banking branch/042/teller 3.4
"""

import sys
import time

from kafka import KafkaProducer
from kafka.errors import KafkaError
from send_events import send


def main(brokers: str, prefix: str, system: str, touch_point: str, seconds: str) -> None:
    """Send one sample, say the mean of the last minute; it holds until the next one, five minutes at most."""
    subject, kind, now = f"system/{system}@{touch_point}", "latency_seconds", time.time_ns() // 1_000_000
    sample = {"subject": subject, "kind": kind, "value": float(seconds), "time": now}
    producer = KafkaProducer(bootstrap_servers=brokers.split(","), acks="all")
    send(producer, f"{prefix}.conditions", "touchpoint.condition.v1", f"{subject}/{kind}/{now}", sample)
    producer.close()


if __name__ == "__main__":
    if len(sys.argv) != 6:  # noqa: PLR2004  # with the program's name
        sys.exit(f"usage: {sys.argv[0]} BROKERS TOPIC_PREFIX SYSTEM TOUCH_POINT SECONDS")
    try:
        main(*sys.argv[1:])
    except KafkaError as error:
        sys.exit(f"not sent: {error!r}")
