"""Other orders of a plan: each is one that its edges allow."""

from __future__ import annotations

from random import Random

import msgspec

from weft.model.plan import Plan
from weft.model.priority import HIGH
from weft.model.task import Task
from weft.planning.prepare import PreparedPlan, prepare
from weft.runtime.orders import backwards, forwards, shuffled, with_looks
from weft.testing import Sim, plan, task

PLAN = plan(
    task("a", writes="x"),
    task("b", reads="x", duration_s=100.0),
    task("c", priority=HIGH),
    task("d", needs=["e"]),
    task("e"),
)


def started(prepared: PreparedPlan) -> list[str]:
    """Return the tasks in the order in which they run one at a time."""
    run = Sim(Plan(), max_concurrent=1)
    run.submit_prepared(prepared.tasks)
    run.play()
    return run.started


def test_forwards_is_program_order_whatever_the_priorities() -> None:
    assert started(forwards(prepare(PLAN))) == ["a", "b", "c", "e", "d"]


def test_backwards_the_last_that_can_run_comes_next() -> None:
    assert started(backwards(prepare(PLAN))) == ["e", "d", "c", "a", "b"]


def test_shuffled_orders_differ_and_keep_the_edges() -> None:
    orders = {tuple(started(shuffled(prepare(PLAN), Random(seed), 0.0))) for seed in range(500)}
    assert all(order.index("a") < order.index("b") for order in orders)
    assert all(order.index("e") < order.index("d") for order in orders)
    assert len(orders) == 120 / 2 / 2  # all of those that keep the two edges


def test_the_same_chance_gives_the_same_variant() -> None:
    prepared = prepare(PLAN)
    assert shuffled(prepared, Random(1), 0.5) == shuffled(prepared, Random(1), 0.5)
    assert shuffled(prepared, Random(1), 0.5) != shuffled(prepared, Random(2), 0.5)


def test_a_command_stays_what_it_is_behind_its_pause() -> None:
    (variant,) = forwards(prepare(plan(task("a")))).tasks
    assert msgspec.to_builtins(variant.task.work)["run"][-2:] == ("0.000", "true")


def test_a_look_stands_before_after_and_between_all_tasks() -> None:
    looked: list[Task | None] = []
    prepared = with_looks(prepare(PLAN), looked.append)
    assert started(prepared) == ["\0", "a", "\0a", "b", "\0b", "c", "\0c", "e", "\0e", "d", "\0d"]
