from __future__ import annotations

from typing import Any

import pytest

from weft.errors import PlanError, UsageError
from weft.model.rate import Rate
from weft.model.task import Task
from weft.planning.prepare import prepare
from weft.testing import plan, task
from weft.views.what_if import Change, Drop, Jobs, Limited, Paced, Private, WhatIf, parse_change, what_if


@pytest.mark.parametrize(
    ("text", "change"),
    [
        ("-j 16", Jobs(16)),
        ("-j16", Jobs(16)),
        ("jobs 16", Jobs(16)),
        ("--jobs=16", Jobs(16)),
        ("limit max_concurrent 3", Jobs(3)),
        ("drop a->b", Drop("a", "b")),
        (" drop  s[a b] -> b c ", Drop("s[a b]", "b c")),
        ("private s[a b]", Private("s[a b]")),
        ("limit gpu 3", Limited("gpu", 3)),
        ("limit my gpu=3", Limited("my gpu", 3)),
        ("limit api 200/min", Paced("api", "200/min")),
        ("limit my api=5/1h30m", Paced("my api", "5/1h30m")),
    ],
)
def test_a_change_is_read(text: str, change: Change) -> None:
    assert parse_change(text) == change
    assert parse_change(str(change)) == change


@pytest.mark.parametrize("text", ["", "jobs", "jobs many", "drop a", "drop ->b", "private", "limit gpu", "x"])
def test_what_is_no_change_is_told_with_what_is(text: str) -> None:
    with pytest.raises(UsageError, match=r"is no change of a plan\n  hint: expected `jobs N`"):
        parse_change(text)


@pytest.mark.parametrize("text", ["jobs 0", "-j -1", "limit gpu 0"])
def test_nothing_can_hold_less_than_one(text: str) -> None:
    with pytest.raises(UsageError, match="expected 1 or more"):
        parse_change(text)


def predict(*changes: str, tasks: list[Task], at_once: int = 5, **settings: Any) -> WhatIf:
    prepared = prepare(plan(*tasks, **settings))
    return what_if(prepared, at_once, [parse_change(change) for change in changes])


def makespans_s(told: WhatIf) -> list[float]:
    return [told.makespan_s, *(prediction.makespan_s for prediction in told.predictions)]


def test_changes_come_on_top_of_each_other() -> None:
    tasks = [task("a"), task("b", needs=["a"]), task("c", limits={"gpu": 1}), task("d", limits={"gpu": 1})]
    told = predict("jobs 4", "limit gpu 2", "drop a->b", tasks=tasks, at_once=1, limits={"gpu": 1})
    assert makespans_s(told) == [4.0, 2.0, 2.0, 1.0]


def test_a_workspace_of_its_own_takes_away_what_only_orders() -> None:
    tasks = [
        task("a", reads="x", duration_s=3.0),
        task("b", writes="x", duration_s=2.0),
        task("c", reads="x"),
    ]
    # `b` works beside `a`; what it has made is brought back when `a` has read, and then `c` reads it.
    assert makespans_s(predict("private b", tasks=tasks)) == [6.0, 4.0]


def test_a_change_of_a_fan_out_is_one_of_all_its_members() -> None:
    members = [task(f"m[{n}]", family="m", writes="log", duration_s=1.0) for n in range(3)]
    tasks = [*members, task("sum", needs=["m"])]
    assert makespans_s(predict("private m", "drop m->sum", tasks=tasks)) == [4.0, 2.0, 1.0]


def test_a_change_that_changes_nothing_is_told() -> None:
    tasks = [task("a"), task("b", needs=["a"]), task("c", needs=["b"])]
    with pytest.raises(
        UsageError, match=r"nothing orders `c` directly after `a`\n  hint: `weft explain a c`"
    ):
        predict("drop a->c", tasks=tasks)
    with pytest.raises(UsageError, match="declares no accesses"):
        predict("private a", tasks=tasks)


def test_unknown_names_are_told_with_those_that_may_be_meant() -> None:
    tasks = [task("build"), task("test", needs=["build"])]
    with pytest.raises(UsageError, match=r"no task `biuld` in the plan\n  hint: did you mean `build`"):
        predict("drop biuld->test", tasks=tasks)
    with pytest.raises(UsageError, match=r"no limit `gpo` in the plan\n  hint: did you mean `gpu`"):
        predict("limit gpo 2", tasks=tasks, limits={"gpu": 1})


def test_a_limit_that_is_too_small_for_a_task_is_a_mistake() -> None:
    with pytest.raises(PlanError, match="takes 2 of `gpu`, which holds 1"):
        predict("limit gpu 1", tasks=[task("a", limits={"gpu": 2})], limits={"gpu": 2})


def test_a_rate_may_be_another_one() -> None:
    tasks = [task(f"t{n}", limits={"api": 1}) for n in range(4)]
    told = predict("limit api 2/min", "limit api 4/min", tasks=tasks, limits={"api": Rate("1/min", burst=1)})
    assert makespans_s(told) == [181.0, 61.0, 1.0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("limit api 2", r"`api` is a rate: 2 of it says nothing\n  hint: write `limit api 2/min`"),
        ("limit gpu 2/min", r"`gpu` is a pool: it knows no span\n  hint: write `limit gpu N`"),
        ("limit llm 2/min", "`llm` has 2 windows, and this tells of one"),
        ("limit apo 2/min", r"no limit `apo` in the plan\n  hint: did you mean `api`"),
        ("limit api 2/moon", "`2/moon` is no rate"),
    ],
)
def test_a_change_that_does_not_fit_its_limit_is_told(change: str, message: str) -> None:
    limits = {"api": Rate("1/min"), "gpu": 1, "llm": Rate({"a": "1/s", "b": "1/s"})}
    with pytest.raises(UsageError, match=message):
        predict(change, tasks=[task("a")], limits=limits)


def test_a_rate_that_is_too_small_for_a_task_is_a_mistake() -> None:
    with pytest.raises(PlanError, match="task `a` costs 9 of `api`, which lets 5 start in 60 s"):
        predict("limit api 5/min", tasks=[task("a", limits={"api": 9})], limits={"api": Rate("9/min")})
