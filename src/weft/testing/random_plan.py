"""A random plan that can run, made from a seeded source of chance."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from random import Random

from weft.model.limits import MAX_CONCURRENT, Pool
from weft.model.plan import Plan
from weft.model.priority import Priority
from weft.testing.builders import task

FAMILIES = ("odd", "even")
DURATIONS_S = (None, 0.0, 0.5, 1.0, 1.0, 2.0)  # few values, so that many things happen at one instant


def random_plan(chance: Random, *, max_tasks: int = 10) -> Plan:
    """Return a plan of up to ``max_tasks`` tasks with needs, families, pools, weights and priorities.

    Tasks may need others that stand after them.
    """
    n_tasks = chance.randint(1, max_tasks)
    pools = {name: Pool(chance.randint(1, 4)) for name in ("api", "disk", "gpu")[: chance.randint(0, 3)]}
    families = [chance.choice((None, None, None, *FAMILIES)) for _ in range(n_tasks)]
    ids = [f"{family}[{n}]" if family else f"t{n}" for n, family in enumerate(families)]
    # Program order, shaken: a task needs what comes before it in this order.
    ranks = [position + chance.gauss(0, 1.5) for position in range(n_tasks)]
    tasks = [
        task(
            ids[position],
            needs=_needs(chance, position, ids, families, ranks),
            limits=dict(_limits(chance, pools)),
            priority=chance.choice(tuple(Priority)),
            duration_s=chance.choice(DURATIONS_S),
            family=families[position],
        )
        for position in range(n_tasks)
    ]
    return Plan(tuple(tasks), pools, max_concurrent=chance.randint(1, 4))


def _needs(
    chance: Random, position: int, ids: Sequence[str], families: Sequence[str | None], ranks: Sequence[float]
) -> list[str]:
    earlier = [ids[other] for other, rank in enumerate(ranks) if rank < ranks[position]]
    needs = chance.sample(earlier, min(len(earlier), chance.choice((0, 0, 1, 1, 2, 3))))
    for family in FAMILIES:
        members = [rank for rank, of in zip(ranks, families, strict=True) if of == family]
        if members and max(members) < ranks[position] and chance.random() < 0.3:
            needs.append(family)
    return needs


def _limits(chance: Random, pools: Mapping[str, Pool]) -> Iterator[tuple[str, int]]:
    for name, pool in pools.items():
        if chance.random() < 0.4:
            yield name, chance.randint(1, pool.size)
    if chance.random() < 0.2:
        yield MAX_CONCURRENT, chance.randint(1, 3)


def cuts(before: Sequence[Sequence[int]]) -> list[int]:
    """Return where a plan can be cut in two so that no task needs one behind the cut.

    ``before`` holds the positions that each task waits for.

    >>> cuts([[], [2], [], [0]])
    [1, 3]
    """
    found = []
    furthest = 0
    for position in range(1, len(before)):
        furthest = max(furthest, *before[position - 1], 0)
        if furthest < position:
            found.append(position)
    return found
