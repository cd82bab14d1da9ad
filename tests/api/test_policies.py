"""Retries, timeouts, groups and policies, as they are given in Python."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.executors.told import in_a_loop

import weft
from weft import policy
from weft.errors import PlanError, TaskFailed, TaskFailures
from weft.model.group import Group
from weft.model.outcome import Failed
from weft.model.policy import Policy
from weft.model.reason import TimedOut
from weft.model.retry import Retry
from weft.model.timeout import Timeout
from weft.planfile import loads
from weft.views.report import Report

AT_ONCE = Retry(base_s=0)


def failing(times: int, error: Exception) -> Callable[[Any], Any]:
    """Return a function that fails so many times with each argument, and then returns it."""
    left: dict[Any, int] = {}

    def call(item: Any) -> Any:
        left[item] = left.get(item, times) - 1
        if left[item] >= 0:
            raise error
        return item

    return call


async def hang(_: Any = None) -> None:
    await asyncio.Event().wait()


def test_a_plan_takes_down_what_it_is_given() -> None:
    strict = Policy(on_failure=policy.Rest.CANCEL)
    plan = weft.Plan(policy=strict, groups={"g": Group()})
    plan.add(hang, group="g", retry=AT_ONCE, timeout_s=1.0, task_timeout_s=9.0)
    plan.task(id="decorated", group="g", retry=AT_ONCE, timeout_s=1.0, task_timeout_s=9.0)(hang)
    plan.add(hang, id="plain")
    frozen = plan.frozen()
    assert frozen.policy == strict
    assert [(task.group, task.retry, task.timeout) for task in frozen.tasks] == [
        ("g", AT_ONCE, Timeout(1.0, 9.0)),
        ("g", AT_ONCE, Timeout(1.0, 9.0)),
        (None, None, None),
    ]


def test_a_task_of_a_plan_is_tried_again() -> None:
    plan = weft.Plan()
    plan.add(failing(2, OSError()), 7, id="a", retry=AT_ONCE)
    assert weft.run(plan).results == {"a": 7}


@pytest.mark.parametrize("times", [2, 3])
def test_map_tries_each_call_as_often_as_it_is_told(times: int) -> None:
    call = failing(times, OSError("reset"))
    got = weft.map(call, range(5), retry=AT_ONCE, on_failure="return")
    expected = [0, 1, 2, 3, 4] if times < AT_ONCE.max_attempts else ["OSError('reset')"] * 5
    assert [x if isinstance(x, int) else repr(x) for x in got] == expected


def test_map_gives_up_on_what_it_is_not_told_to_try_again() -> None:
    retry = Retry(base_s=0, retry_on=(ConnectionError,))
    with pytest.raises(TaskFailures) as caught:
        weft.map(failing(1, LookupError()), ["a"], retry=retry)
    assert [type(error) for error in caught.value.exceptions] == [LookupError]


def test_a_call_of_map_that_takes_too_long_has_failed() -> None:
    (error,) = weft.map(hang, [1], timeout_s=0.01, on_failure="return")
    assert isinstance(error, TaskFailed)
    assert "longer than 0.01 s" in str(error)


@in_a_loop
async def test_amap_takes_the_same() -> None:
    assert await weft.amap(failing(1, OSError()), [1, 2], retry=AT_ONCE) == [1, 2]
    (error,) = await weft.amap(hang, [1], timeout_s=0.01, on_failure="return")
    assert isinstance(error, TaskFailed)


@pytest.mark.parametrize("wrong", [{"retry": Retry(max_attempts=0)}, {"retry": 3}, {"timeout_s": 0}])
def test_map_refuses_what_makes_no_sense_before_anything_is_called(wrong: dict[str, Any]) -> None:
    called: list[int] = []
    with pytest.raises(PlanError, match="of task `append`"):
        weft.map(called.append, [1], **wrong)
    assert called == []


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"group": "survye"}, "task `a` is in group `survye`, which is not in the plan"),
        ({"retry": Retry(factor=0)}, "`retry.factor` of task `a` is 0"),
        ({"timeout_s": -1}, "`timeout.attempt` of task `a` is -1"),
        ({"task_timeout_s": 0}, "`timeout.task` of task `a` is 0"),
    ],
)
@in_a_loop
async def test_an_engine_refuses_a_task_that_makes_no_sense(wrong: dict[str, Any], message: str) -> None:
    async with weft.Engine(groups={"survey": Group()}) as engine:
        with pytest.raises(PlanError, match=message):
            engine.submit(hang, id="a", **wrong)
        assert await engine.submit(failing(0, OSError()), 1, id="a") == 1  # its id is still free


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"groups": {"a": Group(group="b")}}, "group `a` is in group `b`, which is not in the plan"),
        ({"groups": {"a": Group(group="a")}}, "group `a` is inside itself"),
        ({"groups": {"a": Group(min_required=0)}}, "`min_required` of group `a` is 0"),
        ({"policy": Policy(timeout_s=0)}, "`timeout` is 0"),
        ({"limits": {"api": weft.Pool(1, policy.Health(window=0))}}, "`health.window` of limit `api` is 0"),
    ],
)
def test_an_engine_refuses_groups_and_policies_that_make_no_sense(
    wrong: dict[str, Any], message: str
) -> None:
    with pytest.raises(PlanError, match=message):
        weft.Engine(**wrong)


@in_a_loop
async def test_an_engine_does_what_it_is_told() -> None:
    groups = {"some": Group(min_required=1)}
    async with weft.Engine(groups=groups, policy=Policy(grace_s=1.0)) as engine:
        late = engine.submit(hang, group="some", timeout_s=0.01)
        tried = engine.submit(failing(2, OSError()), "x", group="some", retry=AT_ONCE)
        assert await late.wait() == Failed(TimedOut(0.01))
        assert await tried == "x"


def survey(least: float) -> Report:
    plan = weft.Plan(groups={"survey": Group(min_required=least)})
    for number in range(4):
        plan.add(failing(number % 2, OSError()), number, id=f"of {number}", group="survey")
    plan.add("done".upper, id="after", needs=["survey"])
    return weft.run(plan)


@pytest.mark.parametrize(("least", "state"), [(0.5, "degraded"), (0.51, "failed")])
def test_what_needs_a_group_runs_if_enough_of_it_have_succeeded(least: float, state: str) -> None:
    report = survey(least)
    assert report.state.value == state
    assert report.results.get("after") == ("DONE" if state == "degraded" else None)


def test_the_names_of_policies_stand_in_one_place() -> None:
    assert policy is weft.policy
    assert all(getattr(policy, name) for name in policy.__all__)


def test_a_group_is_counted_by_an_aggregate(tmp_path: Path) -> None:
    plan = loads(
        "groups: {g: {}}\n"
        "tasks:\n"
        "  a: {run: echo 1, result: lines, group: g}\n"
        "  b: {run: echo 1, result: lines, group: g}\n"
        "  c: {run: echo 2, result: lines}\n"
        "aggregates: {common: {from: g, strategy: frequency}}\n",
        root=tmp_path,
    )
    table = weft.run(plan).aggregates["common"]
    assert [(row.element, row.supporters) for row in table.rows] == [("1", ("a", "b"))]
