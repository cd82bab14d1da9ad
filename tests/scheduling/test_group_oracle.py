"""Groups against a brute-force oracle: all small groups, all outcomes, all orders in which tasks can end.

What is checked after each step, and at the end, stands in `Audit`: verdicts are those of a count at the
end; they are told when they are certain, and not before; nothing starts that can't matter any more, and
nothing that can is left out or stopped.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import product
from random import Random

import pytest
from tests.scheduling.group_oracle import Forest, Tree, audited, forest, orders

from weft.model.group import Group, Rest
from weft.testing.sim import UNBOUNDED

RESTS = [*product(Rest, Rest)]  # when met, when lost
GO_ON = [(Rest.CONTINUE, None), (Rest.CONTINUE, Rest.CONTINUE)]


def flat(
    n_tasks: int, criticals: Iterable[bool | None], rests: Iterable[tuple[Rest, Rest | None]]
) -> list[Tree]:
    """Return all groups of ``n_tasks`` tasks, one of each kind."""
    least = [None, 0.5, *range(1, n_tasks + 1)]
    return [
        Tree(
            Group(critical=critical, min_required=required, when_met=met, when_lost=lost),
            tuple(range(n_tasks)),
        )
        for required, critical, (met, lost) in product(least, criticals, rests)
    ]


def audit_all(of: Forest, width: int, *, obedient: bool = True) -> None:
    for order in orders(of.n_tasks, width):
        for good in range(1 << of.n_tasks):
            audited(of, order, good, obedient=obedient)


@pytest.mark.parametrize("width", [1, 2, UNBOUNDED])
@pytest.mark.parametrize("n_tasks", [1, 2, 3, 4])
def test_groups_of_up_to_four_tasks_end_as_a_count_says(n_tasks: int, width: int) -> None:
    kinds = [*flat(n_tasks, [False], RESTS), *flat(n_tasks, [None], GO_ON)]
    audit_all(forest(kinds, n_tasks, width), width)


@pytest.mark.parametrize(("width", "rests"), [(1, RESTS), (2, RESTS), (UNBOUNDED, GO_ON[:1])])
def test_groups_of_five_tasks_end_as_a_count_says(
    width: int, rests: Sequence[tuple[Rest, Rest | None]]
) -> None:
    audit_all(forest(flat(5, [False], rests), 5, width), width)


@pytest.mark.parametrize("n_tasks", [2, 3])
def test_tasks_that_don_t_stop_when_they_are_asked_to_change_no_verdict(n_tasks: int) -> None:
    kinds = flat(n_tasks, [False], [(Rest.CANCEL, Rest.CANCEL)])
    audit_all(forest(kinds, n_tasks, UNBOUNDED), UNBOUNDED, obedient=False)


@pytest.mark.parametrize("n_tasks", [1, 2, 3])
@pytest.mark.parametrize("critical", [True, False, None])
@pytest.mark.parametrize("on_failure", Rest)
def test_a_run_of_one_group_ends_as_a_count_says(
    n_tasks: int, critical: bool | None, on_failure: Rest
) -> None:
    for tree in flat(n_tasks, [critical], [(Rest.CONTINUE, None), (Rest.CANCEL, Rest.CANCEL)]):
        audit_all(forest([tree], n_tasks, UNBOUNDED, on_failure), UNBOUNDED)


@pytest.mark.parametrize(("n_tasks", "width"), [(4, 1), (4, 2), (5, 1)])
def test_a_critical_group_ends_its_run_when_a_count_says_that_it_is_lost(n_tasks: int, width: int) -> None:
    for tree in flat(n_tasks, [True], [(Rest.CONTINUE, None), (Rest.CANCEL, Rest.CANCEL)]):
        audit_all(forest([tree], n_tasks, width), width)


# Groups in groups


def nested(shape: str) -> list[Tree]:
    """Return all kinds of groups with three tasks and a group inside, in one of four shapes."""
    found = []
    inner_kinds = product([None, 1], [None, False], Rest)
    for (least, critical, rest), outer_least, (met, lost) in product(inner_kinds, [None, 1, 2], RESTS):
        inner = Group(critical=critical, min_required=least, when_met=rest, when_lost=rest)
        outer = Group(critical=False, min_required=outer_least, when_met=met, when_lost=lost)
        found.append(_SHAPES[shape](outer, inner))
    return found


_SHAPES = {
    "a task and a group of two": lambda outer, inner: Tree(outer, (0,), (Tree(inner, (1, 2)),)),
    "two tasks and a group of one": lambda outer, inner: Tree(outer, (0, 2), (Tree(inner, (1,)),)),
    "two groups": lambda outer, inner: Tree(outer, (), (Tree(inner, (0, 2)), Tree(inner, (1,)))),
    "three deep": lambda outer, inner: Tree(outer, (2,), (Tree(inner, (1,), (Tree(inner, (0,)),)),)),
}


@pytest.mark.parametrize("width", [1, UNBOUNDED])
@pytest.mark.parametrize("shape", _SHAPES)
def test_groups_in_groups_end_as_a_count_says(shape: str, width: int) -> None:
    audit_all(forest(nested(shape), 3, width), width)


@pytest.mark.parametrize("obedient", [True, False])
def test_random_trees_of_groups_end_as_a_count_says(obedient: bool) -> None:
    for seed in range(1500):
        chance = Random(seed)
        n_tasks = chance.randint(1, 6)
        tree = random_tree(chance, list(range(n_tasks)))
        width = chance.choice([1, 2, UNBOUNDED])
        order = chance.sample(range(n_tasks), n_tasks) if width > n_tasks else range(n_tasks)
        of = forest([tree], n_tasks, width, chance.choice([*Rest]))
        audited(of, order, chance.getrandbits(n_tasks), obedient=obedient)


def random_tree(chance: Random, tasks: list[int]) -> Tree:
    n_own = chance.randint(0 if len(tasks) > 1 else len(tasks), len(tasks))
    own, left = tasks[:n_own], tasks[n_own:]
    inner = []
    while left:
        n_inner = chance.randint(1, len(left))
        inner.append(random_tree(chance, left[:n_inner]))
        left = left[n_inner:]
    group = Group(
        critical=chance.choice([True, False, None]),
        min_required=chance.choice([None, 1, 2, 0.3, 0.5, 1.0]),
        when_met=chance.choice([*Rest]),
        when_lost=chance.choice([None, *Rest]),
    )
    return Tree(group, tuple(own), tuple(inner))
