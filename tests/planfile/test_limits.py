"""What a plan file says about what tasks share: pools, rates, locks; and about priorities that hold."""

from __future__ import annotations

import pytest
from tests.planfile.test_errors import only_problem_of, problems_of

from weft.model.health import Health
from weft.model.limits import Limit, Pool
from weft.model.lock import Hold, Lock
from weft.model.policy import AGING_S
from weft.model.rate import Aimd, Cost, Rate
from weft.model.scope import Scope
from weft.model.speculation import Effects
from weft.model.task import Task
from weft.planfile import Format, loads
from weft.planfile.schema import schema

YAML = """
aging: 10m
limits:
  gpu: 1
  mem: 16GiB
  disk: {pool: 2, health: {window: 50}, scope: machine}
  api: {rate: 100/min}
  llm:
    rate: {requests: 100/min, tokens: [40000/min, 1000000/day]}
    burst: 10
    refused_on: [75, 1]
    adapt: {decrease: 80%, increase: 0.05}
    health: {min_samples: 5}
    scope: machine
  site: {rate: [10/s, 1000/1h30m], adapt: false, refused_on: 75}
locks:
  deploy: {scope: machine}
tasks:
  ask:
    run: ./ask.sh
    limits: {gpu: 1, mem: 1.5GiB, api: 5, llm: {requests: 1, tokens: 800}}
    locks: {index: shared, deploy: Exclusive}
    speculative: true
    idempotent: true
"""
TOML = """
aging = 600
[limits]
gpu = 1
mem = 17179869184
disk = { pool = 2, health.window = 50, scope = "machine" }
api.rate = "100/min"
site = { rate = ["10/s", "1000/1h30m"], adapt = false, refused_on = 75 }

[limits.llm]
rate = { requests = "100/min", tokens = ["40000/min", "1000000/day"] }
burst = 10
refused_on = [75, 1]
adapt = { decrease = 0.8, increase = 0.05 }
health.min_samples = 5
scope = "machine"

[locks]
deploy.scope = "machine"

[tasks.ask]
run = "./ask.sh"
limits = { gpu = 1, mem = "1536MiB", api = 5, llm = { requests = 1, tokens = 800 } }
locks = { index = "shared", deploy = "exclusive" }
speculative = true
idempotent = true
"""


@pytest.mark.parametrize(("text", "format"), [(YAML, "yaml"), (TOML, "toml")])
def test_every_key_says_what_it_says_in_python(text: str, format: Format) -> None:
    plan = loads(text, format=format)
    tokens = ("40000/min", "1000000/day")
    assert plan.limits == {
        "gpu": Pool(1),
        "mem": Pool(16 * 2**30),
        "disk": Pool(2, Health(window=50), Scope.MACHINE),
        "api": Rate("100/min"),
        "llm": Rate(
            {"requests": "100/min", "tokens": tokens},
            burst=10,
            adapt=Aimd(0.8, 0.05),
            refused_on=(75, 1),
            health=Health(min_samples=5),
            scope=Scope.MACHINE,
        ),
        "site": Rate(("10/s", "1000/1h30m"), adapt=None, refused_on=(75,)),
    }
    assert plan.policy.aging_s == 600.0
    assert plan.locks == {"deploy": Lock(Scope.MACHINE)}
    (task,) = plan.tasks
    costs = {"requests": 1, "tokens": 800}
    assert task.limits == {"gpu": 1, "mem": 1536 * 2**20, "api": 5, "llm": costs}
    assert task.locks == {"index": Hold.SHARED, "deploy": Hold.EXCLUSIVE}
    assert (task.speculative, task.effects) == (True, Effects.IDEMPOTENT)


def only_task(entry: str) -> Task:
    (task,) = loads(f"tasks: {{a: {{run: x, {entry}}}}}").tasks
    return task


def test_what_is_not_said_is_as_in_python() -> None:
    plan = loads("tasks: {a: x}")
    task = plan.tasks[0]
    assert (task.locks, task.speculative, task.effects) == ({}, False, Effects.UNKNOWN)
    assert plan.policy.aging_s == AGING_S
    adapting = loads("limits: {api: {rate: 5/s, adapt: true}}\ntasks: {a: x}").limits
    assert adapting == {"api": Rate("5/s")} == {"api": Rate("5/s", adapt=Aimd())}
    assert loads("locks: {a: {}}\ntasks: {a: x}").locks == {"a": Lock()}


@pytest.mark.parametrize(
    ("written", "locks"),
    [
        ("a", {"a": Hold.EXCLUSIVE}),
        ("[a, 7]", {"a": Hold.EXCLUSIVE, "7": Hold.EXCLUSIVE}),
        ("{a: shared, b: exclusive}", {"a": Hold.SHARED, "b": Hold.EXCLUSIVE}),
        ("[]", {}),
    ],
)
def test_locks_are_a_name_a_list_or_a_mapping(written: str, locks: dict[str, Hold]) -> None:
    assert only_task(f"locks: {written}").locks == locks


@pytest.mark.parametrize(
    ("written", "effects"),
    [
        ("pure: true", Effects.PURE),
        ("idempotent: true", Effects.IDEMPOTENT),
        ("pure: true, idempotent: true", Effects.PURE),
        ("pure: false, idempotent: false", Effects.UNKNOWN),
    ],
)
def test_effects_are_declared(written: str, effects: Effects) -> None:
    assert only_task(written).effects is effects


def test_a_lock_may_be_one_for_each_member_of_a_fan_out() -> None:
    tasks = loads("tasks: {t: {each: {host: [a, b]}, run: x, locks: ['{host}', all]}}").tasks
    assert [list(task.locks) for task in tasks] == [["a", "all"], ["b", "all"]]


def test_of_two_locks_that_become_one_in_a_fan_out_the_stricter_counts() -> None:
    tasks = loads("tasks: {t: {each: {n: [a, b]}, run: x, locks: {'{n}': shared, b: exclusive}}}").tasks
    assert tasks[1].locks == {"b": Hold.EXCLUSIVE}
    tasks = loads("tasks: {t: {each: {n: [a, b]}, run: x, locks: {b: exclusive, '{n}': shared}}}").tasks
    assert [dict(task.locks) for task in tasks] == [
        {"b": Hold.EXCLUSIVE, "a": Hold.SHARED},
        {"b": Hold.EXCLUSIVE},
    ]


@pytest.mark.parametrize(
    ("size", "n_bytes"),
    [
        ("1KiB", 1024),
        ("1kB", 1000),
        ("1.5MiB", 1536 * 1024),
        ("2 GB", 2 * 10**9),
        ("0.5kB", 500),
        ("1TiB", 2**40),
        ("3TB", 3 * 10**12),
    ],
)
def test_a_size_stands_for_its_bytes(size: str, n_bytes: int) -> None:
    assert loads(f"limits: {{mem: {size}}}\ntasks: {{a: x}}").limits == {"mem": Pool(n_bytes)}


@pytest.mark.parametrize(
    "size", ["0KiB", "0.3KiB", "1KB", "1mb", "1G", "-1GiB", "1e3kB", "9999999TiB", "GiB", "''"]
)
def test_any_other_size_is_a_mistake(size: str) -> None:
    problem = only_problem_of(f"limits: {{mem: {size}}}\ntasks: {{a: {{run: x, limits: {{mem: 1}}}}}}")
    assert problem.path == ("limits", "mem")
    assert "or a size such as 512MiB" in problem.message


@pytest.mark.parametrize(
    "rate",
    [
        "0/min",
        "100",
        "-1/s",
        "1.5/s",
        "100/",
        "100/0s",
        "100/moon",
        "/s",
        "''",
        "true",
        "{}",
        "[]",
        "9999999999999999/s",
    ],
)
def test_what_is_no_rate_is_told_once_and_with_its_line(rate: str) -> None:
    problem = only_problem_of(
        f"limits:\n  api:\n    rate: {rate}\ntasks: {{a: {{run: x, limits: {{api: {{tokens: 7}}}}}}}}"
    )
    assert problem.path[:2] == ("limits", "api")
    assert problem.place is not None
    assert problem.place.line == 3


@pytest.mark.parametrize(
    ("line", "message", "hint"),
    [
        (
            "api: {rate: 100}",
            "`rate` of limit `api` is `100`; expected a rate such as",
            "did you mean `100/min`?",
        ),
        ("api: 100/min", "limit `api` is the string `100/min`", "a rate is declared as `{rate: 100/min}`"),
        ("api: 5MB2", "limit `api` is the string `5MB2`", "the units are KiB, MiB, GiB, TiB, kB, MB, GB, TB"),
        ("api: {rate: 9/s, pool: 1}", "limit `api` has `pool` and `rate`; expected one of them", None),
        ("api: {}", "limit `api` has neither `pool` nor `rate`", None),
        ("api: {rate: 9/s, burst: 10}", "limit `api`: a burst of 10 units; expected 1 to 9, the limit", None),
        ("api: {pool: 9, burst: 5}", "limit `api`: a pool has no `burst`, which is for rates", None),
        ("api: {pool: 9, adapt: false}", "limit `api`: a pool has no `adapt`, which is for rates", None),
        ("api: {rate: {a: 9/s, b: x}}", "`rate.b` of limit `api` is the string `x`; expected a rate", None),
        (
            "api: {rate: [9/s, 8]}",
            "`rate[1]` of limit `api` is `8`; expected a rate",
            "did you mean `8/min`?",
        ),
        ("api: {rate: 9/s, adapt: {decrease: 100%}}", "does not adapt; expected parts between 0 and 1", None),
        (
            "api: {rate: 9/s, adapt: never}",
            "`adapt` of limit `api` is the string `never`; expected true",
            None,
        ),
        (
            "api: {rate: 9/s, refused_on: 256}",
            "`refused_on` of limit `api` is `256`; expected an exit code",
            None,
        ),
        ("api: {rate: 9/s, health: {window: 0}}", "`health.window` of limit `api`", None),
        (
            "api: {rate: 9/s, scope: moon}",
            "`scope` of limit `api` is the string `moon`; expected `run` or",
            None,
        ),
        (
            "max_concurrent: {rate: 9/s}",
            "has the name of the run's own pool",
            "set the plan's own `max_concurrent`",
        ),
    ],
)
def test_a_mistake_of_a_limit_is_told_with_its_line(line: str, message: str, hint: str | None) -> None:
    problem = only_problem_of(f"tasks: {{a: x}}\nlimits:\n  {line}\n")
    assert message in problem.message
    assert problem.place is not None
    assert problem.place.line == 3
    assert hint is None or hint in (problem.hint or "")


@pytest.mark.parametrize(
    ("line", "message", "hint"),
    [
        (
            "limits: {api: 101}",
            "task `a` costs 101 of `api`, which lets 100 start in 60 s",
            "it could never start",
        ),
        (
            "limits: {llm: 11}",
            "task `a` costs 11 of `llm.requests`, which lets 10 start at one moment",
            "never start",
        ),
        (
            "limits: {llm: {tokens: 40001}}",
            "costs 40001 of `llm.tokens`, which lets 40000 start in 60 s",
            "never",
        ),
        (
            "limits: {llm: {tokns: 1}}",
            "costs `tokns` of `llm`, which has no such cost",
            "did you mean `tokens`?",
        ),
        ("limits: {llm: {x: 1}}", "costs `x` of `llm`", "its costs are `requests` and `tokens`"),
        ("limits: {api: {tokens: 1}}", "costs `tokens` of `api`, which has no such cost", "write a number"),
        (
            "limits: {gpu: {tokens: 1}}",
            "takes several costs of `gpu`, which is a pool",
            "a pool takes one number",
        ),
        (
            "limits: {llm: {tokens: -1}}",
            "`limits.llm.tokens` of task `a` is `-1`; expected a whole number, 0",
            "",
        ),
        ("limits: {mem: 17GiB}", "task `a` takes 17GiB of `mem`, which holds 16GiB", "it could never start"),
        ("limits: {mem: 17GeV}", "`limits.mem` of task `a` is the string `17GeV`", "the units are"),
        ("limits: {apo: 1}", "task `a` uses limit `apo`, which is not in the plan", "did you mean `api`?"),
        ("limits: {api: [1]}", "`limits.api` of task `a` is a list", ""),
        (
            "locks: {a: read}",
            "`locks.a` of task `a` is the string `read`; expected `exclusive` or `shared`",
            "",
        ),
        ("locks: [[a]]", "`locks[0]` of task `a` is a list; expected a name", ""),
        ("locks: ''", "`locks` of task `a` is an empty string; expected a name", ""),
        (
            "speculative: true",
            "task `a` is speculative, and may then run in vain or twice",
            "declare it `pure`",
        ),
        ("speculative: maybe", "`speculative` of task `a` is the string `maybe`; expected true or false", ""),
        ("pure: 1", "`pure` of task `a` is `1`; expected true or false", ""),
    ],
)
def test_a_mistake_of_a_task_is_told_with_its_line(line: str, message: str, hint: str) -> None:
    problem = only_problem_of(
        "limits: {api: {rate: 100/min}, llm: {rate: {requests: 100/min, tokens: 40000/min}, burst: 10}, "
        f"mem: 16GiB, gpu: 1}}\ntasks:\n  a:\n    run: x\n    {line}\n"
    )
    assert message in problem.message
    assert hint in (problem.hint or "")
    assert problem.place is not None
    assert problem.place.line == 5


def test_each_wrong_cost_is_told_in_its_own_place() -> None:
    found = problems_of(
        "limits: {api: {rate: {a: 9/s, b: 9/s}}}\n"
        "tasks:\n  t:\n    run: x\n    limits:\n      api:\n        aa: 1\n        bb: 1\n"
    )
    assert [(problem.place.line, problem.path[-1]) for problem in found if problem.place] == [
        (7, "aa"),
        (8, "bb"),
    ]


@pytest.mark.parametrize(
    ("line", "path"),
    [
        ("aging: 0", ("aging",)),
        ("aging: soon", ("aging",)),
        ("locks: {a: {scope: moon}}", ("locks", "a", "scope")),
        ("locks: {a: 1}", ("locks", "a")),
        ("locks: [a]", ("locks",)),
    ],
)
def test_a_mistake_of_the_plan_is_told_with_its_line(line: str, path: tuple[str, ...]) -> None:
    problem = only_problem_of(f"tasks: {{a: x}}\n{line}\n")
    assert problem.path == path
    assert problem.place is not None
    assert problem.place.line == 2


def test_a_limit_that_could_be_read_in_part_is_still_held_against_its_tasks() -> None:
    found = problems_of(
        "limits: {gpu: {pool: 1, health: {window: 0}}}\ntasks: {a: {run: x, limits: {gpu: 2}}}"
    )
    assert [problem.path for problem in found] == [
        ("limits", "gpu", "health", "window"),
        ("tasks", "a", "limits", "gpu"),
    ]


def test_a_day_is_a_duration() -> None:
    assert loads("timeout: 1d12h\ntasks: {a: x}").policy.timeout_s == 129_600.0


def test_the_schema_has_the_forms_of_a_limit() -> None:
    scalar, table = schema()["properties"]["limits"]["additionalProperties"]["anyOf"]
    assert [form["type"] for form in scalar["anyOf"]] == ["integer", "string"]
    assert table["oneOf"] == [{"required": ["pool"]}, {"required": ["rate"]}]


@pytest.mark.parametrize(
    ("limit", "cost"),
    [(Rate("5/s"), 5), (Rate({"a": "5/s", "b": "7/s"}), {"b": 7}), (Pool(2**53 - 1), 2**53 - 1)],
)
def test_the_largest_cost_that_fits_is_no_mistake(limit: Limit, cost: Cost) -> None:
    written = {"pool": limit.size} if isinstance(limit, Pool) else {"rate": limit.limit}
    plan = loads(f"limits: {{api: {written}}}\ntasks: {{a: {{run: x, limits: {{api: {cost}}}}}}}")
    assert (plan.limits["api"], plan.tasks[0].limits["api"]) == (limit, cost)
