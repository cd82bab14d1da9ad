"""A random plan that can run, made from a seeded source of chance."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from random import Random

import msgspec

from weft.model.group import Group
from weft.model.plan import Plan
from weft.model.policy import AGING_S, Policy
from weft.model.priority import Priority
from weft.testing.builders import task
from weft.testing.random_limits import random_costs, random_limits, random_locks, random_shares
from weft.testing.random_places import random_place
from weft.testing.random_policy import GROUPS, random_groups, random_policy, random_retry, random_timeout

FAMILIES = ("odd", "even")
DURATIONS_S = (None, 0.0, 0.5, 1.0, 1.0, 2.0)  # few values, so that many things happen at one instant


def random_plan(chance: Random, *, max_tasks: int = 10) -> Plan:
    """Return a plan of up to ``max_tasks`` tasks with needs, families, limits, locks and priorities.

    Some tasks are speculative. Half of the plans also say what happens when things go wrong. Tasks may need
    others that stand after them.
    """
    troubled = chance.random() < 0.5
    n_tasks = chance.randint(1, max_tasks)
    limits, locks = random_shares(chance, random_limits(chance, troubled=troubled))
    speculates = chance.random() < 0.4
    apart = chance.random() < 0.3
    some_groups = GROUPS[: chance.choice((0, 0, 1, 2, 3))] if troubled else ()
    group_of = [chance.choice((None, *some_groups)) for _ in range(n_tasks)]
    groups = random_groups(chance, group_of)
    families = [chance.choice((None, None, None, *FAMILIES)) for _ in range(n_tasks)]
    ids = [f"{family}[{n}]" if family else f"t{n}" for n, family in enumerate(families)]
    # Program order, shaken: a task needs what comes before it in this order.
    ranks = [position + chance.gauss(0, 1.5) for position in range(n_tasks)]
    tasks = [
        task(
            ids[position],
            needs=[
                *_needs(chance, position, ids, families, ranks),
                *_groups_before(chance, position, groups, group_of, ranks),
            ],
            limits=dict(random_costs(chance, limits)),
            priority=chance.choice(tuple(Priority)),
            duration_s=chance.choice(DURATIONS_S),
            family=families[position],
            group=group_of[position],
            retry=random_retry(chance) if troubled else None,
            timeout=random_timeout(chance) if troubled else None,
            locks=random_locks(chance),
            speculative=speculates and chance.random() < 0.4,
            **random_place(chance, apart=apart),
        )
        for position in range(n_tasks)
    ]
    policy = random_policy(chance) if troubled else Policy()
    aging_s = chance.choice((0.5, 1.0, 2.0, AGING_S))
    return Plan(
        tuple(tasks),
        limits,
        max_concurrent=chance.randint(1, 4),
        groups=groups,
        policy=msgspec.structs.replace(policy, aging_s=aging_s),
        locks=locks,
    )


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


def _groups_before(
    chance: Random,
    position: int,
    groups: Mapping[str, Group],
    group_of: Sequence[str | None],
    ranks: Sequence[float],
) -> Iterator[str]:
    for name in groups:
        members = [rank for rank, of in zip(ranks, group_of, strict=True) if _is_inside(of, name, groups)]
        if members and max(members) < ranks[position] and chance.random() < 0.3:
            yield name


def _is_inside(group: str | None, outer: str, groups: Mapping[str, Group]) -> bool:
    while group is not None and group != outer:
        group = groups[group].group
    return group is not None


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
