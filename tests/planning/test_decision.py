from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from tests.planning.declared import conflict, declared_plans, ordered_pairs

from weft.model.reason import (
    Needs,
    NotDeclared,
    PoolTooSmall,
    ReadAfterWrite,
    Through,
    Transaction,
    WriteAfterRead,
    WriteAfterWrite,
)
from weft.model.task import Task
from weft.model.unlock import Declare, DropNeed, LargerLimit, LeaveGroup, NarrowerPattern, PrivateWorkspace
from weft.planning.decision import Decision, Rule, Verdict, decide
from weft.planning.patterns import Ground
from weft.planning.prepare import PreparedPlan, prepare
from weft.testing import plan, task


def verdict_on(first: str, second: str, *tasks: Task, max_concurrent: int = 5, **settings: Any) -> Decision:
    prepared = prepare(plan(*tasks, **settings))
    ids = [prepared.task.id for prepared in prepared.tasks]
    return decide(prepared, ids.index(first), ids.index(second), max_concurrent)


def test_tasks_that_touch_different_things_are_parallel() -> None:
    decision = verdict_on("a", "b", task("a", writes=["out/a"]), task("b", writes=["out/b"], reads=["in"]))
    assert decision == Decision("a", "b", Verdict.PARALLEL)


def test_tasks_that_read_the_same_are_parallel() -> None:
    assert verdict_on("a", "b", task("a", reads=["x"]), task("b", reads=["x"])).verdict is Verdict.PARALLEL


def test_a_task_that_says_nothing_is_unproven_with_all_others() -> None:
    decision = verdict_on("a", "b", task("a"), task("b", writes=["x"]))
    assert decision.verdict is Verdict.UNPROVEN
    assert decision.rules == (Rule(NotDeclared("a"), (Declare("a"),)),)
    both = verdict_on("a", "b", task("a"), task("b"))
    assert [rule.because for rule in both.rules] == [NotDeclared("a"), NotDeclared("b")]


def test_to_declare_that_nothing_is_touched_is_a_declaration() -> None:
    assert verdict_on("a", "b", task("a", reads=[]), task("b", writes=["x"])).verdict is Verdict.PARALLEL


def test_a_strict_plan_keeps_apart_what_is_not_declared() -> None:
    decision = verdict_on("a", "b", task("a"), task("b", writes=["x"]), strict=True)
    assert decision.verdict is Verdict.SEQUENTIAL
    assert decision.rules == (Rule(NotDeclared("a"), (Declare("a"),)),)


def test_every_rule_is_told_and_not_only_the_first() -> None:
    decision = verdict_on(
        "a",
        "b",
        task("a", reads=["y"], writes=["x", "z"], limits={"gpu": 1}),
        task("b", reads=["x"], writes=["y", "z"], needs=["a"], limits={"gpu": 1}),
        limits={"gpu": 1},
    )
    assert [rule.because for rule in decision.rules] == [
        Needs("a"),
        ReadAfterWrite("a", "b", "x"),
        WriteAfterRead("a", "b", "y"),
        WriteAfterWrite("a", "b", "z"),
        PoolTooSmall("gpu", size=1, asked=2),
    ]


def test_each_rule_knows_what_would_lift_it() -> None:
    a = task("a", reads=["y"], writes=["x", "z"], limits={"gpu": 2})
    b = task("b", reads=["x"], writes=["y", "z"], needs=["a"], limits={"gpu": 3})
    assert [rule.unlocks for rule in verdict_on("a", "b", a, b, limits={"gpu": 3}).rules] == [
        (DropNeed("b", "a"),),
        (),  # one writes the very file that the other reads
        (PrivateWorkspace("b"),),
        (PrivateWorkspace("b"),),
        (LargerLimit("gpu", 5),),
    ]


def test_a_pattern_that_says_more_than_the_other_could_be_narrower() -> None:
    decision = verdict_on("a", "b", task("a", writes=["out/a.json"]), task("b", reads=["out/", "in"]))
    assert decision.rules[0].unlocks == (NarrowerPattern("b", "out/"),)
    globs = verdict_on("a", "b", task("a", writes=["out/*"]), task("b", reads=["out/*"]))
    assert globs.rules[0].unlocks == (NarrowerPattern("a", "out/*"), NarrowerPattern("b", "out/*"))


def test_order_through_others_names_the_chain_and_the_reasons_of_each_link() -> None:
    decision = verdict_on(
        "c", "a", task("a", writes=["x"]), task("b", reads=["x"], writes=["y"]), task("c", reads=["y"])
    )
    assert (decision.before, decision.after, decision.verdict) == ("a", "c", Verdict.SEQUENTIAL)
    assert decision.rules == (Rule(Through(("b",))),)
    assert [(link.before, link.after, link.sole) for link in decision.chain] == [
        ("a", "b", True),
        ("b", "c", True),
    ]
    assert decision.chain[1].rules == (Rule(ReadAfterWrite("b", "c", "y")),)


def test_a_hazard_that_follows_from_others_is_told_all_the_same() -> None:
    writers = [task(name, writes=["x"]) for name in "abc"]
    decision = verdict_on("a", "c", *writers)
    assert [rule.because for rule in decision.rules] == [WriteAfterWrite("a", "c", "x"), Through(("b",))]


def test_the_one_that_starts_first_is_told_first_whatever_the_order_of_the_plan() -> None:
    decision = verdict_on("a", "b", task("a", needs=["b"]), task("b"))
    assert (decision.before, decision.after) == ("b", "a")


def test_nothing_that_conflicts_comes_between_the_members_of_a_transaction() -> None:
    tasks = [
        task("out", writes=["old"], group="swap"),
        task("peek", reads=["new"]),
        task("in", writes=["new"], group="swap"),
    ]
    decision = verdict_on("out", "peek", *tasks, atomic=["swap"])
    assert decision.verdict is Verdict.SEQUENTIAL
    assert Rule(Transaction("swap"), (LeaveGroup("out", "swap"),)) in decision.rules


def test_one_slot_or_weights_that_fill_the_run_keep_tasks_apart() -> None:
    tasks = [task("a", reads=[], limits={"max_concurrent": 3}), task("b", reads=[])]
    decision = verdict_on("a", "b", *tasks, max_concurrent=3)
    assert [rule.because for rule in decision.rules] == [PoolTooSmall("max_concurrent", size=3, asked=4)]
    assert verdict_on("a", "b", *tasks, max_concurrent=4).verdict is Verdict.PARALLEL
    assert verdict_on("a", "b", *tasks, max_concurrent=1).verdict is Verdict.SEQUENTIAL


def test_links_are_resolved_as_they_were_when_the_plan_was_prepared() -> None:
    def resolve(path: str) -> str:
        return path.replace("link", "real")

    ground = Ground(resolve=resolve)
    prepared = prepare(plan(task("a", writes=["real/x"]), task("b", reads=["link/x"])), ground)
    assert decide(prepared, 0, 1, 5, ground).rules == (Rule(ReadAfterWrite("a", "b", "real/x")),)


@given(
    prepared=st.booleans().flatmap(lambda apart: declared_plans(apart=apart)),
    max_concurrent=st.integers(1, 4),
)
def test_what_conflicts_or_is_ordered_is_never_parallel(prepared: PreparedPlan, max_concurrent: int) -> None:
    ordered = ordered_pairs(prepared)
    for second in range(len(prepared.tasks)):
        for first in range(second):
            decision = decide(prepared, first, second, max_concurrent)
            if (first, second) in ordered or conflict(prepared, first, second):
                assert decision.verdict is Verdict.SEQUENTIAL
            if decision.verdict is not Verdict.PARALLEL:
                assert decision.rules
