"""(b) What does Weft add to a node of a graph, against a loop written by hand?

By hand stands for what makes the same promises: at most 100 at once, results in order, and what
depends on a node that raised does not run. The barest loop makes none of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from random import Random

from _by_hand import BareGraph, Graph
from _side_by_side import Goal, Table, medians, size_from_command_line, wall_s

import weft
from weft.api.sync import run_until_done
from weft.planning.prepare import PreparedPlan, prepare
from weft.runtime.run import run_plan

AT_ONCE = 100
PARENTS = 3
Before = Sequence[Sequence[int]]


async def no_op() -> int:
    """Do nothing."""
    return 7


def layers(count: int) -> Before:
    """Layers of 100 (or a tenth of all); each node waits for three of the layer before."""
    chance, wide = Random(0), min(100, count // 10)
    return [
        sorted(chance.sample(range((node // wide - 1) * wide, node // wide * wide), PARENTS))
        if node >= wide
        else []
        for node in range(count)
    ]


def chain(count: int) -> Before:
    """Each node waits for the one before."""
    return [[node - 1] if node else [] for node in range(count)]


def fan(count: int) -> Before:
    """One node, then all others, then one."""
    return [[], *([0] for _ in range(count - 2)), list(range(1, count - 1))]


def plan_of(before: Before) -> weft.Plan:
    """Return a plan of no-ops with these edges."""
    plan = weft.Plan(max_concurrent=AT_ONCE)
    for node, sources in enumerate(before):
        plan.add(no_op, id=f"n{node}", needs=[f"n{source}" for source in sources])
    return plan


class Contest:
    """The ways to run one graph, each of which checks what it got."""

    def __init__(self, before: Before) -> None:
        self._before = before
        self._functions = [no_op] * len(before)
        self._expected = [7] * len(before)
        self._plan = plan_of(before)
        self._prepared: PreparedPlan = prepare(self._plan.frozen())

    def by_hand(self) -> None:
        """Run it by the careful loop."""
        assert asyncio.run(Graph(self._functions, self._before, AT_ONCE).run()) == self._expected

    def barest(self) -> None:
        """Run it by the loop that promises nothing."""
        asyncio.run(BareGraph(self._functions, self._before).run())

    def prepared(self) -> None:
        """Run the plan, whose edges and critical paths are known."""
        report = run_until_done("", lambda: run_plan(self._prepared))
        assert list(report.results.values()) == self._expected

    def from_plan_to_report(self) -> None:
        """Check, prepare and run the plan."""
        assert list(weft.run(self._plan).results.values()) == self._expected


def main() -> None:
    """Measure and print."""
    size = size_from_command_line(__doc__ or "")
    count = size.of(10_000, 100)
    table = Table(f"Graphs of {count:,} coroutines that do nothing")
    shapes = {f"layers, {PARENTS} parents each": layers, "a chain": chain, "one -> all -> one": fan}
    goal = Goal("<=", 1.5)
    for title, shape in shapes.items():
        contest = Contest(shape(count))
        contenders = {
            "by hand: counters, one Task per node": partial(wall_s, contest.by_hand),
            "weft, the plan being prepared": partial(wall_s, contest.prepared),
            "weft.run(plan): check, prepare, run, report": partial(wall_s, contest.from_plan_to_report),
            "the barest loop: no limit, results or errors": partial(wall_s, contest.barest),
        }
        reference, prepared, whole, _ = contenders
        table.section(title)
        table.against(reference, medians(contenders, size.rounds), {prepared: goal, whole: goal})


if __name__ == "__main__":
    main()
