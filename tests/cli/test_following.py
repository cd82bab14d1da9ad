"""What `weft run` writes besides its display: a timeline, metrics."""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.cli.process import TIMEOUT_S, Told, start, weft

Write = Callable[[str], Path]
PLAN = "tasks: {a: 'true', b: {run: 'true', needs: [a]}}\n"


def test_a_timeline_is_written_in_the_format_that_its_name_tells(plan: Write) -> None:
    folder = plan(PLAN)
    for name, key in (("x.trace", "traceEvents"), ("x.trace.json", "traceEvents"), ("x.json", "schema")):
        assert weft("run", "-q", "--timeline", name, cwd=folder).code == 0
        assert key in json.loads((folder / name).read_text())
    assert json.loads((folder / "x.json").read_text())["critical"] == ["a", "b"]


def test_metrics_are_written_when_the_run_is_over(plan: Write) -> None:
    folder = plan(PLAN)
    assert weft("run", "-q", cwd=folder, env={"WEFT_METRICS_FILE": "weft.prom"}).code == 0
    assert 'weft_tasks{state="succeeded"} 2.0' in (folder / "weft.prom").read_text()


def test_metrics_are_there_while_the_run_goes_on(plan: Write, told: Told) -> None:
    folder = plan("tasks: {a: 'echo begun > told; read line < gate'}\n")
    gate = Told(folder / "gate")
    with start("run", "--metrics-port", "0", cwd=folder) as process:
        assert process.stderr is not None
        url = re.findall(r"^metrics at (http://127\.0\.0\.1:\d+/metrics)$", process.stderr.readline().strip())
        assert told.line() == "begun"
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(url[0], timeout=TIMEOUT_S) as answer:
            assert 'weft_tasks{state="running"} 1.0' in answer.read().decode()
        (folder / "gate").write_text("go on\n")
        process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 0
    gate.close()


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        (("--timeline", "x.txt"), "x.txt: the name must tell what is wanted"),
        (("--timeline", "no/such/x.json"), "no/such/x.json can't be written: there is no such directory"),
        (("--metrics-file", "no/such/x"), "no/such/x can't be written"),
        (("--metrics-port", "70000"), "70000 is not in the range"),
    ],
)
def test_what_can_not_be_had_is_said_before_anything_begins(
    plan: Write, wish: tuple[str, ...], said: str
) -> None:
    folder = plan("tasks: {a: touch begun}\n")
    ended = weft("run", *wish, cwd=folder)
    assert ended.code == 2
    assert said in ended.err
    assert not (folder / "begun").exists()


@pytest.mark.parametrize("wish", [("--timeline", "x.json"), ("--metrics-port", "0"), ("--trace",)])
def test_a_dry_run_refuses_what_would_have_no_effect(plan: Write, wish: tuple[str, ...]) -> None:
    ended = weft("run", "-n", *wish, cwd=plan(PLAN))
    assert ended.code == 2
    assert f"{wish[0]} has no effect beside --dry-run" in ended.err


def test_map_has_them_too(tmp_path: Path) -> None:
    assert weft("map", "--timeline", "x.json", "true", "a", "b", cwd=tmp_path).code == 0
    assert len(json.loads((tmp_path / "x.json").read_text())["ran"]) == 2


def test_that_nobody_takes_the_traces_is_told_in_a_few_lines_and_is_no_fault_of_ours(plan: Write) -> None:
    env = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "OTEL_EXPORTER_OTLP_TIMEOUT": "1"}
    ended = weft("run", "-q", "--trace", cwd=plan("tasks: {a: 'true'}"), env=env)
    assert ended.code == 0
    assert 1 <= len(ended.err.splitlines()) <= 4, (
        ended.err
    )  # what is tried again, and what is given up; twice
    assert "internal error" not in ended.err
