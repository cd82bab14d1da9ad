"""What tasks take of what they share, and which pairs that keeps apart."""

from __future__ import annotations

from itertools import combinations

import pytest

from weft.model.limits import Limit
from weft.model.rate import Rate
from weft.model.reason import PoolTooSmall, RateTooSmall, SameLock
from weft.model.task import Task
from weft.model.unlock import LargerRate, ShareLock
from weft.planning.decision import Decision, Verdict, decide
from weft.planning.demand import Kind, demand_of, pools_of
from weft.planning.pairs import count_pairs
from weft.planning.prepare import prepare
from weft.testing import plan, task

LIMITS: dict[str, int | Limit] = {
    "api": Rate({"requests": "10/min", "tokens": ("1000/min", "1500/h")}),
    "gpu": 2,
}


def verdict_on(first: Task, second: Task, limits: dict[str, int | Limit] = LIMITS) -> Decision:
    return decide(prepare(plan(first, second, limits=limits)), 0, 1, 5)


def test_each_window_of_a_rate_and_each_lock_is_something_to_share() -> None:
    asking = task(
        "a", limits={"api": {"tokens": 80}, "gpu": 1}, locks={"index": "shared", "site": "exclusive"}
    )
    demand = demand_of(asking, plan(limits=LIMITS).limits, 5)
    assert [(share.kind, share.name, units) for share, units in demand[:5]] == [
        (Kind.RATE, "api.requests", 1),
        (Kind.RATE, "api.tokens", 80),
        (Kind.RATE, "api.tokens", 80),
        (Kind.POOL, "gpu", 1),
        (Kind.POOL, "max_concurrent", 1),
    ]
    assert [(share.kind, share.name) for share, _ in demand[5:]] == [
        (Kind.LOCK, "index"),
        (Kind.LOCK, "site"),
    ]
    assert pools_of(asking, plan(limits=LIMITS).limits, 5) == {"gpu": 1, "max_concurrent": 1}


@pytest.mark.parametrize(
    ("first", "second", "apart"),
    [
        (["site"], ["site"], True),
        (["site"], {"site": "shared"}, True),
        ({"site": "shared"}, {"site": "shared"}, False),
        (["site"], ["index"], False),
    ],
)
def test_a_lock_keeps_tasks_apart_unless_both_share_it(
    first: list[str] | dict[str, str], second: list[str] | dict[str, str], apart: bool
) -> None:
    decision = verdict_on(task("a", reads=[], locks=first), task("b", reads=[], locks=second))
    assert decision.verdict is (Verdict.SEQUENTIAL if apart else Verdict.PARALLEL)
    assert [(rule.because, rule.unlocks) for rule in decision.rules] == (
        [(SameLock("site"), (ShareLock("site"),))] if apart else []
    )


@pytest.mark.parametrize(("tokens", "apart"), [(500, False), (501, True)])
def test_a_rate_keeps_apart_what_no_span_lets_start_together(tokens: int, apart: bool) -> None:
    first, second = (task(name, reads=[], limits={"api": {"tokens": tokens}}) for name in "ab")
    decision = verdict_on(first, second)
    because = RateTooSmall("api.tokens", 1000, 2 * tokens)
    assert [(rule.because, rule.unlocks) for rule in decision.rules] == (
        [(because, (LargerRate("api.tokens", 2 * tokens),))] if apart else []
    )


def test_windows_that_say_the_same_are_one_reason() -> None:
    first, second = (task(name, limits={"api": 6}) for name in "ab")
    assert len(verdict_on(first, second, {"api": Rate(("10/s", "10/min"))}).rules) == 1


def test_pairs_are_counted_as_each_of_them_is_decided() -> None:
    tasks = [
        task("a", reads=[], locks=["site"], limits={"gpu": 2}),
        task("b", reads=[], locks={"site": "shared"}, limits={"api": {"tokens": 900}}),
        task("c", reads=[], locks={"site": "shared"}, limits={"api": {"requests": 10, "tokens": 50}}),
        task("d", limits={"api": {"tokens": 200}, "gpu": 1}),
    ]
    prepared = prepare(plan(*tasks, limits=LIMITS))
    decisions = [decide(prepared, *pair, 5) for pair in combinations(range(4), 2)]
    verdicts = [decision.verdict for decision in decisions]
    counted = count_pairs(prepared, 5)
    assert (counted.parallel, counted.sequential, counted.unproven) == tuple(
        verdicts.count(verdict) for verdict in Verdict
    )
    kinds = {type(rule.because) for decision in decisions for rule in decision.rules}
    assert {PoolTooSmall, RateTooSmall, SameLock} <= kinds
