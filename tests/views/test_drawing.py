"""Drawings of plans.

``WEFT_WRITE_GOLDEN=1`` writes the pages anew; read the difference before you keep it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from weft.model.plan import Plan
from weft.model.task import Task
from weft.model.work import Command
from weft.planning.prepare import PreparedPlan, prepare
from weft.views.drawing import DEEPEST, FOLDED_FROM, as_json, dot, mermaid, tree

GOLDEN = Path(__file__).parent / "golden"


def golden(name: str, text: str) -> None:
    page = GOLDEN / name
    if os.environ.get("WEFT_WRITE_GOLDEN"):
        page.write_bytes(text.encode())
    assert text == page.read_bytes().decode()


def task(id: str, *needs: str, family: str | None = None, duration_s: float | None = None) -> Task:
    return Task(id, Command("true"), needs, family=family, duration_s=duration_s)


def plan(*tasks: Task) -> PreparedPlan:
    return prepare(Plan(tasks))


ODD = (
    'say "hi"',
    "a[b]{c}|d",
    "two\nlines",
    "<b>&amp;#1;</b>",
    "back\\slash",
    "`md`",
    "\x1b[2J",
    "lone \udcff",
)


@pytest.fixture
def survey() -> PreparedPlan:
    """A plan with a fan-out of many, one of few, an order-only edge and odd names."""
    prepared = plan(
        task("list", duration_s=2.0),
        *(task(f"survey[{n}.md]", "list", family="survey") for n in range(12)),
        *(task(f"check[{n}]", f"survey[{n}.md]", family="check", duration_s=n) for n in range(3)),
        task("findings", "list", "survey"),
        task("publish", "findings", "check"),
        task("alone"),
        *(task(name, "publish") for name in ODD),
    )
    # A later version of Weft has edges that only order; the drawings know them already.
    *others, last = prepared.tasks
    only_orders = tuple(msgspec.structs.replace(edge, required=False) for edge in last.edges)
    return msgspec.structs.replace(
        prepared, tasks=(*others, msgspec.structs.replace(last, edges=only_orders))
    )


@pytest.mark.parametrize(("draw", "ending"), [(tree, "txt"), (mermaid, "mmd"), (dot, "dot")])
def test_a_drawing_for_people(draw: Callable[..., str], ending: str, survey: PreparedPlan) -> None:
    golden(f"survey.{ending}", draw(survey))
    golden(f"survey_unfolded.{ending}", draw(survey, fold=False))


def test_a_drawing_for_programs(survey: PreparedPlan) -> None:
    golden("survey.json", as_json(survey))


def test_the_json_has_every_task_and_every_edge(survey: PreparedPlan) -> None:
    graph = json.loads(as_json(survey))
    assert [entry["id"] for entry in graph["tasks"]] == [entry.id for entry in survey.plan.tasks]
    n_edges = sum(len(prepared.edges) for prepared in survey.tasks)
    assert len(graph["edges"]) == n_edges
    assert graph["edges"][-1]["required"] is False
    assert graph["edges"][0] == {
        "before": "list",
        "after": "survey[0.md]",
        "required": True,
        "because": {"type": "Needs", "task": "list"},
    }


def critical(prepared: PreparedPlan) -> list[str]:
    return [entry["id"] for entry in json.loads(as_json(prepared))["tasks"] if entry["critical"]]


def test_the_critical_path_is_marked_and_where_there_are_two_both_are() -> None:
    short = task("short", "root", duration_s=0.1)
    assert critical(plan(task("root"), short, task("long", "root"), task("end", "short", "long"))) == [
        "root",
        "long",
        "end",
    ]
    assert critical(plan(task("a"), task("b"), task("c", "a"))) == ["a", "c"]
    assert critical(plan(task("a"), task("b"))) == ["a", "b"]
    assert critical(plan(task("x", duration_s=0.1), task("y", "x", duration_s=0.2), task("z", "y"))) == [
        "x",
        "y",
        "z",
    ]


def test_a_plan_without_tasks_is_drawn() -> None:
    assert tree(plan()) == ""
    assert mermaid(plan()) == "flowchart LR\n"
    assert json.loads(as_json(plan())) == {"tasks": [], "edges": []}


def test_a_fan_out_is_folded_from_a_certain_size_on() -> None:
    def fan_out(size: int) -> PreparedPlan:
        return plan(*(task(f"f[{n}]", family="f") for n in range(size)))

    assert tree(fan_out(FOLDED_FROM)) == f"f[…] ×{FOLDED_FROM}\n"  # noqa: RUF001
    assert len(tree(fan_out(FOLDED_FROM - 1)).splitlines()) == FOLDED_FROM - 1


def test_what_folding_makes_a_circle_is_drawn_all_the_same() -> None:
    members = [task(f"a[{n}]", *(["b[9]"] if n == 0 else []), family="a") for n in range(9)]
    members += [task(f"b[{n}]", *(["a[9]"] if n == 0 else []), family="b") for n in range(10)]
    members.append(task("a[9]", family="a"))
    assert tree(plan(*members)) == "a[…] ×10\n└── b[…] ×10\n    └── a[…] ×10 (above)\n"  # noqa: RUF001


def test_members_that_follow_each_other_are_one_node() -> None:
    chain = [task(f"a[{n}]", *([f"a[{n - 1}]"] if n else []), family="a") for n in range(9)]
    assert tree(plan(*chain)) == "a[…] ×9\n"  # noqa: RUF001


def test_a_long_chain_is_continued_further_down() -> None:
    n_tasks = 10_000
    lines = tree(plan(*(task(f"t{n}", *([f"t{n - 1}"] if n else [])) for n in range(n_tasks)))).splitlines()
    put_off = f"t{DEEPEST + 1}"
    assert lines[DEEPEST + 1].endswith(f"└── {put_off} (below)")
    assert lines[DEEPEST + 2] == put_off
    assert sum(not line.endswith("(below)") for line in lines) == n_tasks
    assert max(map(len, lines)) < 5 * DEEPEST


def test_no_drawing_has_a_character_that_a_terminal_would_obey(survey: PreparedPlan) -> None:
    for text in (tree(survey), mermaid(survey), dot(survey), as_json(survey)):
        assert all(line.isprintable() for line in text.splitlines())


@pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")
def test_graphviz_reads_the_graph(survey: PreparedPlan) -> None:
    drawn = subprocess.run(["dot", "-Tsvg"], input=dot(survey).encode(), capture_output=True, check=False)
    assert (drawn.returncode, drawn.stderr) == (0, b"")
    assert b"say &quot;hi&quot;" in drawn.stdout
