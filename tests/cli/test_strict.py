"""`--strict`: tasks that declare nothing keep their place, in `run`, `graph`, `check` and `explain`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.cli.process import weft

PlanIn = Callable[..., Path]

PLAN = """
tasks:
  a: {run: "sleep 0.1; echo a >> order", writes: [order]}
  b: echo b >> order
  c: {run: "echo c >> order", writes: [order]}
"""
TORN = """
groups: {g: {atomic: true}}
tasks:
  a: {run: x, writes: a, group: g}
  b: {run: x, needs: a}
  c: {run: x, needs: b, group: g, writes: c}
"""


def test_a_strict_run_does_tasks_in_order_that_declare_nothing(plan: PlanIn) -> None:
    root = plan(PLAN)
    assert weft("run", "-q", cwd=root).code == 0
    assert (root / "order").read_text() == "b\na\nc\n"
    (root / "order").unlink()
    assert weft("run", "-q", "--strict", cwd=root).code == 0
    assert (root / "order").read_text() == "a\nb\nc\n"


def test_the_variable_does_the_same(plan: PlanIn) -> None:
    root = plan(PLAN)
    assert weft("run", "-q", cwd=root, env={"WEFT_STRICT": "1"}).code == 0
    assert (root / "order").read_text() == "a\nb\nc\n"


def test_the_graph_shows_the_order_that_a_strict_run_keeps(plan: PlanIn) -> None:
    root = plan(PLAN)
    lax, strict = [
        json.loads(weft("graph", "--format", "json", *args, cwd=root).out) for args in ((), ("--strict",))
    ]
    assert len(lax["edges"]) < len(strict["edges"])


def test_a_strict_check_names_the_tasks_that_declare_nothing(plan: PlanIn) -> None:
    root = plan(PLAN)
    assert weft("check", cwd=root).out == "3 tasks, no mistakes\n"
    assert weft("check", "--strict", cwd=root).out == (
        "3 tasks, no mistakes\ndeclare neither `reads` nor `writes`, and so run alone: b\n"
    )


@pytest.mark.parametrize("command", ["run", "graph", "check"])
def test_an_order_that_can_not_be_kept_is_a_mistake_of_the_plan(command: str, plan: PlanIn) -> None:
    root = plan(TORN)
    assert weft("check", cwd=root).code == 0
    ended = weft(command, "--strict", cwd=root)
    assert ended.code == 2
    assert "these tasks wait for each other" in ended.err


def test_explain_tells_what_strict_makes_of_a_plan(tmp_path: Path) -> None:
    (tmp_path / "weft.yaml").write_text("tasks: {a: 'true', b: 'true'}")
    assert weft("explain", "a", "b", cwd=tmp_path).out.startswith("a and b: UNPROVEN")
    assert weft("explain", "--strict", "a", "b", cwd=tmp_path).out.startswith("a and b: SEQUENTIAL")
