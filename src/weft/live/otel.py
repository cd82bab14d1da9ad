"""Traces and metrics of a run by OpenTelemetry: a span for the run, below it one for each task and attempt.

Where they go is said by the standard variables (`OTEL_EXPORTER_OTLP_ENDPOINT` and so on), unless the program
has set up OpenTelemetry itself. The run is part of the trace that `TRACEPARENT` names; commands, and
functions in worker processes, get a `TRACEPARENT` of their own; other functions run in the context of their
attempt's span. A task's span begins with its submission, so that its waits are seen.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from contextvars import Context
from typing import Any

from weft.live.extras import needs_extra
from weft.model.attempt import Attempt
from weft.model.outcome import Failed, Outcome
from weft.model.sentences import outcome_sentence
from weft.scheduling.facts import (
    AttemptEnded,
    AttemptStarted,
    Fact,
    RunEnded,
    RunStarted,
    TaskAdded,
    TaskEnded,
)
from weft.scheduling.states import NAME_AFTER, RunState
from weft.views.visible import encodable
from weft.views.waits import Life, Waits

NAME = "weft"
_NS = 1_000_000_000
_PACKAGES = "opentelemetry-sdk and opentelemetry-exporter-otlp-proto-http"


class Telemetry:
    """Follows one run; `close` sends what was not sent yet.

    Args:
        environment: the variables of the process.

    Attributes:
        run_id: of the run, to be said before it begins.

    Raises:
        UsageError: OpenTelemetry is not installed, or the variables ask for what Weft does not know.
    """

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        with needs_extra(_PACKAGES):
            from opentelemetry import trace  # noqa: PLC0415 - an extra
            from opentelemetry.trace.propagation.tracecontext import (  # noqa: PLC0415 - an extra
                TraceContextTextMapPropagator,
            )

            from weft.live.otel_setup import open_providers  # noqa: PLC0415 - needs the extra

        self._trace = trace
        self._propagator = TraceContextTextMapPropagator()
        self.run_id = ""
        self._providers = open_providers(environment)
        self._tracer = self._providers.tracer
        self._instruments = self._providers.instruments
        carrier = {
            name.lower(): environment[name] for name in ("TRACEPARENT", "TRACESTATE") if name in environment
        }
        self._above = self._propagator.extract(carrier)
        self._waits = Waits()
        self._began_ns = 0  # the moment 0.0 of the run's clock, since 1970
        self._run: Any = None
        self._tasks: dict[int, Any] = {}
        self._attempts: dict[Attempt, Any] = {}

    def record(self, facts: Sequence[Fact]) -> None:
        """Begin and end spans."""
        for fact in facts:
            life = self._waits.lives.get(fact.task) if isinstance(fact, TaskEnded) else None
            self._waits.fold(fact)
            self._waits.released.clear()
            match fact:
                case RunStarted(at):
                    self._began_ns = time.time_ns() - int(at * _NS)
                    self._run = self._begin("weft run", self._above, at, {"weft.run.id": self.run_id})
                case TaskAdded():
                    self._add(fact)
                case AttemptStarted(at, attempt):
                    task = self._tasks[attempt.task]
                    told = {"weft.attempt": attempt.number}
                    name = f"{self._waits.lives[attempt.task].added.id} attempt {attempt.number}"
                    self._attempts[attempt] = self._begin(name, self._in(task), at, told)
                    self._instruments.running.add(1)
                case AttemptEnded(at, attempt, outcome):
                    self._end(self._attempts.pop(attempt), at, outcome)
                    self._instruments.running.add(-1)
                    self._instruments.attempts.add(1, {"state": NAME_AFTER[type(outcome)]})
                case TaskEnded(at, position, outcome) if life is not None:
                    self._end_task(self._tasks.pop(position), life, at, outcome)
                case RunEnded(at, state):
                    self._run.set_attribute("weft.state", state.value)
                    if state in (RunState.FAILED, RunState.INTERRUPTED):
                        self._run.set_status(self._trace.StatusCode.ERROR, state.value)
                    self._run.end(self._ns(at))
                case _:
                    pass

    def environment(self, attempt: Attempt) -> Mapping[str, str]:
        """Return the variables by which another process knows the span of the attempt."""
        span = self._attempts.get(attempt)
        if span is None:
            return {}
        carrier: dict[str, str] = {}
        self._propagator.inject(carrier, context=self._in(span))
        return {name.upper(): value for name, value in carrier.items()}

    def entered(self, attempt: Attempt, context: Context) -> Context:
        """Return a copy of ``context`` in which the span of the attempt is the present one."""
        from opentelemetry.context import attach  # noqa: PLC0415 - an extra

        span = self._attempts.get(attempt)
        if span is None:
            return context
        copy = context.copy()
        copy.run(attach, copy.run(self._trace.set_span_in_context, span))
        return copy

    def close(self) -> None:
        """Send what was not sent yet."""
        self._providers.close()

    def _add(self, fact: TaskAdded) -> None:
        told = {"weft.task.id": fact.id, "weft.task.group": fact.group, "weft.task.family": fact.family}
        known = {name: value for name, value in told.items() if value is not None}
        self._tasks[fact.task] = self._begin(fact.id, self._in(self._run), fact.at, known)

    def _end_task(self, span: Any, life: Life, at: float, outcome: Outcome) -> None:
        state = NAME_AFTER[type(outcome)]
        for gate, waited_s in life.waits.items():
            span.set_attribute(f"weft.wait.{str(gate).replace(' ', '.')}", waited_s)
            self._instruments.waits.record(waited_s, {"gate": gate.kind.value, "name": gate.name})
        if life.attempts:
            self._instruments.services.record(life.service_s, {"state": state})
        self._instruments.tasks.add(1, {"state": state})
        span.set_attribute("weft.attempts", life.attempts)
        self._end(span, at, outcome)

    def _begin(self, name: str, parent: Any, at: float, told: Mapping[str, Any]) -> Any:
        return self._tracer.start_span(
            encodable(name),
            context=parent,
            attributes={
                key: encodable(value) if isinstance(value, str) else value for key, value in told.items()
            },
            start_time=self._ns(at),
        )

    def _end(self, span: Any, at: float, outcome: Outcome) -> None:
        span.set_attribute("weft.state", NAME_AFTER[type(outcome)])
        if isinstance(outcome, Failed):
            span.set_status(self._trace.StatusCode.ERROR, encodable(outcome_sentence(outcome)))
        span.end(self._ns(at))

    def _in(self, span: Any) -> Any:
        return self._trace.set_span_in_context(span, self._above)

    def _ns(self, at: float) -> int:
        return self._began_ns + int(at * _NS)
