from __future__ import annotations

import pytest
from hypothesis import given

from weft.errors import PlanError
from weft.model.plan import Plan
from weft.model.reason import Needs
from weft.planning.check import problems
from weft.planning.graph import Edge
from weft.planning.prepare import prepare
from weft.testing import plan, task
from weft.testing.strategies import plans


def test_needs_become_edges_that_know_their_reason() -> None:
    prepared = prepare(plan(task("b", needs=["a"]), task("a")))
    assert prepared.tasks[0].edges == (Edge(1, 0, True, Needs("a")),)
    assert prepared.tasks[1].edges == ()


def test_a_need_of_a_fan_out_is_an_edge_from_each_member() -> None:
    members = [task(f"m[{n}]", family="m") for n in range(3)]
    prepared = prepare(plan(*members, task("sum", needs=["m"])))
    assert [(edge.before, edge.because) for edge in prepared.tasks[3].edges] == [
        (0, Needs("m[0]")),
        (1, Needs("m[1]")),
        (2, Needs("m[2]")),
    ]


def test_what_is_needed_twice_is_one_edge() -> None:
    prepared = prepare(plan(task("m[0]", family="m"), task("sum", needs=["m", "m[0]", "m"])))
    assert len(prepared.tasks[1].edges) == 1


def test_a_plan_with_mistakes_is_not_prepared() -> None:
    with pytest.raises(PlanError, match="needs itself"):
        prepare(plan(task("a", needs=["a"])))


@given(plans())
def test_a_plan_without_mistakes_is_prepared_in_program_order(drawn: Plan) -> None:
    assert problems(drawn) == ()
    prepared = prepare(drawn)
    assert prepared.plan == drawn
    assert [one.task for one in prepared.tasks] == list(drawn.tasks)
    assert [one.position for one in prepared.tasks] == list(range(len(drawn.tasks)))
