"""What a plan file says about failures: retries, timeouts, groups, health."""

from __future__ import annotations

import pytest
from tests.planfile.test_errors import only_problem_of, problems_of

from weft.model.group import Group, Rest
from weft.model.health import Health, WhenUnhealthy
from weft.model.limits import Pool
from weft.model.policy import Policy
from weft.model.retry import Jitter, Retry, RetryBudget
from weft.model.task import Task
from weft.model.timeout import Timeout
from weft.planfile import Format, loads

YAML = """
on_failure: drain
timeout: 1h
retry_budget: {share: 25%, at_least: 0}
grace: 500ms
health: {max_error_rate: 30%, window: 5m, min_samples: 3, when_unhealthy: Pause, cool_down: 1m}
limits:
  api: {pool: 5, health: {window: 50}}
groups:
  outer: {critical: true}
  survey: {critical: false, min_required: 50%, when_met: cancel, when_lost: continue, group: outer}
tasks:
  ask:
    run: ./ask.sh
    group: survey
    timeout: {attempt: 30s, task: 10m}
    retry:
      max_attempts: 5
      base: 500ms
      factor: 1.5
      ceiling: 1m
      jitter: full
      retry_on: [75, sigkill, timeout]
      give_up_on: 1
      budget: 1h
      retry_after_ceiling: 2m
"""
TOML = """
on_failure = "drain"
timeout = 3600
retry_budget = { share = 0.25, at_least = 0 }
grace = 0.5
health = { max_error_rate = 0.3, window = "300s", min_samples = 3, when_unhealthy = "pause", cool_down = 60 }
limits.api = { pool = 5, health.window = 50 }
groups.outer.critical = true

[groups.survey]
critical = false
min_required = 0.5
when_met = "cancel"
when_lost = "continue"
group = "outer"

[tasks.ask]
run = "./ask.sh"
group = "survey"
timeout = { attempt = 30, task = "10m" }

[tasks.ask.retry]
max_attempts = 5
base = 0.5
factor = 1.5
ceiling = 60
jitter = "FULL"
retry_on = [75, "SIGKILL", "timeout"]
give_up_on = [1]
budget = "1h"
retry_after_ceiling = 120
"""


@pytest.mark.parametrize(("text", "format"), [(YAML, "yaml"), (TOML, "toml")])
def test_every_key_says_what_it_says_in_python(text: str, format: Format) -> None:
    plan = loads(text, format=format)
    health = Health(0.3, window_s=300.0, min_samples=3, when_unhealthy=WhenUnhealthy.PAUSE, cool_down_s=60.0)
    assert plan.policy == Policy(Rest.DRAIN, 3600.0, RetryBudget(0.25, 0), health, 0.5)
    assert plan.limits == {"api": Pool(5, Health(window=50))}
    assert plan.groups == {
        "outer": Group(critical=True),
        "survey": Group(False, False, 0.5, Rest.CANCEL, Rest.CONTINUE, "outer"),
    }
    (task,) = plan.tasks
    assert task.timeout == Timeout(30.0, 600.0)
    assert task.retry == Retry(
        5, 0.5, 1.5, 60.0, Jitter.FULL, (75, "SIGKILL", "timeout"), (1,), 3600.0, 120.0
    )


def only_task(entry: str) -> Task:
    (task,) = loads(f"tasks: {{a: {{run: x, {entry}}}}}").tasks
    return task


def test_what_is_not_said_is_as_in_python() -> None:
    plan = loads("limits: {api: {pool: 1, health: {}}}\ngroups: {g: {}}\ntasks: {a: x}\n")
    assert plan.policy == Policy()
    assert plan.groups == {"g": Group()}
    assert plan.limits == {"api": Pool(1, Health())}
    assert (plan.tasks[0].retry, plan.tasks[0].timeout) == (None, None)
    assert only_task("retry: {}, timeout: {task: 5}").retry == Retry()


def test_a_single_value_is_short_for_the_first_key() -> None:
    task = only_task("retry: 2, timeout: 1m30s")
    assert (task.retry, task.timeout) == (Retry(max_attempts=2), Timeout(attempt_s=90.0))
    assert loads("retry_budget: 10%\ntasks: {a: x}").policy.retry_budget == RetryBudget(share=0.1)


def test_members_of_a_fan_out_share_retry_timeout_and_group() -> None:
    plan = loads("groups: {a: {}}\ntasks: {a: {each: {n: [1, 2]}, run: x, group: a, retry: 2, timeout: 5}}")
    assert {(task.retry, task.timeout, task.group) for task in plan.tasks} == {(Retry(2), Timeout(5.0), "a")}


def grouped(entry: str, n_members: int = 3) -> str:
    return f"""groups:
  g: {{{entry}}}
tasks:
  a: {{each: {{n: {list(range(n_members))}}}, run: x, group: g}}
"""


@pytest.mark.parametrize(
    ("written", "least"), [("3", 3), ("1", 1), ("0.5", 0.5), ("33.3%", 0.333), ("100%", 1.0)]
)
def test_members_are_required_as_a_number_or_as_a_share(written: str, least: int | float) -> None:
    found = loads(grouped(f"min_required: {written}")).groups["g"].min_required
    assert (found, type(found)) == (least, type(least))


@pytest.mark.parametrize("written", ["0", "-1", "0%", "101%", "1.0", "1.5", "0.0", "true", "half", "[1]", ""])
def test_no_other_number_of_members_can_be_required(written: str) -> None:
    problem = only_problem_of(grouped(f"min_required: {written}"))
    assert problem.message.startswith("`min_required` of group `g` is")
    assert problem.place is not None
    assert problem.place.line == 2


def test_more_members_than_there_are_can_not_be_required() -> None:
    problem = only_problem_of(grouped("min_required: 50"))
    assert problem.path == ("groups", "g", "min_required")
    assert problem.hint is not None
    assert "`50%`" in problem.hint


@pytest.mark.parametrize(
    "broken",
    [
        "tasks: 5",
        "tasks: {a: {each: {n: []}, run: x, group: g}}",
        "tasks: {a: {run: x, group: [g]}, g: x, b: {run: x, needs: g}}",
        "tasks: {a: {run: x, groop: g}}",
    ],
)
def test_members_are_not_counted_where_tasks_could_not_be_read(broken: str) -> None:
    found = problems_of(f"groups: {{g: {{min_required: 2}}}}\n{broken}")
    assert [problem.path[0] for problem in found] == ["tasks"]


def test_groups_are_not_called_unknown_where_they_could_not_be_read() -> None:
    found = problems_of("groups: [g]\ntasks: {a: {run: x, group: g}, b: {run: x, needs: g}}")
    assert [problem.path for problem in found] == [("groups",)]


@pytest.mark.parametrize(
    ("written", "shown"), [("20", (20, None)), ("5m", (20, 300.0)), ("'1.5s'", (20, 1.5))]
)
def test_a_window_is_a_number_of_attempts_or_a_span_of_time(
    written: str, shown: tuple[int, float | None]
) -> None:
    health = loads(f"health: {{window: {written}}}\ntasks: {{a: x}}").policy.health
    assert health is not None
    assert (health.window, health.window_s) == shown


@pytest.mark.parametrize("written", ["0", "0.5", "'5'", "true", "0s", "5 m", "[]"])
def test_any_other_window_is_a_mistake(written: str) -> None:
    assert only_problem_of(f"health: {{window: {written}}}\ntasks: {{a: x}}").path == ("health", "window")


@pytest.mark.parametrize(
    ("line", "message", "hint"),
    [
        (
            "retry: {jitter: ful}",
            "expected `none`, `full`, `equal` or `decorrelated`",
            "did you mean `full`?",
        ),
        ("retry: {max_atempts: 3}", "unknown key `max_atempts`", "did you mean `max_attempts`?"),
        ("retry: {retry_on: [KILL]}", "a signal such as SIGKILL, or `timeout`", "did you mean `SIGKILL`?"),
        ("retry: {retry_on: timout}", "`retry.retry_on` of task `a`", "did you mean `timeout`?"),
        ("retry: {give_up_on: [256]}", "`retry.give_up_on[0]` of task `a` is `256`", None),
        ("retry: {retry_on: []}", "expected at least 1 item", None),
        ("retry: {factor: 0.5}", "expected a number, 1 or more", None),
        ("retry: {factor: true}", "expected a number, 1 or more", None),
        ("retry: {base: 1 bananas}", "expected a duration", None),
        ("retry: 0", "`retry` of task `a` is `0`; expected a whole number, 1 or more", None),
        ("timeout: soon", "`timeout` of task `a` is the string `soon`; expected a duration", None),
        ("timeout: 0", "`timeout.attempt` of task `a` is 0; expected seconds, more than 0", None),
        ("timeout: {task: 0s}", "`timeout.task` of task `a` is 0; expected seconds, more than 0", None),
        ("group: g", "task `a` is in group `g`, which is not in the plan", "declare it under `groups:`"),
    ],
)
def test_a_mistake_of_a_task_is_told_with_its_line(line: str, message: str, hint: str | None) -> None:
    problem = only_problem_of(f"tasks:\n  a:\n    run: x\n    {line}\n")
    assert message in problem.message
    assert problem.place is not None
    assert (problem.hint, problem.place.line) == (hint, 4)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("on_failure: stop", "`on_failure` is the string `stop`; expected `continue`, `drain` or `cancel`"),
        ("timeout: 0", "`timeout` is 0; expected seconds, more than 0"),
        ("grace: -1", "`grace` is `-1`; expected a duration"),
        ("retry_budget: 20", "`retry_budget` is `20`; expected a percentage"),
        (
            "retry_budget: {at_least: -1}",
            "`retry_budget.at_least` is `-1`; expected a whole number, 0 or more",
        ),
        ("health: 50%", "expected what is healthy: a mapping with keys"),
        ("health: {max_error_rate: 0%}", "`health.max_error_rate` is 0; expected more than 0"),
        ("health: {window: 5}", "`health.min_samples` is 10, and no more than 5 attempts are looked at"),
        ("groups: {g: {critical: 1}}", "`critical` of group `g` is `1`; expected true or false"),
        ("groups: {g: {when_met: go}}", "`when_met` of group `g` is the string `go`; expected `continue`,"),
        ("groups: {g: {group: h}}", "group `g` is in group `h`, which is not in the plan"),
        ("limits: {api: {health: {}}}", "limit `api` has neither `pool` nor `rate`"),
        ("limits: {api: {pool: 1, health: {cool_down: x}}}", "`health.cool_down` of limit `api`"),
    ],
)
def test_a_mistake_of_the_plan_is_told_with_its_line(line: str, message: str) -> None:
    problem = only_problem_of(f"tasks: {{a: x}}\n{line}\n")
    assert message in problem.message
    assert problem.place is not None
    assert problem.place.line == 2


def test_a_limit_that_could_not_be_read_is_not_too_small() -> None:
    found = problems_of("limits: {gpu: {health: {}}}\ntasks: {a: {run: x, limits: {gpu: 99}}}\n")
    assert [problem.path for problem in found] == [("limits", "gpu")]


def test_an_aggregate_may_be_made_from_a_group() -> None:
    plan = loads(
        "groups: {g: {}}\ntasks: {a: {run: x, result: json, group: g}}\n"
        "aggregates: {c: {from: g, strategy: frequency}}\n"
    )
    assert plan.aggregates["c"].source == ("g",)
