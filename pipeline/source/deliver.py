"""Sends a recording to the log: in order, at the wanted pace, stopping cleanly when interrupted."""

import time
from collections.abc import Callable
from typing import Final

from pipeline.source.pace import Pace
from pipeline.source.producer import DELIVERY_SECONDS, EventProducer
from pipeline.source.recording import Recording

# (done, of) in events.
Watcher = Callable[[int, int], None]
_EVENTS_BETWEEN_CALLS: Final = 200
_LAST_WAIT_SECONDS: Final = 10


def deliver(recording: Recording, producer: EventProducer, pace: Pace, watch: Watcher) -> None:
    """Send all events and wait until each is acknowledged; the report says how many were. Raises KafkaError.

    Once `pace.stop` is set no more are sent, what was handed over is still waited for, and the report is marked as
    interrupted.
    """
    report = recording.report
    began = time.monotonic()
    try:
        for count, (moment, event_id, event) in enumerate(recording.events()):
            pace.wait_for(moment)
            if pace.stop.is_set():
                report.interrupted = True
                break
            producer.send(event, event_id)
            if count % _EVENTS_BETWEEN_CALLS == 0:
                watch(producer.acknowledged, report.events)
        producer.finish(_LAST_WAIT_SECONDS if report.interrupted else DELIVERY_SECONDS)
    finally:
        report.sent = producer.acknowledged
        report.send_seconds = round(time.monotonic() - began, 3)
