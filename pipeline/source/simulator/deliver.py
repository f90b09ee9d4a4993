"""Sends a simulated day in order of time, so that no event overtakes the conditions that were there before it.

Conditions enter a shard by their Kafka time stamp: each is acknowledged before any later event is handed over. What
happened earlier may still be on its way, and a condition may be a moment early, since events look conditions up by
event time: so those of a short span go together, ahead of its events, and only one acknowledgement is waited for.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from operator import itemgetter
from typing import Final

from pipeline.core.side_events import Condition, CustomerOutcome, Feedback
from pipeline.settings import Settings
from pipeline.source.encode import Headers, encode, encode_side
from pipeline.source.pace import Pace
from pipeline.source.producer import DELIVERY_SECONDS, LOG, RecordProducer
from pipeline.source.simulator.day import CONDITIONS, SimulatedDay, topic_of
from pipeline.source.simulator.journal import BEFORE_EVENTS, Outgoing

TOPICS: Final = (LOG, "feedback", "outcomes")
# (done, of) in records.
Watcher = Callable[[int, int], None]
LONGEST_SPAN_MS: Final = 60_000
LONGEST_SPAN_SECONDS: Final = 0.1  # on the sender's clock
_RECORDS_BETWEEN_CALLS: Final = 200
_LAST_WAIT_SECONDS: Final = 10


def deliver(day: SimulatedDay, settings: Settings, pace: Pace, watch: Watcher) -> None:
    """Send all records and wait until each is acknowledged; the truth says how many were. Raises KafkaError.

    Once `pace.stop` is set no more are sent, what was handed over is still waited for, and the truth is marked as
    interrupted.
    """
    truth, span = day.truth, span_ms(pace.speed)
    handed_over: Counter[str] = Counter()
    began = time.monotonic()
    with ExitStack() as clients:
        events = clients.enter_context(RecordProducer(settings, TOPICS))
        conditions = clients.enter_context(RecordProducer(settings, (CONDITIONS,), linger_ms=0))
        began = time.monotonic()
        for count, (due, outgoing) in enumerate(in_turn(day.records, span)):
            pace.wait_for(due)
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


def span_ms(speed: float | None) -> int:
    """Event time, in milliseconds, whose conditions are sent together."""
    return LONGEST_SPAN_MS if speed is None else max(int(min(speed * LONGEST_SPAN_SECONDS * 1000, LONGEST_SPAN_MS)), 1)


def in_turn(records: Iterable[Outgoing], span: int) -> list[tuple[int, Outgoing]]:
    """When each record is due, in the order of sending: of each span first the conditions, at its beginning."""
    turns = [(each.time // span, each.rank != BEFORE_EVENTS, each) for each in records]
    turns.sort(key=itemgetter(0, 1))
    return [(each.time if is_event else number * span, each) for number, is_event, each in turns]


def encoded(outgoing: Outgoing) -> tuple[bytes, bytes, Headers]:
    """Key, value and headers of a record."""
    event = outgoing.event
    if isinstance(event, Condition | Feedback | CustomerOutcome):
        return encode_side(event, outgoing.event_id, outgoing.source)
    return encode(event, outgoing.channel, outgoing.event_id, outgoing.source)
