"""A receiver of OpenTelemetry's protocol, OTLP over HTTP, on the loopback interface."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.proto.trace.v1.trace_pb2 import Span


class Receiver(ThreadingHTTPServer):
    """Keeps what it is sent."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.spans: list[Span] = []
        self.metrics: list[Metric] = []
        self.services: set[str] = set()

    @property
    def url(self) -> str:
        """Where it is reached."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def span(self, name: str) -> Span:
        """Return the one span of this name."""
        (found,) = [span for span in self.spans if span.name == name]
        return found

    def take_traces(self, body: bytes) -> None:
        """Keep the spans of a request."""
        for of_resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            for attribute in of_resource.resource.attributes:
                if attribute.key == "service.name":
                    self.services.add(attribute.value.string_value)
            for of_scope in of_resource.scope_spans:
                self.spans += of_scope.spans

    def take_metrics(self, body: bytes) -> None:
        """Keep the metrics of a request."""
        for of_resource in ExportMetricsServiceRequest.FromString(body).resource_metrics:
            for of_scope in of_resource.scope_metrics:
                self.metrics += of_scope.metrics


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        take = {"/v1/traces": self.server.take_traces, "/v1/metrics": self.server.take_metrics}[self.path]
        take(body)
        self.send_response(200)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: a test's output is its own."""


@contextmanager
def receiving() -> Iterator[Receiver]:
    """Receive while the block runs."""
    server = Receiver()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
