"""A backend system that tells for which interaction it worked: `identity`, behind HTTP.

The id of the interaction comes with the request as OpenTelemetry baggage, the W3C header `baggage`. Whoever knows the
ticket sets it once; every instrumented service on the way passes it on. Needs kafka-python and orjson alone.

    python examples/correlation_baggage.py 127.0.0.1:9092 touchpoint 8080
    curl -X POST http://127.0.0.1:8080/verify -H 'baggage: touchpoint.interaction=042-A117'
"""

import signal
import sys
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

import orjson
from kafka import KafkaProducer
from kafka.errors import KafkaError

MEMBER = "touchpoint.interaction"
SOURCE = "/examples/correlation_baggage.py"


def interaction_of(baggage: str) -> str | None:
    """The interaction named in a `baggage` header: `name=value;property,name=value`, values percent-encoded."""
    for member in baggage.split(","):
        name, _, value = member.partition(";")[0].partition("=")
        if name.strip() == MEMBER:
            return unquote(value.strip()) or None
    return None


class Reports:
    """Sends operations to the log. Whatever happens to a report, the customer in front of the system never waits."""

    def __init__(self, brokers: str, prefix: str) -> None:
        self._topic = f"{prefix}.events"
        self._producer = KafkaProducer(bootstrap_servers=brokers.split(","), acks="all", max_block_ms=200)
        self._producer.partitions_for(self._topic)  # asked for now, so that no report waits for it
        self.close = self._producer.close

    def send(self, interaction: str, started_ms: int, seconds: float, status: str, traceparent: str | None) -> None:
        """Hand over one operation; a failure is a line on stderr."""
        operation = {
            "interaction": interaction, "system": "identity", "operation": "verify",
            "time": started_ms, "seconds": seconds, "status": status,
        }  # fmt: skip
        attributes = {
            "ce_specversion": "1.0",
            "ce_type": "touchpoint.operation.v1",
            "ce_source": SOURCE,
            "ce_id": str(uuid.uuid4()),
            "content-type": "application/json",
        }
        if traceparent:
            attributes["traceparent"] = traceparent  # so that `touchpoint explain` can name the trace
        headers = [(name, value.encode()) for name, value in attributes.items()]
        try:
            sent = self._producer.send(
                self._topic, key=interaction.encode(), value=orjson.dumps(operation), headers=headers
            )
            sent.add_errback(self._complain)
        except KafkaError as error:
            self._complain(error)

    def _complain(self, error: BaseException) -> None:
        print(f"operation not reported: {error!r}", file=sys.stderr)


class Identity(BaseHTTPRequestHandler):
    """The system itself: every POST verifies somebody."""

    reports: Reports

    def do_POST(self) -> None:
        """Do the work, answer, then tell what it took, whether it went well or not."""
        started_ms, began = time.time_ns() // 1_000_000, time.monotonic()
        status = "failed"
        try:
            self.verify()
            status = "ok"
        finally:
            self.send_response(200 if status == "ok" else 500)
            self.end_headers()
            interaction = interaction_of(",".join(self.headers.get_all("baggage", [])))
            if interaction:  # without one nobody could join it: nothing is sent
                seconds = time.monotonic() - began
                self.reports.send(interaction, started_ms, seconds, status, self.headers.get("traceparent"))

    def verify(self) -> None:
        """What the system is there for."""
        time.sleep(0.05)


def main(brokers: str, prefix: str, port: str) -> None:
    """Serve until Ctrl-C or SIGTERM; port 0 takes any free one."""
    Identity.reports = Reports(brokers, prefix)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with ThreadingHTTPServer(("127.0.0.1", int(port)), Identity) as server:
        print(f"http://127.0.0.1:{server.server_port}", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            Identity.reports.close()


if __name__ == "__main__":
    if len(sys.argv) != 4:  # noqa: PLR2004  # with the program's name
        sys.exit(f"usage: {sys.argv[0]} BROKERS TOPIC_PREFIX PORT")
    main(*sys.argv[1:])
