from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from tests.executors.told import in_a_loop

import weft
from weft.errors import UsageError
from weft.model.limits import Pool
from weft.model.work import Call, Command, ResultOf, Where
from weft.runtime.engine import Engine


def fetch() -> int:
    return 1


async def fetch_async() -> int:
    return 1


def test_tasks_stand_in_the_order_in_which_they_were_added() -> None:
    plan = weft.Plan(max_concurrent=3, limits={"gpu": Pool(1)}, root="somewhere")
    plan.add(fetch, limits={"gpu": 1}, priority=weft.HIGH, duration_s=2.0)
    plan.add(Command("true"), id="build")
    frozen = plan.frozen()
    assert [task.id for task in frozen.tasks] == ["fetch", "build"]
    assert (frozen.max_concurrent, frozen.root, frozen.limits) == (3, "somewhere", {"gpu": Pool(1)})
    first = frozen.tasks[0]
    assert (first.limits, first.priority, first.duration_s) == ({"gpu": 1}, weft.HIGH, 2.0)


def test_names_that_are_taken_get_a_number() -> None:
    plan = weft.Plan()
    added = [plan.add(work) for work in (fetch, fetch, partial(fetch), Command("true"), Command("true"))]
    assert [one.task for one in added] == ["fetch", "fetch[2]", "fetch[3]", "command", "command[2]"]


def test_an_id_is_given_once() -> None:
    plan = weft.Plan()
    plan.add(fetch, id="get")
    with pytest.raises(UsageError, match="there is a task `get` in this plan already"):
        plan.add(fetch, id="get")


def test_decorating_adds_the_function_and_leaves_it_as_it_is() -> None:
    plan = weft.Plan()
    added = plan.task(id="get", where=Where.LOOP)(fetch)
    assert added is fetch
    (task,) = plan.frozen().tasks
    assert task.id == "get"
    assert isinstance(task.work, Call)
    assert (task.work.function, task.work.where) == (fetch, Where.LOOP)


def test_the_decorator_needs_no_parentheses_where_nothing_is_said() -> None:
    plan = weft.Plan()
    assert plan.task(fetch) is fetch
    assert plan.task()(fetch_async) is fetch_async
    assert [task.id for task in plan.frozen().tasks] == ["fetch", "fetch_async"]


def test_needs_are_told_by_id_by_result_and_by_decorated_function() -> None:
    plan = weft.Plan()
    plan.task(fetch)
    built = plan.add(Command("true"), id="build")
    plan.add(fetch_async, needs=[fetch, built, "build", "later"])
    assert plan.frozen().tasks[2].needs == ("fetch", "build", "later")


@pytest.mark.parametrize(
    "arguments",
    [
        lambda a, b: (a, b),
        lambda a, b: ([a, b],),
        lambda a, b: ((a, {"k": [b]}),),
        lambda a, b: ({"k": a, "rest": (b,)}, a),
    ],
    ids=["alone", "list", "nested", "twice"],
)
def test_results_among_the_arguments_are_needed(arguments: Any) -> None:
    plan = weft.Plan()
    a, b = plan.add(fetch), plan.add(fetch_async)
    plan.add(print, *arguments(a, b))
    assert plan.frozen().tasks[2].needs == ("fetch", "fetch_async")


def test_results_that_a_partial_holds_are_needed() -> None:
    plan = weft.Plan()
    a, b = plan.add(fetch), plan.add(fetch_async)
    plan.add(partial(print, a, sep=b), "x")
    task = plan.frozen().tasks[2]
    assert (task.id, task.needs) == ("print", ("fetch", "fetch_async"))


def test_needs_in_a_single_string_are_a_mistake() -> None:
    with pytest.raises(UsageError, match=r'write `needs=\["fetch"\]`'):
        weft.Plan().add(fetch, needs="fetch")


@pytest.mark.parametrize("stranger", [fetch, 5, ["fetch"]])
def test_what_is_no_task_of_the_plan_can_not_be_needed(stranger: Any) -> None:
    plan = weft.Plan()
    with pytest.raises(UsageError, match="is no task of this plan"):
        plan.add(fetch_async, needs=[stranger])
    assert plan.frozen().tasks == ()


@in_a_loop
async def test_a_handle_of_an_engine_is_no_task_of_a_plan() -> None:
    async with Engine() as engine:
        handle = engine.submit(fetch)
        with pytest.raises(UsageError, match="is no task of this plan"):
            weft.Plan().add(print, [handle])


@pytest.mark.parametrize("work", ["echo hi", 5])
def test_only_functions_and_commands_are_work(work: Any) -> None:
    with pytest.raises(UsageError, match="expected a function or a Command"):
        weft.Plan().add(work)


def test_a_command_takes_no_arguments() -> None:
    with pytest.raises(UsageError, match="takes no arguments"):
        weft.Plan().add(Command("echo"), "hi")


def test_a_coroutine_function_runs_in_the_loop_only() -> None:
    with pytest.raises(UsageError, match="`fetch_async` is a coroutine function"):
        weft.Plan().add(fetch_async, where=Where.PROCESS)


def test_a_plan_that_was_frozen_does_not_change_any_more() -> None:
    plan = weft.Plan()
    before = plan.frozen()
    plan.add(fetch)
    assert before.tasks == ()


def test_what_add_returns_is_a_value() -> None:
    assert weft.Plan().add(fetch) == ResultOf("fetch")


def test_the_result_of_a_task_of_another_plan_is_refused_even_if_the_name_is_known() -> None:
    other, plan = weft.Plan(), weft.Plan()
    stranger = other.add(fetch)
    assert plan.add(fetch) == stranger
    for args, needs in (([[stranger]], []), ([], [stranger])):
        with pytest.raises(UsageError, match="the result of `fetch` belongs to another plan"):
            plan.add(str.upper, *args, needs=needs)
