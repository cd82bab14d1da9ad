"""What tasks share, and what they take of it, makes sense before anything runs."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from weft.errors import Problem
from weft.model.limits import MAX_CONCURRENT, Pool
from weft.model.lock import Lock
from weft.model.plan import Plan
from weft.model.policy import Policy
from weft.model.rate import Rate
from weft.model.scope import Scope
from weft.model.speculation import Effects
from weft.planning.check import problems
from weft.testing import plan, task

API = Rate({"requests": "100/min", "tokens": ("40000/min", "50000/day")}, burst=10)


def only_problem(of: Plan) -> Problem:
    (problem,) = problems(of)
    return problem


def with_costs(cost: Any, rate: Rate = API) -> Plan:
    return plan(task("a", limits={"api": cost}), limits={"api": rate})


@pytest.mark.parametrize(
    "cost", [1, 10, {}, {"tokens": 40_000}, {"requests": 0, "tokens": 0}, {"requests": 10}]
)
def test_a_cost_that_fits_is_no_problem(cost: Any) -> None:
    assert problems(with_costs(cost)) == ()


@pytest.mark.parametrize(
    ("cost", "path", "message"),
    [
        (11, (), "task `a` costs 11 of `api.requests`, which lets 10 start at one moment"),
        (
            {"requests": 11},
            ("requests",),
            "task `a` costs 11 of `api.requests`, which lets 10 start at one moment",
        ),
        (
            {"tokens": 40_001},
            ("tokens",),
            "task `a` costs 40001 of `api.tokens`, which lets 40000 start in 60 s",
        ),
        ({"tokens": -1}, ("tokens",), "task `a` costs -1 of `api.tokens`; expected 0 or more"),
        (-1, (), "task `a` costs -1 of `api.requests`; expected 0 or more"),
        (1.5, (), "task `a` costs 1.5 of `api.requests`; expected 0 or more"),
        (True, (), "task `a` costs True of `api.requests`; expected 0 or more"),
        ({"money": 1}, ("money",), "task `a` costs `money` of `api`, which has no such cost"),
    ],
)
def test_a_cost_that_does_not_fit_is_told_by_its_name(cost: Any, path: tuple[str, ...], message: str) -> None:
    problem = only_problem(with_costs(cost))
    assert (problem.path, problem.message) == (("tasks", "a", "limits", "api", *path), message)


def test_all_wrong_costs_of_a_task_are_told_at_once() -> None:
    assert len(problems(with_costs({"tokns": 1, "tokens": -1}))) == 2


def test_a_rate_without_names_knows_no_cost_by_name() -> None:
    problem = only_problem(with_costs({"tokens": 1}, Rate("5/s")))
    assert problem.hint == "it has one cost without a name: write a number"


@pytest.mark.parametrize(("name", "limits"), [("gpu", {"gpu": 2}), (MAX_CONCURRENT, {})])
def test_a_pool_takes_one_number(name: str, limits: dict[str, int]) -> None:
    problem = only_problem(plan(task("a", limits={name: {"tokens": 1}}), limits=limits))
    assert problem.message == f"task `a` takes several costs of `{name}`, which is a pool"
    assert problem.hint == "a pool takes one number; costs by name are those of a rate"


@pytest.mark.parametrize("units", [0, -1, 1.5, "1", True, None])
def test_units_of_a_pool_are_whole_numbers_from_one_on(units: Any) -> None:
    problem = only_problem(plan(task("a", limits={"gpu": units}), limits={"gpu": 2}))
    assert problem.message == f"task `a` takes {units} of `gpu`; expected 1 or more"


def test_a_limit_is_a_pool_or_a_rate() -> None:
    given: Any = {"gpu": 2, "api": "100/min"}
    assert problems(msgspec.structs.replace(plan(), limits=given)) == (
        Problem(("limits", "gpu"), "limit `gpu` is 2; expected a Pool or a Rate", "write `Pool(2)`"),
        Problem(("limits", "api"), "limit `api` is '100/min'; expected a Pool or a Rate"),
    )


@pytest.mark.parametrize("size", [0, -1, 2.5, True])
def test_a_pool_holds_a_whole_number_of_units(size: Any) -> None:
    message = f"limit `gpu` is {size}; expected 1 or more"
    assert only_problem(plan(limits={"gpu": Pool(size)})).message == message


@pytest.mark.parametrize(
    ("codes", "path", "hint"),
    [
        (75, ("refused_on",), "write `(75,)`"),
        ((75, 256), ("refused_on", 1), None),
        ((0,), ("refused_on", 0), None),
        ((True,), ("refused_on", 0), None),
        ((OSError,), ("refused_on", 0), "for exceptions raise `weft.RateLimited`"),
    ],
)
def test_refusals_are_told_by_exit_codes(codes: Any, path: tuple[str | int, ...], hint: str | None) -> None:
    problem = only_problem(plan(limits={"api": Rate("5/s", refused_on=codes)}))
    assert (problem.path, problem.hint) == (("limits", "api", *path), hint)


@pytest.mark.parametrize("shared", ["pool", "rate", "lock"])
def test_a_scope_that_is_only_its_name_would_have_no_effect(shared: str) -> None:
    name: Any = "machine"
    wrong = {
        "pool": plan(limits={"x": Pool(1, scope=name)}),
        "rate": plan(limits={"x": Rate("5/s", scope=name)}),
        "lock": msgspec.structs.replace(plan(), locks={"x": Lock(scope=name)}),
    }[shared]
    problem = only_problem(wrong)
    assert problem.path[-2:] == ("x", "scope")
    assert problem.hint == "did you mean `policy.Scope.MACHINE`?"


def test_a_lock_that_is_declared_is_a_lock() -> None:
    given: Any = {"site": Scope.MACHINE}
    problem = only_problem(msgspec.structs.replace(plan(), locks=given))
    assert problem.path == ("locks", "site")
    assert "expected a Lock" in problem.message


@pytest.mark.parametrize("name", ["", 7])
def test_a_lock_has_a_name(name: Any) -> None:
    problem = only_problem(plan(task("a", locks=[name])))
    assert (problem.path, problem.message) == (
        ("tasks", "a", "locks"),
        f"task `a` holds the lock {name!r}; expected a name",
    )


def test_a_lock_needs_no_declaration() -> None:
    assert problems(plan(task("a", locks=["deploy"]), task("b", locks={"deploy": "shared"}))) == ()


@pytest.mark.parametrize("effects", Effects)
def test_speculation_is_for_tasks_that_may_run_in_vain(effects: Effects) -> None:
    found = problems(plan(task("a", speculative=True, effects=effects)))
    assert [problem.path for problem in found] == (
        [("tasks", "a", "speculative")] if effects is Effects.UNKNOWN else []
    )


@pytest.mark.parametrize("aging_s", [0, -1, float("inf"), float("nan"), "5m"])
def test_aging_takes_some_time(aging_s: Any) -> None:
    problem = only_problem(plan(policy=Policy(aging_s=aging_s)))
    assert problem.path == ("aging",)
    assert "expected seconds, more than 0" in problem.message


def test_members_of_a_fan_out_share_the_mistake_of_their_entry() -> None:
    unsafe: dict[str, Any] = {"limits": {"api": 11}, "speculative": True, "effects": Effects.UNKNOWN}
    members = [task(f"a[{n}]", family="a", **unsafe) for n in range(5)]
    assert len(problems(plan(*members, limits={"api": API}))) == 2
