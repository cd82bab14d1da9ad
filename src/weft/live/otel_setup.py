"""OpenTelemetry set up as its standard variables say; needs the extra `otel`.

`OTEL_TRACES_EXPORTER` and `OTEL_METRICS_EXPORTER` may be `otlp` (the default), `console` or `none`. All
else (endpoints, headers, sampling, names) is read by OpenTelemetry itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from opentelemetry import metrics, trace
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import ConsoleMetricExporter, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter

from weft.errors import UsageError

_NAME = "weft"
_EXPORTERS = ("otlp", "console", "none")


class Instruments:
    """What is measured."""

    def __init__(self, meter: metrics.Meter) -> None:
        self.tasks = meter.create_counter("weft.tasks", "{task}", "Tasks that have ended.")
        self.attempts = meter.create_counter("weft.attempts", "{attempt}", "Attempts that have ended.")
        self.running = meter.create_up_down_counter(
            "weft.attempts.running", "{attempt}", "Attempts that run."
        )
        self.services = meter.create_histogram("weft.task.service", "s", "Time in attempts at one task.")
        self.waits = meter.create_histogram("weft.task.wait", "s", "Time in which a task waited at one gate.")


class Providers:
    """A tracer and instruments, and what has to be closed in the end."""

    def __init__(self, tracer: trace.Tracer, meter: metrics.Meter, opened: tuple[Any, ...]) -> None:
        self.tracer = tracer
        self.instruments = Instruments(meter)
        self._opened = opened

    def close(self) -> None:
        """Send what was not sent yet, and let go of what was opened here."""
        for provider in self._opened:
            provider.shutdown()


def open_providers(environment: Mapping[str, str]) -> Providers:
    """Return the providers that the program has set up, or else those that the variables describe.

    Raises:
        UsageError: a variable asks for what Weft does not know.
    """
    opened: list[Any] = []
    tracers = trace.get_tracer_provider()
    if isinstance(tracers, trace.ProxyTracerProvider):
        tracers = _tracers(environment)
        opened.append(tracers)
    meters = metrics.get_meter_provider()
    if not isinstance(meters, MeterProvider):
        meters = _meters(environment)
        opened.append(meters)
    return Providers(tracers.get_tracer(_NAME), meters.get_meter(_NAME), tuple(opened))


def _tracers(environment: Mapping[str, str]) -> TracerProvider:
    provider = TracerProvider(resource=_resource(environment), shutdown_on_exit=False)
    match _exporter("OTEL_TRACES_EXPORTER", environment):
        case "otlp":
            _check_protocol("TRACES", environment)
            provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        case "console":
            provider.add_span_processor(BatchSpanProcessor(ConsoleSpanExporter()))
    return provider


def _meters(environment: Mapping[str, str]) -> MeterProvider:
    readers = []
    match _exporter("OTEL_METRICS_EXPORTER", environment):
        case "otlp":
            _check_protocol("METRICS", environment)
            readers.append(PeriodicExportingMetricReader(OTLPMetricExporter()))
        case "console":
            readers.append(PeriodicExportingMetricReader(ConsoleMetricExporter()))
    return MeterProvider(readers, resource=_resource(environment), shutdown_on_exit=False)


def _exporter(variable: str, environment: Mapping[str, str]) -> str:
    name = environment.get(variable, "").strip() or "otlp"
    if name not in _EXPORTERS:
        raise UsageError(f"{variable}={name}: expected {', '.join(_EXPORTERS[:-1])} or {_EXPORTERS[-1]}")
    return name


def _check_protocol(signal: str, environment: Mapping[str, str]) -> None:
    general = "OTEL_EXPORTER_OTLP_PROTOCOL"
    of_signal = f"OTEL_EXPORTER_OTLP_{signal}_PROTOCOL"
    variable = of_signal if environment.get(of_signal) else general
    protocol = environment.get(variable) or "http/protobuf"
    if protocol != "http/protobuf":
        raise UsageError(f"{variable}={protocol}: Weft speaks http/protobuf only")


def _resource(environment: Mapping[str, str]) -> Resource:
    named = environment.get("OTEL_SERVICE_NAME") or "service.name=" in environment.get(
        "OTEL_RESOURCE_ATTRIBUTES", ""
    )
    return Resource.create({} if named else {"service.name": _NAME})
