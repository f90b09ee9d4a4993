"""A small log with all that goes wrong: duplicates, conflicts, late ones, orphans, tails, garbage, open calls."""

import time
from typing import Any, Final, Self

from kafka import KafkaProducer

from pipeline.core.events import Arrived, Ended, Event, Operation, OperationStatus, Outcome, Queued, Served
from pipeline.source.encode import encode
from tests.at_work import Corner

SECOND: Final = 1000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
LINE: Final = "call_center/retail/line"
SOURCE: Final = "test/switch"


def at(interaction: str) -> dict[str, Any]:
    """What every event of a call says."""
    return {"interaction": interaction, "touch_point": LINE}


def call(name: str, start: int, outcome: Outcome = Outcome.COMPLETED) -> list[Event]:
    """A whole call: waited 110 s, served for two minutes."""
    return [
        Arrived(**at(name), time=start, customer="customer-7", session="desk-9"),
        Queued(**at(name), time=start + 10 * SECOND, queue="retail"),
        Served(**at(name), time=start + 2 * MINUTE, staff="agent-5"),
        Ended(**at(name), time=start + 4 * MINUTE, outcome=outcome),
    ]


def identity(name: str, start: int, seconds: float = 9.0) -> Operation:
    """Work of a backend system."""
    return Operation(
        interaction=name, system="identity", operation="verify", time=start, seconds=seconds, status=OperationStatus.OK
    )


class Log:
    """Sends to one log, in order, and waits for each acknowledgement."""

    def __init__(self, corner: Corner) -> None:
        self._topic = corner.topic
        self._producer = KafkaProducer(bootstrap_servers=corner.stack.kafka, acks="all", enable_idempotence=False)
        self.sent = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._producer.close()

    def send(self, *events: Event, traceparent: str = "") -> None:
        """Each event under an id of its kind: sent again it is a duplicate, with other data a conflict."""
        for event in events:
            channel = None if isinstance(event, Operation) else "call_center"
            key, value, headers = encode(event, channel, f"{event.interaction}.{event.kind}", SOURCE)
            if traceparent:
                headers.append(("traceparent", traceparent.encode()))
            self.raw(key, value, headers)

    def raw(self, key: bytes | None, value: bytes, headers: list[tuple[str, bytes]]) -> None:
        """Any bytes."""
        self._producer.send(self._topic, key=key, value=value, headers=headers, partition=0).get(60)
        self.sent += 1


def send_forgotten(log: Log) -> None:
    """20 hours ago, then nothing for nine hours: interactions that are over and forgotten by now."""
    start = int(time.time() * 1000) - 20 * HOUR
    log.send(*call("good", start))
    log.send(call("good", start)[2])
    log.send(call("good", start, Outcome.ABANDONED)[3])
    log.raw(b"good", b"{", [])
    log.raw(None, b"nobody's", [])
    log.send(*call("headless", start + 5 * MINUTE)[1:])
    log.send(identity("orphan", start + 6 * MINUTE))
    log.send(*call("mover", start + 30 * MINUTE))
    log.send(Queued(**at("good"), time=start + 31 * MINUTE))
    log.send(*call("later", start + 11 * HOUR))
    log.send(*call("good", start), *call("latest", start + 14 * HOUR))


def send_held(log: Log) -> None:
    """An hour ago: ended, open, and of unknown beginning."""
    start = int(time.time() * 1000) - HOUR
    log.send(*call("ended", start), identity("ended", start + 20 * SECOND))
    log.send(*call("open", start + MINUTE)[:3])
    log.send(*call("tail", start + 2 * MINUTE)[2:])
