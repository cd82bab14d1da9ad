"""How many pairs of tasks may run side by side, and how many may not.

Knows all pairs at once and no reasons: those of one pair are gathered in `decision`. A set of tasks is an
integer here, with a bit for each: so a plan of ten thousand tasks, fifty million pairs, takes a moment.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from weft.planning.demand import Demand, Share, demand_of
from weft.planning.graph import topological_order
from weft.planning.prepare import PreparedPlan
from weft.planning.reach import ends_before

# Bits of one integer. The sets of all tasks take this times the number of tasks in bits: 1 KB for each.
BLOCK = 8192


class Pairs(msgspec.Struct, frozen=True):
    """The number of pairs with each verdict."""

    parallel: int
    sequential: int
    unproven: int

    @property
    def total(self) -> int:
        """How many pairs there are."""
        return self.parallel + self.sequential + self.unproven


def count_pairs(prepared: PreparedPlan, max_concurrent: int) -> Pairs:
    """Return how many pairs have each verdict if ``max_concurrent`` tasks may run at once.

    >>> from weft.planning.prepare import prepare
    >>> from weft.testing import plan, task
    >>> count_pairs(prepare(plan(task("a"), task("b", needs=["a"]), task("c"))), 5)
    Pairs(parallel=0, sequential=1, unproven=2)
    """
    given = ends_before(prepared)
    order = topological_order(len(given), given)
    place = {position: number for number, position in enumerate(order)}
    before = [[place[source] for source in given[position]] for position in order]
    tasks = [prepared.tasks[position].task for position in order]
    demands = [demand_of(task, prepared.plan.limits, max_concurrent) for task in tasks]
    apart = _kept_apart(demands)
    undeclared = [task.accesses is None for task in tasks]
    n_sequential = n_unproven = 0
    for start in range(0, len(tasks), BLOCK):
        counted = _count_block(start, before, demands, apart, undeclared)
        n_sequential += counted[0]
        n_unproven += counted[1]
    n_pairs = len(tasks) * (len(tasks) - 1) // 2
    return Pairs(n_pairs - n_sequential - n_unproven, n_sequential, n_unproven)


def _count_block(
    start: int,
    before: Sequence[Sequence[int]],
    demands: Sequence[Demand],
    apart: Mapping[Demand, int],
    undeclared: Sequence[bool],
) -> tuple[int, int]:
    """Return how many pairs are sequential, and how many unproven, whose first is one of a block."""
    n_tasks = len(before)
    size = min(BLOCK, n_tasks - start)
    whole = (1 << size) - 1
    kept_apart = {demand: (mask >> start) & whole for demand, mask in apart.items()}
    unknown = _bits(number for number in range(size) if undeclared[start + number])
    reached: list[int] = []  # for each task from `start` on: itself and what comes before it, in the block
    n_sequential = n_unproven = 0
    for number in range(n_tasks - start):
        above = 0
        for source in before[start + number]:
            if source >= start:
                above |= reached[source - start]
        bit = 1 << number if number < size else 0
        reached.append(above | bit)
        earlier = bit - 1 if bit else whole
        sequential = (above | kept_apart[demands[start + number]]) & earlier
        n_sequential += sequential.bit_count()
        others = earlier & ~sequential
        n_unproven += (others if undeclared[start + number] else others & unknown).bit_count()
    return n_sequential, n_unproven


def _kept_apart(demands: Sequence[Demand]) -> dict[Demand, int]:
    """Return for each demand the tasks that something shared can't hold beside it."""
    users: dict[Share, list[tuple[int, int]]] = {}
    for number, demand in enumerate(demands):
        for share, units in demand:
            users.setdefault(share, []).append((number, units))
    masks: dict[tuple[Share, int], int] = {}
    apart: dict[Demand, int] = {}
    for demand in dict.fromkeys(demands):
        apart[demand] = 0
        for share, units in demand:
            if (share, units) not in masks:
                masks[share, units] = _bits(n for n, other in users[share] if units + other > share.size)
            apart[demand] |= masks[share, units]
    return apart


def _bits(numbers: Iterable[int]) -> int:
    """Return the set of ``numbers``, which rise."""
    octets = bytearray()
    for number in numbers:
        if number // 8 >= len(octets):
            octets.extend(bytes(number // 8 + 1 - len(octets)))
        octets[number // 8] |= 1 << number % 8
    return int.from_bytes(octets, "little")
