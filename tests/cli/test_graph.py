from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.cli.process import weft

from weft.planfile import load
from weft.planning.prepare import prepare
from weft.views import drawing

PlanIn = Callable[..., Path]

PLAN = """
tasks:
  list: ls
  survey: {each: {n: [1, 2, 3, 4, 5, 6]}, run: "echo {n}", needs: list}
  report: {run: echo, needs: [list, survey]}
"""


def test_the_tree_is_drawn_by_default_with_large_fan_outs_folded(plan: PlanIn) -> None:
    root = plan(PLAN)
    ended = weft("graph", cwd=root)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out == "list\n├── survey[…] ×6\n│   └── report\n└── report (above)\n"  # noqa: RUF001
    assert "├── survey[6]\n" in weft("graph", "-v", cwd=root).out


@pytest.mark.parametrize(("format", "draw"), [("mermaid", drawing.mermaid), ("dot", drawing.dot)])
def test_each_format_is_drawn(format: str, draw: Callable[..., str], plan: PlanIn) -> None:
    root = plan(PLAN)
    prepared = prepare(load(root / "weft.yaml"))
    assert weft("graph", "--format", format, cwd=root).out == draw(prepared)
    assert weft("graph", "--format", format, "-v", cwd=root).out == draw(prepared, fold=False)


def test_json_has_every_task(plan: PlanIn) -> None:
    root = plan(PLAN)
    graph = json.loads(weft("graph", "--format", "json", cwd=root).out)
    assert len(graph["tasks"]) == 8
    assert weft("graph", "--format", "json", "-v", cwd=root).code == 2
    assert weft("graph", "--format", "json", cwd=root, env={"WEFT_VERBOSE": "1"}).code == 0


def test_what_a_stream_can_not_hold_is_written_as_an_escape(plan: PlanIn) -> None:
    ended = weft("graph", cwd=plan("tasks: {ü: x}"), env={"PYTHONIOENCODING": "ascii"})
    assert (ended.code, ended.out) == (0, "\\xfc\n")
