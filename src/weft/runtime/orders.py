"""Variants of a prepared plan of commands: the same edges, and other orders that these allow.

Knows what the scheduler goes by when it chooses among tasks that could start. Nothing runs here.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import msgspec

from weft.model.priority import NORMAL
from weft.model.reason import NotDeclared
from weft.model.task import Task
from weft.model.work import Bring, Call, Command
from weft.planning.graph import Edge, program_order
from weft.planning.prepare import PreparedPlan, PreparedTask

_AFTER_A_PAUSE = 'sleep "$1"; shift; exec "$@"'


def forwards(prepared: PreparedPlan) -> PreparedPlan:
    """Return the plan so that, one task at a time, it runs in program order."""
    return _in_order(prepared, lambda position: -position, lambda: 0.0)


def backwards(prepared: PreparedPlan) -> PreparedPlan:
    """Return the plan so that, one task at a time, the last one that can run comes next."""
    return _in_order(prepared, lambda position: position, lambda: 0.0)


def shuffled(prepared: PreparedPlan, chance: Random, max_pause_s: float) -> PreparedPlan:
    """Return the plan in an order left to chance, in which some tasks begin with a pause."""
    return _in_order(
        prepared,
        lambda _: chance.random(),
        lambda: chance.choice((0.0, chance.uniform(0.0, max_pause_s))),
    )


def with_looks(prepared: PreparedPlan, look: Callable[[Task | None], None]) -> PreparedPlan:
    """Return the plan in program order, with a call of ``look`` between any two tasks.

    The first is ``look(None)``, before anything runs, then ``look(task)`` after each task. The tasks keep
    their ids; the calls are tasks of their own, whose ids are none of theirs.
    """
    tasks = forwards(prepared).tasks
    order = program_order([[edge.before for edge in task.edges] for task in tasks])
    assert order is not None, "a prepared plan has no cycle"
    place = {position: 2 * number + 1 for number, position in enumerate(order)}
    found = [PreparedTask(0, _looking(look, None))]
    for position in order:
        task, here = tasks[position].task, place[position]
        edges = [
            Edge(place[edge.before], here, edge.required, edge.because) for edge in tasks[position].edges
        ]
        found.append(PreparedTask(here, task, (*edges, _order(here - 1, task))))
        found.append(PreparedTask(here + 1, _looking(look, task), (_order(here, task),)))
    return PreparedPlan(msgspec.structs.replace(prepared.plan, tasks=()), tuple(found))


def _looking(look: Callable[[Task | None], None], task: Task | None) -> Task:
    return Task(f"\0{task.id if task is not None else ''}", Call(look, (task,)))


def _order(before: int, task: Task) -> Edge:
    return Edge(before, before + 1, False, NotDeclared(task.id))


def _in_order(
    prepared: PreparedPlan, rank: Callable[[int], float], pause_s: Callable[[], float]
) -> PreparedPlan:
    """Return the plan in which the task of the highest ``rank`` comes first among those that could start."""
    tasks = tuple(
        [
            msgspec.structs.replace(
                each, task=_alike(each.task, pause_s()), path_s=float(rank(each.position))
            )
            for each in prepared.tasks
        ]
    )
    return msgspec.structs.replace(prepared, tasks=tasks)


def _alike(task: Task, pause_s: float) -> Task:
    """Return ``task`` without a priority of its own, beginning with a pause."""
    command = task.work
    if isinstance(command, Bring):
        return task
    assert isinstance(command, Command), f"`{task.id}` is no command"
    argv = ("/bin/sh", "-c", _AFTER_A_PAUSE, "sh", f"{pause_s:.3f}", *command.argv)
    return msgspec.structs.replace(task, priority=NORMAL, work=msgspec.structs.replace(command, run=argv))
