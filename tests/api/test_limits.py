"""Rates, locks, speculation and priorities, as they are given in Python."""

from __future__ import annotations

from typing import Any

import pytest
from tests.executors.told import in_a_loop

import weft
from weft import policy
from weft.errors import PlanError, TaskFailures, UsageError
from weft.model.limits import Limit
from weft.model.lock import Hold
from weft.model.reason import LockHeld, NotNeeded, RateDue
from weft.model.speculation import Effects
from weft.model.task import Task

GIVEN: dict[str, Any] = {
    "limits": {"api": {"tokens": 800}, "gpu": 1},
    "locks": {"index": "shared", "deploy": "exclusive"},
    "speculative": True,
    "effects": "pure",
    "priority": "low",
}
LIMITS: dict[str, Limit] = {
    "api": weft.Rate({"requests": "100/min", "tokens": "40000/min"}),
    "gpu": weft.Pool(1),
}


def taken_down(task: Task) -> tuple[object, ...]:
    return task.limits, task.locks, task.speculative, task.effects, task.priority


EXPECTED = (
    {"api": {"tokens": 800}, "gpu": 1},
    {"index": Hold.SHARED, "deploy": Hold.EXCLUSIVE},
    True,
    Effects.PURE,
    weft.LOW,
)


def test_a_plan_takes_down_what_it_is_given() -> None:
    plan = weft.Plan(limits=LIMITS, locks={"deploy": policy.Lock()})
    plan.add(str, id="added", **GIVEN)
    plan.task(id="decorated", **GIVEN)(lambda: None)
    plan.add(str, id="plain")
    frozen = plan.frozen()
    assert [taken_down(task) for task in frozen.tasks] == [
        EXPECTED,
        EXPECTED,
        ({}, {}, False, Effects.UNKNOWN, weft.NORMAL),
    ]
    assert (frozen.limits, frozen.locks) == (LIMITS, {"deploy": policy.Lock()})


@in_a_loop
async def test_an_engine_takes_down_what_it_is_given() -> None:
    async with weft.Engine(limits=LIMITS) as engine:
        handle = engine.submit(str, id="given", **GIVEN)
        assert taken_down(handle.task) == EXPECTED


WRONG = [
    ({"priority": "urgent"}, "`priority` is 'urgent'; expected weft.HIGH"),
    ({"priority": 2}, "`priority` is 2; expected"),
    ({"effects": "none"}, '`effects` is \'none\'; expected "pure" or "idempotent"'),
    ({"locks": {"a": "read"}}, 'lock `a` is held \'read\'; expected "exclusive" or "shared"'),
]


@pytest.mark.parametrize(("wrong", "message"), WRONG)
def test_a_plan_refuses_words_that_mean_nothing(wrong: dict[str, Any], message: str) -> None:
    plan = weft.Plan()
    with pytest.raises(UsageError, match=message):
        plan.add(str, id="a", **wrong)
    assert plan.frozen().tasks == ()


@pytest.mark.parametrize(("wrong", "message"), WRONG)
@in_a_loop
async def test_an_engine_refuses_words_that_mean_nothing(wrong: dict[str, Any], message: str) -> None:
    async with weft.Engine() as engine:
        with pytest.raises(UsageError, match=message):
            engine.submit(str, id="a", **wrong)
        assert await engine.submit(str, 1, id="a") == "1"


@in_a_loop
async def test_an_engine_refuses_what_could_never_start() -> None:
    async with weft.Engine(limits=LIMITS) as engine:
        for wrong, message in (
            ({"limits": {"api": 101}}, "costs 101 of `api.requests`"),
            ({"limits": {"gpu": {"requests": 1}}}, "`gpu`, which is a pool"),
            ({"speculative": True}, "is speculative, and may then run in vain"),
            ({"locks": ""}, "holds the lock ''"),
        ):
            given: dict[str, Any] = wrong
            with pytest.raises(PlanError, match=message):
                engine.submit(str, **given)


@in_a_loop
async def test_a_lock_is_held_by_one_alone_or_shared() -> None:
    held: list[str] = []

    async def hold(name: str) -> None:
        held.append(name)

    async with weft.Engine() as engine:
        alone = engine.submit(hold, "alone", id="alone", locks="index")
        shared = [engine.submit(hold, f"{n}", id=f"{n}", locks={"index": "shared"}) for n in range(2)]
        await alone.wait()
        for handle in shared:
            await handle
    assert held == ["alone", "0", "1"]


@in_a_loop
async def test_who_waits_for_a_lock_or_a_rate_is_told_so() -> None:
    async with weft.Engine(limits={"api": weft.Rate(1, per="1d")}) as engine:
        told: list[object] = []

        async def look() -> None:
            told.extend(engine.waiting(locked) + engine.waiting(limited))

        engine.submit(look, id="look", locks=["x"], limits={"api": 1})
        locked = engine.submit(str, id="locked", locks=["x"])
        limited = engine.submit(str, id="limited", limits={"api": 1})
        await locked
        limited.cancel()
    assert told[0] == LockHeld("x", ("look",))
    assert isinstance(told[1], RateDue)


def test_a_map_may_be_bound_to_a_rate() -> None:
    assert weft.map(str, range(30), rate=weft.Rate(10, per=0.01)) == [str(n) for n in range(30)]
    assert weft.map(str, range(3), rate="1000/s") == ["0", "1", "2"]
    assert weft.map(str, [1], rate=weft.Rate({"requests": "9/s", "tokens": "9/s"})) == ["1"]


@in_a_loop
async def test_amap_takes_the_same() -> None:
    assert await weft.amap(str, [1, 2], rate="1000/s") == ["1", "2"]


@pytest.mark.parametrize("wrong", [5, weft.Pool(5), 100.0])
def test_a_rate_that_is_none_is_refused_before_anything_is_called(wrong: Any) -> None:
    with pytest.raises(UsageError, match="expected a Rate, or one such as"):
        weft.map(str, [1], rate=wrong)
    with pytest.raises(UsageError, match="`often` is no rate"):
        weft.map(str, [1], rate="often")


def test_a_call_that_is_refused_is_made_again_later_where_that_is_asked_for() -> None:
    answers: list[Any] = [weft.RateLimited("429", retry_after=0.001), "here"]

    def ask(_: int) -> Any:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert weft.map(ask, [1], rate="1000/s", retry=weft.Retry(base_s=0)) == ["here"]
    answers[:] = [weft.RateLimited("429")]
    with pytest.raises(TaskFailures) as caught:
        weft.map(ask, [1], rate="1000/s")
    assert [str(error) for error in caught.value.exceptions] == ["429"]


def refuse(_: int) -> None:
    raise weft.RateLimited("busy", retry_after=2.5)


def test_a_refusal_comes_back_whole_from_a_worker_process() -> None:
    (error,) = weft.map(refuse, [1], where="process", on_failure="return")
    assert (type(error), str(error), error.retry_after) == (weft.RateLimited, "busy", 2.5)


def test_speculation_that_nobody_needs_is_dropped_and_no_failure() -> None:
    plan = weft.Plan(max_concurrent=1)
    plan.add(str, "work", id="work")
    plan.add(str, "guess", id="guess", speculative=True, effects=Effects.IDEMPOTENT)
    report = weft.run(plan)
    assert report.state.value == "succeeded"
    assert report.outcomes["guess"].because == NotNeeded()  # type: ignore[union-attr]  # it did not succeed


def test_a_plan_is_explained_with_its_rates_and_priorities() -> None:
    plan = weft.Plan(limits={"api": weft.Rate(100, per="1m")}, policy=policy.Policy(aging_s=60))
    plan.add(str, id="a", limits={"api": 5}, priority="low")
    plan.add(str, id="b", limits={"api": 5}, priority=weft.NORMAL)
    plan.add(str, id="c", limits={"api": 5}, priority="high")
    summary = plan.explain().summary
    assert (summary.rates[0].useful_least, summary.rates[0].useful_most) == (20, 20)
    assert [(each.priority, each.longest_s) for each in summary.patience] == [
        ("NORMAL", 60.0),
        ("LOW", 120.0),
    ]
