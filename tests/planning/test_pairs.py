from __future__ import annotations

from collections import Counter
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.planning.declared import declared_plans

from weft.planning import pairs
from weft.planning.decision import Verdict, decide
from weft.planning.pairs import Pairs, count_pairs
from weft.planning.prepare import PreparedPlan, prepare
from weft.testing import plan, task


@given(
    prepared=st.booleans().flatmap(lambda apart: declared_plans(apart=apart)),
    max_concurrent=st.integers(1, 4),
)
def test_the_counts_are_those_of_the_verdicts(prepared: PreparedPlan, max_concurrent: int) -> None:
    positions = combinations(range(len(prepared.tasks)), 2)
    verdicts = Counter(decide(prepared, *pair, max_concurrent).verdict for pair in positions)
    assert count_pairs(prepared, max_concurrent) == Pairs(
        verdicts[Verdict.PARALLEL], verdicts[Verdict.SEQUENTIAL], verdicts[Verdict.UNPROVEN]
    )


def test_plans_without_a_pair_have_none() -> None:
    assert count_pairs(prepare(plan()), 5) == Pairs(0, 0, 0)
    assert count_pairs(prepare(plan(task("a"))), 5).total == 0


def test_one_at_a_time_keeps_all_pairs_apart() -> None:
    assert count_pairs(prepare(plan(*(task(f"t{n}") for n in range(10)))), 1) == Pairs(0, 45, 0)


def test_a_pool_keeps_apart_what_it_can_not_hold_together() -> None:
    tasks = [task(f"t{units}", limits={"gpu": units}, reads=[]) for units in (1, 2, 3)]
    assert count_pairs(prepare(plan(*tasks, limits={"gpu": 3})), 5) == Pairs(1, 2, 0)
    assert count_pairs(prepare(plan(*tasks, limits={"gpu": 4})), 5) == Pairs(2, 1, 0)


@pytest.mark.parametrize("size", [pairs.BLOCK - 1, pairs.BLOCK, pairs.BLOCK + 1])
def test_plans_are_counted_whole_on_both_sides_of_a_block(size: int) -> None:
    chain = [task("first", reads=[])]
    chain += [task(f"t{n}", reads=[], needs=["first"]) for n in range(size - 2)]
    chain += [task("last", needs=["first"])]
    total = size * (size - 1) // 2
    unproven = size - 2
    assert count_pairs(prepare(plan(*chain)), 5) == Pairs(total - (size - 1) - unproven, size - 1, unproven)
