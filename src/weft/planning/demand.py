"""What a task takes of what tasks share, and whether two can take theirs at the same time.

Knows the plan's limits. Which tasks follow from that to run apart is counted in `pairs`, and told in
`decision`.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

import msgspec

from weft.model.limits import MAX_CONCURRENT, Limit, Pool
from weft.model.lock import Hold
from weft.model.rate import Rate, costs_of
from weft.model.reason import PoolTooSmall, RateTooSmall, SameLock
from weft.model.task import Task

_ALL = 1 << 60  # of a lock


class Kind(Enum):
    """What kind of thing is shared."""

    POOL = "pool"
    RATE = "rate"
    LOCK = "lock"


class Share(msgspec.Struct, frozen=True):
    """Something of which tasks take units: a pool, a window of a rate, a lock."""

    kind: Kind
    name: str
    size: int


Demand = tuple[tuple[Share, int], ...]


def demand_of(task: Task, limits: Mapping[str, Limit], max_concurrent: int) -> Demand:
    """Return the units that ``task`` takes of each thing that it shares, in the order of their names.

    >>> from weft.testing import task
    >>> wide = task("a", limits={"gpu": 1, "max_concurrent": 9})
    >>> [units for share, units in demand_of(wide, {"gpu": Pool(2)}, 5)]
    [1, 5]
    """
    taken: list[tuple[Share, int]] = []
    for name, cost in sorted({MAX_CONCURRENT: 1, **task.limits}.items(), key=lambda item: item[0]):
        limit = limits.get(name)
        if isinstance(limit, Rate):
            for window, units in zip(limit.windows, costs_of(limit, cost), strict=True):
                taken.append((Share(Kind.RATE, label_of(name, window.cost), window.limit), units))
        elif isinstance(cost, int):
            size = limit.size if isinstance(limit, Pool) else max_concurrent
            # `-j 1` runs what weighs two.
            taken.append((Share(Kind.POOL, name, size), min(cost, size)))
    for lock, hold in sorted(task.locks.items()):
        taken.append((Share(Kind.LOCK, lock, _ALL), _ALL if hold is Hold.EXCLUSIVE else 1))
    return tuple(taken)


def label_of(rate: str, cost: str) -> str:
    """Return what users call one cost of a rate."""
    return f"{rate}.{cost}" if cost else rate


def pools_of(task: Task, limits: Mapping[str, Limit], max_concurrent: int) -> dict[str, int]:
    """Return the units that ``task`` takes of each pool while it runs."""
    demand = demand_of(task, limits, max_concurrent)
    return {share.name: units for share, units in demand if share.kind is Kind.POOL}


def weight_of(task: Task) -> int:
    """Return the units that ``task`` asks of the run's own pool."""
    weight = task.limits.get(MAX_CONCURRENT, 1)
    return weight if isinstance(weight, int) else 1


def sizes_of(limits: Mapping[str, Limit], max_concurrent: int) -> dict[str, int]:
    """Return how many units each pool holds, that of the run itself among them."""
    pools = {name: limit.size for name, limit in limits.items() if isinstance(limit, Pool)}
    return {**pools, MAX_CONCURRENT: max_concurrent}


def too_small(share: Share, asked: int) -> PoolTooSmall | RateTooSmall | SameLock:
    """Return why two tasks that together take ``asked`` of ``share`` can't take it at the same time."""
    match share.kind:
        case Kind.POOL:
            return PoolTooSmall(share.name, share.size, asked)
        case Kind.RATE:
            return RateTooSmall(share.name, share.size, asked)
        case Kind.LOCK:
            return SameLock(share.name)
