"""The options of a task are the same wherever one is handed in, and each is told of.

Each ignore below is one that mypy asks for: a wrong option, or a wrong value of one, is seen before any run.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from inspect import Parameter, getdoc, signature
from pathlib import Path
from typing import Any

import pytest
from tests.executors.told import in_a_loop

import weft
from weft.errors import UsageError
from weft.model.task import Task
from weft.runtime.options import TaskOptions

PAGE = (Path(__file__).parents[2] / "docs" / "python.md").read_text(encoding="utf-8")
DOORS: list[Callable[..., Any]] = [weft.Plan.add, weft.Plan.task, weft.Engine.submit]

EACH_OPTION: TaskOptions = {
    "limits": {"gpu": 1},
    "priority": "high",
    "duration_s": 2.0,
    "reads": ["a"],
    "writes": "b",
    "group": "all",
    "retry": weft.Retry(),
    "timeout_s": 1.0,
    "task_timeout_s": 9.0,
    "locks": ["door"],
    "speculative": True,
    "effects": "pure",
    "workspace": "copy",
    "merge": "last",
    "cache": True,
    "where": "loop",
}


def work() -> None: ...


async def submitted(**options: Any) -> Task:
    async with weft.Engine(limits={"gpu": weft.Pool(1)}, groups={"all": weft.Group()}) as engine:
        handle = engine.submit(work, id="work", **options)
        handle.cancel()
        return handle.task


def test_each_door_makes_the_same_task_of_all_options() -> None:
    added, decorated = weft.Plan(), weft.Plan()
    added.add(work, **EACH_OPTION)
    decorated.task(**EACH_OPTION)(work)
    task = asyncio.run(submitted(**EACH_OPTION))
    assert added.frozen().tasks == decorated.frozen().tasks == (task,)


@pytest.mark.parametrize("name", TaskOptions.__annotations__)
def test_each_option_changes_the_task(name: str) -> None:
    plan = weft.Plan()
    plan.add(work, id="work")
    plan.add(work, id="other", **{name: EACH_OPTION[name]})  # type: ignore[literal-required]  # it is a name
    plain, other = plan.frozen().tasks
    assert [field for field in plain.__struct_fields__ if getattr(plain, field) != getattr(other, field)][1:]


@pytest.mark.parametrize("door", DOORS)
def test_help_tells_each_option(door: Callable[..., Any]) -> None:
    told = signature(door).parameters
    assert Parameter.VAR_KEYWORD not in {parameter.kind for parameter in told.values()}
    assert [*told][-len(EACH_OPTION) :] == [*EACH_OPTION]


@pytest.mark.parametrize("door", [TaskOptions, weft.Plan.add, weft.Engine.submit])
def test_the_docstring_has_a_line_for_each_option(door: object) -> None:
    lines = re.findall(r"^    (\w+): ", getdoc(door) or "", re.MULTILINE)
    assert [line for line in lines if line in EACH_OPTION] == [*EACH_OPTION]


def test_the_page_about_python_tells_each_option() -> None:
    table = PAGE.partition("| option of `add` and `task` |")[2].partition("\n\n")[0]
    cells = "".join(line.split("|")[1] for line in table.splitlines()[2:])
    assert re.findall(r"`(\w+)`", cells) == ["id", "needs", *EACH_OPTION]


def test_an_unknown_option_is_refused_with_the_one_that_was_meant() -> None:
    plan = weft.Plan()
    with pytest.raises(TypeError, match="no option `prioritty`\n  hint: did you mean `priority`"):
        plan.add(work, prioritty=weft.HIGH)  # type: ignore[call-arg]  # that is the point
    with pytest.raises(TypeError, match=r"a task has no option `xyz`$"):
        plan.task(xyz=1)(work)  # type: ignore[call-overload]  # that is the point
    assert plan.frozen().tasks == ()


@in_a_loop
async def test_an_engine_refuses_an_unknown_option_and_goes_on() -> None:
    async with weft.Engine() as engine:
        with pytest.raises(TypeError, match="did you mean `retry`"):
            engine.submit(work, retrys=3)  # type: ignore[call-arg]  # that is the point
        handle = engine.submit(work)
    assert (handle.id, handle.position) == ("work[0]", 0)


def test_a_wrong_value_is_refused_by_mypy_and_when_it_is_read() -> None:
    with pytest.raises(UsageError, match="priority"):
        weft.Plan().add(work, priority="urgent")  # type: ignore[arg-type]  # that is the point
    with pytest.raises(UsageError, match="where"):
        weft.Plan().task(where="cloud")(work)  # type: ignore[call-overload]  # that is the point
