"""Unruly traffic, made from the words of the event contract: disorder, duplicates, other bytes under a known id, tails
without a beginning, operations of nobody, evidence that comes too late, records that nobody can read.

Shares no code with the pipeline.
"""

import json
import random
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final, NamedTuple

from kafka import KafkaProducer

from tests.at_work import Corner

SECOND: Final = 1000
HOUR: Final = 3600 * SECOND
BEGIN: Final = 1_700_000_000 * SECOND
SOURCE: Final = b"tests/traffic"

CALL: Final = ("arrived", "self_service_entered", "self_service_left", "queued", "served", "held", "resumed", "ended")
VISIT: Final = ("arrived", "called", "recalled", "served", "parked", "resumed", "step", "ended")
FORM: Final = ("arrived", "step_viewed", "field_error", "submit_attempted", "submit_refused", "help_opened", "ended")
CHANNELS: Final = (
    ("call_center", "call_center/retail/line", CALL, ("completed", "abandoned", "called_back")),
    ("branch", "branch/042/teller", VISIT, ("completed", "abandoned")),
    ("online_form", "online_form/health_claim", FORM, ("submitted", "abandoned")),
)
DATA: Final[dict[str, dict[str, object]]] = {
    "step": {"name": "signature", "seconds": 12.5, "ok": True},
    "field_error": {"field": "iban", "code": "checksum"},
    "arrived": {"customer": "tests-4711", "segment": "regular"},
}


class Message(NamedTuple):
    """What a producer sends."""

    key: bytes | None
    value: bytes
    headers: list[tuple[str, bytes]]


def message(interaction: str, event_type: str, event_id: str, data: dict[str, object]) -> Message:
    """A CloudEvent in binary mode."""
    headers = [
        ("ce_specversion", b"1.0"),
        ("ce_id", event_id.encode()),
        ("ce_type", f"touchpoint.{event_type}.v1".encode()),
        ("ce_source", SOURCE),
        ("content-type", b"application/json"),
    ]
    value = json.dumps({"interaction": interaction, **data}).encode()
    return Message(interaction.encode(), value, headers)


def orderly(interactions: int) -> list[Message]:
    """Calls, visits and forms in perfect order, a minute apart, each from its first to its last event."""
    found: list[Message] = []
    for number in range(interactions):
        channel, touch_point, kinds, outcomes = CHANNELS[number % len(CHANNELS)]
        for place, kind in enumerate((kinds[0], kinds[1], kinds[-1])):
            moment = BEGIN + (60 * number + 20 * place) * SECOND
            data: dict[str, object] = {"touch_point": touch_point, "time": moment}
            if kind == "ended":
                data["outcome"] = outcomes[0]
            found.append(message(f"g{number}", f"{channel}.{kind}", f"g{number}-{place}", data))
    return found


def unruly(seed: int, interactions: int, hours: float) -> list[Message]:
    """Messages in the order in which they are to be sent."""
    chance = random.Random(seed)
    arriving: list[tuple[int, Message]] = []
    for number in range(interactions):
        start = BEGIN + int(chance.random() * hours * HOUR)
        for sent_at, one in _interaction(chance, f"i{seed}-{number}", start):
            delay = _delay(chance)
            arriving.append((sent_at + delay, one))
            if chance.random() < 0.04:
                arriving.append((sent_at + delay + _delay(chance), one))
            if chance.random() < 0.01:
                other = one._replace(value=one.value.replace(b"{", b'{"priority": "other", ', 1))
                arriving.append((sent_at + delay + _delay(chance), other))
            if chance.random() < 0.02:
                arriving.append((sent_at + delay, one._replace(value=one.value[: chance.randrange(len(one.value))])))
    return [one for _, one in sorted(arriving, key=lambda pair: pair[0])]


def _delay(chance: random.Random) -> int:
    """Mostly seconds, sometimes within the windows, seldom beyond them."""
    kind = chance.random()
    if kind < 0.8:
        return int(chance.random() * 5 * SECOND)
    return int(chance.random() * (0.2 if kind < 0.98 else 8) * HOUR)


def _interaction(chance: random.Random, name: str, start: int) -> Iterator[tuple[int, Message]]:
    channel, touch_point, kinds, outcomes = chance.choice(CHANNELS)
    seen = [kind for kind in kinds[1:-1] if chance.random() < 0.7]
    if chance.random() > 0.08:
        seen.insert(0, "arrived")
    if chance.random() > 0.1:
        seen.append("ended")
    if chance.random() < 0.03:
        seen.append("reopened")
    if chance.random() < 0.05:
        seen = []
    moment = start
    for number, kind in enumerate(seen):
        moment += int(chance.expovariate(1 / (90 * SECOND)))
        data: dict[str, object] = {"touch_point": touch_point, "time": moment, **DATA.get(kind, {})}
        if kind == "ended":
            data["outcome"] = chance.choice(outcomes)
        yield moment, message(name, f"{channel}.{kind}", f"{name}-{number}", data)
    if not seen or chance.random() < 0.4:
        data = {"system": "identity", "operation": "verify", "time": start + SECOND, "seconds": 2.25, "status": "ok"}
        yield start + 2 * SECOND, message(name, "operation", f"{name}-verify", data)


def send(corner: Corner, messages: Sequence[Message], seconds: float = 0) -> None:
    """Send them in order, spread over so many seconds; returns when the broker has them all."""
    producer = KafkaProducer(
        bootstrap_servers=corner.stack.kafka,
        acks="all",
        enable_idempotence=True,
        delivery_timeout_ms=120_000,
        linger_ms=100,  # so that what is sent together comes together
    )
    began = time.monotonic()
    try:
        waiting = []
        for number, one in enumerate(messages):
            if seconds and number % 20 == 0:
                time.sleep(max(0.0, began + seconds * number / len(messages) - time.monotonic()))
            waiting.append(producer.send(corner.topic, key=one.key, value=one.value, headers=one.headers))
        producer.flush(60)
        for future in waiting:
            future.get(60)
    finally:
        producer.close(timeout=5)


@contextmanager
def sending(corner: Corner, messages: Sequence[Message], seconds: float) -> Iterator[None]:
    """Send them beside the test, which must not end well before all are sent."""
    failed: list[BaseException] = []

    def work() -> None:
        try:
            send(corner, messages, seconds)
        except BaseException as error:  # noqa: BLE001 - raised below, by the test's own thread
            failed.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    yield
    thread.join(120)
    assert not thread.is_alive()
    assert not failed, failed
