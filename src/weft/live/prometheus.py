"""The metrics of a run for Prometheus: in a file when it is over, or by HTTP while it goes on.

Knows how they are handed over; their names stand in `prometheus_families`. Facts are only put aside while
the run goes on: they are folded when somebody asks, in the thread of who asks. The server listens on the
loopback interface only.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from weft.errors import UsageError
from weft.live.extras import needs_extra
from weft.scheduling.facts import Fact
from weft.views.metrics import MetricsView

LOOPBACK = "127.0.0.1"


class PrometheusMetrics:
    """The metrics of one run that goes on, as a collector of prometheus-client.

    Raises:
        UsageError: prometheus-client is not installed.
    """

    def __init__(self) -> None:
        with needs_extra("prometheus-client"):
            from prometheus_client import CollectorRegistry  # noqa: PLC0415 - an extra

            from weft.live.prometheus_families import families  # noqa: PLC0415 - needs the extra

        self._waiting: deque[Fact] = deque()
        self._view = MetricsView()
        self._lock = threading.Lock()
        self._families = families
        self._registry = CollectorRegistry()
        self._registry.register(self)
        self._server: Any = None

    def show(self, facts: Sequence[Fact]) -> None:
        """Put the facts of a turn aside."""
        self._waiting.extend(facts)

    def collect(self) -> Iterator[Any]:
        """Yield the metrics as they stand."""
        with self._lock:
            while self._waiting:
                self._view.fold(self._waiting.popleft())
            metrics = self._view.metrics()
        yield from self._families(metrics)

    def text(self) -> str:
        """Return the metrics as they stand, as text."""
        from prometheus_client import generate_latest  # noqa: PLC0415 - an extra

        return generate_latest(self._registry).decode()

    def serve(self, port: int) -> int:
        """Answer at `/metrics` of this port until `close`; return the port, which 0 leaves to the system.

        Raises:
            UsageError: the port can't be had.
        """
        from prometheus_client import start_http_server  # noqa: PLC0415 - an extra

        try:
            self._server, _ = start_http_server(port, addr=LOOPBACK, registry=self._registry)
        except OSError as error:
            raise UsageError(f"no metrics at port {port}: {error.strerror}") from error
        return int(self._server.server_port)

    def write(self, path: Path) -> None:
        """Write the metrics as they stand; who reads the file sees all of them or what was there before."""
        new = path.with_name(f".{path.name}.{os.getpid()}")
        new.write_text(self.text(), encoding="utf-8")
        new.replace(path)

    def close(self) -> None:
        """Answer no more."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None
