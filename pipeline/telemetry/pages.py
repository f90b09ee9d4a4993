"""The pages of a worker: /metrics, /live and /ready."""

from http import HTTPStatus

from pipeline.telemetry.health import Health
from pipeline.telemetry.http import Reply, Server, check_page
from pipeline.telemetry.metrics import CONTENT_TYPE, Metrics


def worker_pages(metrics: Metrics, health: Health) -> Server:
    """A server of these pages, not started yet."""
    return Server(
        {
            "/metrics": lambda: Reply(HTTPStatus.OK, CONTENT_TYPE, metrics.page()),
            "/live": check_page("live", health.not_alive),
            "/ready": check_page("ready", health.not_ready),
        }
    )
