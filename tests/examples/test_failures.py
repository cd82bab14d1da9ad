"""The plans of examples/failures end as they say."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from tests.cli.process import weft

EXAMPLES = Path(__file__).parents[2] / "examples" / "failures"


def run(plan: str, folder: Path, **env: str) -> tuple[int, list[dict[str, Any]]]:
    """Run a copy of an example; return its exit code and its events."""
    shutil.copy(EXAMPLES / plan, folder)
    ended = weft("run", "--json", plan, cwd=folder, env={"TMPDIR": str(folder), **env})
    return ended.code, [json.loads(line) for line in ended.out.splitlines()]


def of_kind(kind: str, events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [event for event in events if event["event"] == kind]


def test_graceful_degradation_makes_its_report_of_what_there_is(tmp_path: Path) -> None:
    code, events = run("graceful_degradation.yaml", tmp_path)
    report = events[-1]
    assert (code, report["state"]) == (3, "degraded")
    survey = report["groups"]["survey"]
    assert (survey["met"], survey["succeeded"], survey["failed"], survey["required"]) == (True, 3, 1, 2)
    assert [row["count"] for row in report["aggregates"]["weather"]["rows"]] == [3, 3]
    values = {end["task"]: end.get("value") for end in of_kind("task_ended", events)}
    assert values["report"] == "answers, 3 of 4"


def test_retry_with_backoff_succeeds_in_the_end(tmp_path: Path) -> None:
    code, events = run("retry_with_backoff.yaml", tmp_path)
    assert (code, events[-1]["state"]) == (0, "succeeded")
    attempts = {end["task"]: end["attempts"] for end in of_kind("task_ended", events)}
    assert attempts == {"fetch": 3, "busy": 2}
    failures = {(end["task"], end["attempt"]): end["at"] for end in of_kind("attempt_ended", events)}
    delays = {
        (retry["task"], retry["attempt"]): retry["due"] - failures[retry["task"], retry["attempt"] - 1]
        for retry in of_kind("retry_scheduled", events)
    }
    assert delays == pytest.approx({("fetch", 2): 0.02, ("fetch", 3): 0.04, ("busy", 2): 0.05}, abs=1e-5)


def test_what_is_not_critical_may_fail(tmp_path: Path) -> None:
    code, events = run("critical_or_not.yaml", tmp_path)
    report = events[-1]
    assert (code, report["state"]) == (3, "degraded")
    assert {name: group["met"] for name, group in report["groups"].items()} == {
        "extras": False,
        "build": True,
    }
    assert report["counts"] == {"succeeded": 3, "failed": 1, "cancelled": 0, "skipped": 0}


def test_what_is_critical_ends_the_run(tmp_path: Path) -> None:
    code, events = run("critical_or_not.yaml", tmp_path, BROKEN="1")
    assert (code, events[-1]["state"]) == (1, "failed")
    (stopping,) = of_kind("run_stopping", events)
    assert stopping["because"] == {"type": "CriticalFailed", "group": "build"}
    assert "publish" not in {start["task"] for start in of_kind("attempt_started", events)}


def test_health_monitoring_waits_until_the_server_is_well_and_loses_no_call(tmp_path: Path) -> None:
    code, events = run("health_monitoring.yaml", tmp_path)
    assert (code, events[-1]["state"]) == (0, "succeeded")
    circuits = [change["circuit"] for change in of_kind("health_changed", events)]
    assert circuits == ["open", "half open", "closed"]
    health = events[-1]["health"]["limit `server`"]
    assert (health["is_healthy"], health["completed"], health["failed"]) == (True, 10, 4)
    assert not list(tmp_path.glob("weft-calls-*"))


def test_each_plan_stands_in_the_table_of_the_folder() -> None:
    table = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    assert [plan.name for plan in EXAMPLES.glob("*.yaml") if f"`{plan.name}`" not in table] == []
