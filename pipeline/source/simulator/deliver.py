"""Sends a simulated day in order of time, so that no event overtakes the conditions that were there before it.

Conditions enter a shard by their Kafka time stamp: each is acknowledged before any later event is handed over. What
happened earlier may still be on its way, since events look conditions up by event time.
"""

import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from typing import Final

from pipeline.core.side_events import Condition, CustomerOutcome, Feedback
from pipeline.settings import Settings
from pipeline.source.encode import Headers, encode, encode_side
from pipeline.source.pace import Pace
from pipeline.source.producer import DELIVERY_SECONDS, LOG, RecordProducer
from pipeline.source.simulator.day import CONDITIONS, SimulatedDay, topic_of
from pipeline.source.simulator.journal import Outgoing

TOPICS: Final = (LOG, "feedback", "outcomes")
# (done, of) in records.
Watcher = Callable[[int, int], None]
_RECORDS_BETWEEN_CALLS: Final = 200
_LAST_WAIT_SECONDS: Final = 10


def deliver(day: SimulatedDay, settings: Settings, pace: Pace, watch: Watcher) -> None:
    """Send all records and wait until each is acknowledged; the truth says how many were. Raises KafkaError.

    Once `pace.stop` is set no more are sent, what was handed over is still waited for, and the truth is marked as
    interrupted.
    """
    truth = day.truth
    handed_over: Counter[str] = Counter()
    began = time.monotonic()
    with ExitStack() as clients:
        events = clients.enter_context(RecordProducer(settings, TOPICS))
        conditions = clients.enter_context(RecordProducer(settings, (CONDITIONS,), linger_ms=0))
        began = time.monotonic()
        for count, outgoing in enumerate(day.records):
            pace.wait_for(outgoing.time)
            if pace.stop.is_set():
                truth.interrupted = True
                break
            topic = topic_of(outgoing)
            if topic == CONDITIONS:
                conditions.send_record(topic, *encoded(outgoing))
            else:
                conditions.finish()
                events.send_record(topic, *encoded(outgoing))
            handed_over[topic] += 1
            if count % _RECORDS_BETWEEN_CALLS == 0:
                watch(events.acknowledged + conditions.acknowledged, len(day.records))
        for producer in (conditions, events):
            producer.finish(_LAST_WAIT_SECONDS if truth.interrupted else DELIVERY_SECONDS)
    truth.sent = dict(sorted(handed_over.items()))
    truth.send_seconds = round(time.monotonic() - began, 3)


def encoded(outgoing: Outgoing) -> tuple[bytes, bytes, Headers]:
    """Key, value and headers of a record."""
    event = outgoing.event
    if isinstance(event, Condition | Feedback | CustomerOutcome):
        return encode_side(event, outgoing.event_id, outgoing.source)
    return encode(event, outgoing.channel, outgoing.event_id, outgoing.source)
