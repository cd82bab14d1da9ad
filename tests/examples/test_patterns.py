"""The plans of examples/patterns do what they say. Those about failures have tests of their own."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

from tests.cli.process import weft

EXAMPLES = Path(__file__).parents[2] / "examples" / "patterns"


def run(plan: str, folder: Path) -> list[dict[str, Any]]:
    """Run a copy of an example; return its events."""
    shutil.copy(EXAMPLES / plan, folder)
    ended = weft("run", "--json", plan, cwd=folder)
    assert ended.code == 0, ended.err
    return [json.loads(line) for line in ended.out.splitlines()]


def of_kind(kind: str, events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [event for event in events if event["event"] == kind]


def started(events: list[dict[str, Any]]) -> list[str]:
    return [event["task"] for event in of_kind("attempt_started", events)]


def most_at_once(events: list[dict[str, Any]]) -> int:
    running = most = 0
    for event in events:
        running += {"attempt_started": 1, "attempt_ended": -1}.get(event["event"], 0)
        most = max(most, running)
    return most


def test_independent_tasks_run_five_at_a_time_and_keep_their_order(tmp_path: Path) -> None:
    events = run("independent.yaml", tmp_path)
    assert most_at_once(events) == 5
    rows = events[-1]["aggregates"]["lengths"]["rows"]
    assert [row["value"] for row in rows] == [4, 4, 4, 4, 4, 6, 7, 8]


def test_of_mixed_work_the_urgent_goes_first(tmp_path: Path) -> None:
    assert started(run("mixed.yaml", tmp_path)) == ["answer", "report", "backup"]


def test_dependent_tasks_follow_from_what_they_read_and_write(tmp_path: Path) -> None:
    order = started(run("dependent.yaml", tmp_path))
    assert (order[0], sorted(order[1:4]), order[4]) == ("fetch", ["largest", "names", "total"], "page")
    assert (tmp_path / "page.txt").read_text() == "a\nb\nc\n6\na 3\n"


def test_of_shared_names_every_version_is_kept(tmp_path: Path) -> None:
    events = run("shared_resources.yaml", tmp_path)
    values = {event["task"]: event["value"] for event in of_kind("task_ended", events)}
    assert sorted(values["list"]) == ["written by ada", "written by ben", "written by cy"]
    assert (tmp_path / "notes.txt").read_text() == "written by ada\n"


def test_calls_of_an_api_keep_to_its_rate(tmp_path: Path) -> None:
    starts = [event["at"] for event in of_kind("attempt_started", run("api.yaml", tmp_path))]
    assert len(starts) == 6
    assert all(later - earlier >= 0.5 for earlier, later in zip(starts, starts[3:], strict=False))


def test_each_plan_stands_in_the_table_and_the_table_names_no_other() -> None:
    table = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    own = set(re.findall(r"`(\w+\.yaml)` \|", table))
    elsewhere = re.findall(r"\]\((\S+\.yaml)\)", table)
    assert own == {plan.name for plan in EXAMPLES.glob("*.yaml")}
    assert len(own) + len(elsewhere) == 7
    assert all((EXAMPLES / path).is_file() for path in elsewhere)
