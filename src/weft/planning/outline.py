"""The outline of a prepared plan: what each task waits for and takes, without what it does.

Small enough to be kept with each run, and enough to tell later why a task waited.
"""

from __future__ import annotations

import msgspec

from weft.model.limits import MAX_CONCURRENT
from weft.model.lock import Hold
from weft.model.rate import Rate
from weft.model.reason import EdgeReason
from weft.planning.demand import pools_of, sizes_of
from weft.planning.prepare import PreparedPlan, PreparedTask


class OutlinedTask(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one task waits for and takes.

    ``after`` are the tasks before it, each with the reason. ``pools`` are units of all pools but that of the
    run, of which it takes ``slots``; ``locks`` tells which it holds, and whether alone.
    """

    after: tuple[tuple[int, EdgeReason], ...] = ()
    slots: int = 1
    pools: dict[str, int] = {}
    rates: tuple[str, ...] = ()
    locks: dict[str, bool] = {}


class Outline(msgspec.Struct, frozen=True):
    """A plan as its gates see it: the ``sizes`` of its pools, that of the run among them, and its tasks."""

    sizes: dict[str, int]
    tasks: tuple[OutlinedTask, ...]


_PLAIN = OutlinedTask()


def outline_of(prepared: PreparedPlan, max_concurrent: int) -> Outline:
    """Return the outline of a plan of which at most ``max_concurrent`` tasks run at once.

    >>> from weft.planning.prepare import prepare
    >>> from weft.testing import plan, task
    >>> outline_of(prepare(plan(task("a"), task("b", needs=["a"]))), 4).tasks[1].after
    ((0, Needs(task='a')),)
    """
    tasks = tuple([_outlined(task, prepared, max_concurrent) for task in prepared.tasks])
    return Outline(sizes_of(prepared.plan.limits, max_concurrent), tasks)


def _outlined(prepared: PreparedTask, plan: PreparedPlan, max_concurrent: int) -> OutlinedTask:
    task = prepared.task
    if not (prepared.edges or task.limits or task.locks):
        return _PLAIN
    after = tuple([(edge.before, edge.because) for edge in prepared.edges])
    if not (task.limits or task.locks):
        return OutlinedTask(after)
    pools = pools_of(task, plan.plan.limits, max_concurrent)
    slots = pools.pop(MAX_CONCURRENT)
    rates = tuple(name for name in sorted(task.limits) if isinstance(plan.plan.limits.get(name), Rate))
    locks = {name: hold is Hold.EXCLUSIVE for name, hold in sorted(task.locks.items())}
    return OutlinedTask(after, slots, pools, rates, locks)
