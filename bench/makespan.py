"""(d) How near does the order of starts come to the shortest time that a graph can take?

No schedule is shorter than the critical path, nor than all work divided among the workers; that
bound cannot always be reached. The row "order alone" is the same scheduler in virtual time, where
nothing costs anything but the order in which it starts tasks.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from random import Random

from _by_hand import Graph
from _side_by_side import Goal, Measure, Table, medians, size_from_command_line, wall_s

from weft.model.plan import Plan
from weft.model.task import Task
from weft.model.work import Call, Command, Where, Work
from weft.planning.prepare import prepare
from weft.runtime.run import run_plan
from weft.scheduling.states import RunState
from weft.testing import Sim

JOBS = 8
GOAL = Goal("<=", 1.10)
Before = Sequence[Sequence[int]]


def random_graph(count: int, reach: int, seed: int = 0) -> tuple[list[float], Before]:
    """Return durations of 5 to 50 ms, and up to three predecessors among the ``reach`` nodes before."""
    chance = Random(seed)
    durations_s = [chance.uniform(0.005, 0.050) for _ in range(count)]
    before = [
        sorted(chance.sample(range(max(0, node - reach), node), min(node, chance.randint(0, 3))))
        for node in range(count)
    ]
    return durations_s, before


def bound_s(durations_s: Sequence[float], before: Before) -> float:
    """Return the seconds that no schedule can beat."""
    ends: list[float] = []
    for duration_s, sources in zip(durations_s, before, strict=True):
        ends.append(duration_s + max((ends[source] for source in sources), default=0.0))
    return max(*ends, sum(durations_s) / JOBS)


def plan_of(durations_s: Sequence[float], before: Before, work: Callable[[float], Work], root: str) -> Plan:
    """Return the graph as a plan whose durations are declared."""
    tasks = [
        Task(f"n{node}", work(duration_s), tuple(f"n{source}" for source in sources), duration_s=duration_s)
        for node, (duration_s, sources) in enumerate(zip(durations_s, before, strict=True))
    ]
    return Plan(tuple(tasks), max_concurrent=JOBS, root=root)


def _coroutine(duration_s: float) -> Work:
    return Call(asyncio.sleep, (duration_s,), where=Where.LOOP)


def _command(duration_s: float) -> Work:
    return Command(("sleep", f"{duration_s:.6f}"))


def _run(durations_s: Sequence[float], before: Before, work: Callable[[float], Work]) -> float:
    with tempfile.TemporaryDirectory() as folder:
        prepared = prepare(plan_of(durations_s, before, work, folder))

        def run() -> None:
            assert asyncio.run(run_plan(prepared)).state is RunState.SUCCEEDED

        return wall_s(run)


def _first_come(durations_s: Sequence[float], before: Before) -> float:
    functions = [partial(asyncio.sleep, duration_s) for duration_s in durations_s]
    return wall_s(lambda: asyncio.run(Graph(functions, before, JOBS).run()))


def main() -> None:
    """Measure and print."""
    size = size_from_command_line(__doc__ or "", rounds=3)
    count = size.of(400, 20)
    table = Table(f"Makespan of {count} sleeps of 5 to 50 ms in a random graph, at -j{JOBS}")
    for title, reach in (("wide: needs among all nodes before", count), ("narrow: among the 30 before", 30)):
        durations_s, before = random_graph(count, reach)
        bound = bound_s(durations_s, before)
        ways: dict[str, Measure] = {
            "weft, coroutines": partial(_run, durations_s, before, _coroutine),
            "weft, commands": partial(_run, durations_s, before, _command),
            "by hand, first come, first served": partial(_first_come, durations_s, before),
        }
        table.section(f"{title}, compared with max(critical path, work / {JOBS})")
        table.line("the bound", f"{bound:.3f} s")
        order = Sim(plan_of(durations_s, before, _coroutine, ".")).play()
        table.line("order alone, in virtual time", f"{order:.3f} s", order / bound)
        for name, seconds in medians(ways, size.rounds).items():
            goal = GOAL if name.startswith("weft") else None
            table.line(name, f"{seconds:.3f} s", seconds / bound, goal)


if __name__ == "__main__":
    main()
