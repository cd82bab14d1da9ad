from __future__ import annotations

from collections.abc import Sequence

from weft.model.limits import Pool
from weft.model.lock import Hold
from weft.model.priority import HIGH, LOW
from weft.model.reason import AsksOthers, LockHeld, PoolFull
from weft.model.scope import Scope
from weft.scheduling.facts import Fact, LineHeld, RunStarted, SharesAsked, TaskAdded, TaskQueued
from weft.testing import Sim, plan, task

ONE = {"gpu": Pool(1)}


def news(facts: Sequence[Fact]) -> list[Fact]:
    return [fact for fact in facts if isinstance(fact, TaskQueued | LineHeld | SharesAsked)]


def test_the_first_fact_tells_the_limits_and_is_told_once() -> None:
    run = Sim(plan(task("a"), limits=ONE, max_concurrent=3))
    run.play()
    assert run.facts[0] == RunStarted(0.0, 3, {"gpu": 1}, {})
    assert sum(isinstance(fact, RunStarted) for fact in run.facts) == 1


def test_a_task_is_added_with_what_it_waits_for_and_what_it_takes() -> None:
    locks = {"deploy": Hold.SHARED}
    run = Sim(
        plan(
            task("a", writes=["x"]),
            task("b", needs=["a"], reads=["x"], limits={"gpu": 1}, locks=locks),
            task("c", writes=["x"]),
            limits=ONE,
        )
    )
    added = [fact for fact in run.facts if isinstance(fact, TaskAdded)]
    assert [(fact.needs, fact.hazards) for fact in added] == [((), ()), ((0,), (0,)), ((), (1,))]
    assert (added[1].limits, added[1].locks) == ({"gpu": 1}, locks)


def test_who_waits_for_a_slot_costs_no_fact() -> None:
    run = Sim(plan(task("a"), task("b"), task("c", needs=["a"])), max_concurrent=1)
    run.play()
    assert news(run.facts) == []


def test_who_starts_at_once_costs_no_fact() -> None:
    run = Sim(plan(task("a", limits={"gpu": 1}), task("b", priority=HIGH), limits=ONE))
    run.play()
    assert news(run.facts) == []


def test_the_gate_of_a_line_is_told_once_however_many_stand_in_it_and_pass() -> None:
    run = Sim(plan(*(task(each, limits={"gpu": 1}) for each in "abcd"), limits=ONE))
    run.play()
    queued = [fact for fact in news(run.facts) if isinstance(fact, TaskQueued)]
    held = [fact for fact in news(run.facts) if isinstance(fact, LineHeld)]
    assert [fact.task for fact in queued] == [1, 2, 3]
    line = queued[0].line
    assert held == [LineHeld(0.0, line, PoolFull("gpu", 0, 1)), LineHeld(3.0, line)]


def test_another_gate_is_told_when_it_holds_the_line() -> None:
    run = Sim(
        plan(
            task("a", locks={"deploy": Hold.EXCLUSIVE}),
            task("b", locks={"deploy": Hold.EXCLUSIVE}),
            max_concurrent=2,
        )
    )
    run.submit(task("c"), task("urgent", priority=HIGH))
    run.finish("a")
    held = [fact for fact in news(run.facts) if isinstance(fact, LineHeld)]
    assert [fact.because for fact in held] == [LockHeld("deploy", ("a",)), None]


def test_who_moves_up_to_the_usual_line_is_told_to_stand_there() -> None:
    run = Sim(plan(task("a", duration_s=1000.0), task("b", priority=LOW), task("c"), max_concurrent=1))
    run.pass_to(400.0)
    queued = [fact for fact in news(run.facts) if isinstance(fact, TaskQueued)]
    assert [fact.task for fact in queued] == [1, 1]
    assert queued[0].line != 0
    assert queued[1].line == 0


def test_who_asks_other_processes_is_told() -> None:
    run = Sim(
        plan(
            task("a", limits={"gpu": 1}),
            task("b", limits={"gpu": 1}),
            limits={"gpu": Pool(1, scope=Scope.MACHINE)},
        )
    )
    told = news(run.facts)
    assert told[0] == SharesAsked(0.0, 0)
    assert [fact.because for fact in told if isinstance(fact, LineHeld)] == [AsksOthers(("gpu",))]
