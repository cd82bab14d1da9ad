from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from tests.cli.process import environment, weft
from tests.live.receiver import Receiver, receiving

TRACE_ID, PARENT_ID = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
PLAN = """
max_concurrent: 2
tasks:
  first: echo $TRACEPARENT > told
  second: {run: "exit 3", needs: [first], retry: {max_attempts: 2, base: 1ms}}
  third: {run: "true", needs: [second]}
"""
PROGRAM = """
import asyncio, json, os, subprocess, weft
from opentelemetry import trace
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

def here(context=None):
    context = trace.get_current_span(context).get_span_context()
    return f"{context.trace_id:032x}-{context.span_id:016x}"

async def coroutine():
    await asyncio.sleep(0)
    return here()

def thread():
    return here()

def process():
    assert subprocess.getoutput("echo $TRACEPARENT") == os.environ["TRACEPARENT"]
    return here(TraceContextTextMapPropagator().extract({"traceparent": os.environ["TRACEPARENT"]}))

if __name__ == "__main__":
    plan = weft.Plan()
    plan.add(coroutine, id="coroutine")
    plan.add(thread, id="thread")
    for n in range(2):
        plan.add(process, id=f"process{n}", where="process")
    print(json.dumps(weft.run(plan, trace=True).results))
"""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


def variables(receiver: Receiver, **more: str) -> dict[str, str]:
    proxies = {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
    return {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url, **proxies, **more}


def assert_inside(inner: Span, outer: Span) -> None:
    assert inner.parent_span_id == outer.span_id
    assert inner.trace_id == outer.trace_id
    assert outer.start_time_unix_nano <= inner.start_time_unix_nano
    assert inner.start_time_unix_nano <= inner.end_time_unix_nano <= outer.end_time_unix_nano


def told(span: Span) -> dict[str, object]:
    return {each.key: getattr(each.value, each.value.WhichOneof("value") or "") for each in span.attributes}


def test_a_receiver_gets_spans_of_run_tasks_and_attempts_with_right_parents_and_times(
    receiver: Receiver, tmp_path: Path
) -> None:
    (tmp_path / "weft.yaml").write_text(PLAN)
    above = f"00-{TRACE_ID}-{PARENT_ID}-01"
    ended = weft("run", "-q", "--trace", cwd=tmp_path, env=variables(receiver, TRACEPARENT=above))
    assert ended.code == 1, ended.err
    run = receiver.span("weft run")
    assert (run.trace_id.hex(), run.parent_span_id.hex()) == (TRACE_ID, PARENT_ID)
    assert run.status.code == Status.STATUS_CODE_ERROR
    tasks = {name: receiver.span(name) for name in ("first", "second", "third")}
    for task in tasks.values():
        assert_inside(task, run)
    attempts = {
        name: receiver.span(name) for name in ("first attempt 1", "second attempt 1", "second attempt 2")
    }
    for name, attempt in attempts.items():
        assert_inside(attempt, tasks[name.split()[0]])
    assert len(receiver.spans) == 1 + 3 + 3, "a task that was skipped has no attempt"
    assert attempts["first attempt 1"].end_time_unix_nano <= attempts["second attempt 1"].start_time_unix_nano
    assert told(tasks["second"])["weft.attempts"] == 2
    assert told(tasks["third"])["weft.state"] == "skipped"
    waited_s = told(tasks["second"])["weft.wait.dependency"]
    first = attempts["first attempt 1"]
    took_s = (first.end_time_unix_nano - first.start_time_unix_nano) / 1e9
    assert waited_s == pytest.approx(took_s, abs=1e-6)
    assert receiver.services == {"weft"}


def test_a_command_is_told_the_span_of_its_attempt(receiver: Receiver, tmp_path: Path) -> None:
    (tmp_path / "weft.yaml").write_text(PLAN)
    weft("run", "-q", "--trace", cwd=tmp_path, env=variables(receiver, OTEL_SERVICE_NAME="nightly"))
    attempt = receiver.span("first attempt 1")
    told = (tmp_path / "told").read_text()
    assert told.startswith(f"00-{attempt.trace_id.hex()}-{attempt.span_id.hex()}-")
    assert receiver.services == {"nightly"}


def test_functions_know_the_span_of_their_attempt(receiver: Receiver, tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    ran = subprocess.run(
        [sys.executable, "program.py"],
        cwd=tmp_path,
        env=environment(**variables(receiver)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    results = json.loads(ran.stdout)
    for name in ("coroutine", "thread", "process0", "process1"):
        span = receiver.span(f"{name} attempt 1")
        assert results[name] == f"{span.trace_id.hex()}-{span.span_id.hex()}"


def test_the_receiver_gets_metrics_too(receiver: Receiver, tmp_path: Path) -> None:
    (tmp_path / "weft.yaml").write_text(PLAN)
    weft("run", "-q", "--trace", cwd=tmp_path, env=variables(receiver))
    metrics = {metric.name: metric for metric in receiver.metrics}
    by_state = {
        point.attributes[0].value.string_value: point.as_int
        for point in metrics["weft.tasks"].sum.data_points
    }
    assert by_state == {"succeeded": 1, "failed": 1, "skipped": 1}
    assert sum(point.count for point in metrics["weft.task.service"].histogram.data_points) == 2
    assert "weft.task.wait" in metrics
    (running,) = metrics["weft.attempts.running"].sum.data_points
    assert running.as_int == 0


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("OTEL_TRACES_EXPORTER", "zipkin"),
        ("OTEL_METRICS_EXPORTER", "zipkin"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
    ],
)
def test_what_is_not_known_is_said_before_anything_begins(variable: str, value: str, tmp_path: Path) -> None:
    (tmp_path / "weft.yaml").write_text("tasks: {a: touch begun}\n")
    ended = weft("run", "--trace", cwd=tmp_path, env={variable: value})
    assert (ended.code, ended.out) == (2, "")
    assert f"{variable}={value}" in ended.err
    assert not (tmp_path / "begun").exists()


def test_without_the_wish_nothing_is_sent(receiver: Receiver, tmp_path: Path) -> None:
    (tmp_path / "weft.yaml").write_text(PLAN)
    above = f"00-{TRACE_ID}-{PARENT_ID}-01"
    weft("run", "-q", cwd=tmp_path, env=variables(receiver, TRACEPARENT=above))
    assert not receiver.spans
    assert (tmp_path / "told").read_text().strip() == above, "it is handed on as it is"
