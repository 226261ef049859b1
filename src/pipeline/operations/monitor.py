"""Serves the metrics of a process at /metrics and its health at /healthz."""

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from prometheus_client import CollectorRegistry, MetricsHandler

from pipeline.operations.web import serving_at

log = logging.getLogger(__name__)

# Returns the reasons why a process is not healthy; none if it is.
Problems = Callable[[], list[str]]


@contextmanager
def monitoring(
    registry: CollectorRegistry, problems: Problems, *, address: str, port: int
) -> Iterator[None]:
    """Serves both while the context lasts; with port 0 it serves nothing.

    If the port is taken, it uses another one and logs it. The process's work goes on in any case.
    """
    handler = partial(_Handler, registry=registry, problems=problems)
    with ExitStack() as running:
        if port:
            _start(running, address, port, handler)
        yield


def _start(
    running: ExitStack, address: str, port: int, handler: Callable[..., MetricsHandler]
) -> None:
    try:
        used = running.enter_context(serving_at(address, port, handler))
    except OSError:
        log.warning("metrics are not served", extra={"address": address, "port": port})
        return
    place = {"address": address, "port": used}
    if used == port:
        log.info("metrics are served", extra=place)
    else:
        log.warning(
            "metrics are served elsewhere, the port is taken", extra=place | {"taken": port}
        )


class _Handler(MetricsHandler):
    # Seconds to wait for a silent client.
    timeout = 10

    def __init__(
        self,
        *connection: Any,  # noqa: ANN401  (as the server passes it on)
        registry: CollectorRegistry,
        problems: Problems,
    ) -> None:
        self.registry = registry
        self._problems = problems
        super().__init__(*connection)

    def do_GET(self) -> None:  # noqa: N802  (as it is there)
        """Answers a request."""
        path = urlsplit(self.path).path
        if path == "/metrics":
            super().do_GET()
        elif path == "/healthz":
            self._say_health(self._problems())
        else:
            self.send_error(HTTPStatus.NOT_FOUND)

    def _say_health(self, reasons: list[str]) -> None:
        body = json.dumps({"healthy": not reasons, "reasons": reasons}).encode() + b"\n"
        self.send_response(HTTPStatus.SERVICE_UNAVAILABLE if reasons else HTTPStatus.OK)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
