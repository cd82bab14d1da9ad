"""Every number and word of a failure policy that makes no sense is told before anything runs."""

from __future__ import annotations

from math import inf, nan
from typing import Any

import pytest

from weft.errors import Problem
from weft.model.group import Group, Rest
from weft.model.health import Health, WhenUnhealthy
from weft.model.limits import Pool
from weft.model.plan import Plan
from weft.model.policy import Policy
from weft.model.retry import Jitter, Retry, RetryBudget
from weft.model.timeout import Timeout
from weft.planning.check import problems
from weft.testing import plan, task


def with_retry(**values: Any) -> Plan:
    return plan(task("a", retry=Retry(**values)))


def with_timeout(**values: Any) -> Plan:
    return plan(task("a", timeout=Timeout(**values)))


def with_health(**values: Any) -> Plan:
    return plan(policy=Policy(health=Health(**values)))


def with_group(**values: Any) -> Plan:
    return plan(task("a", group="g"), groups={"g": Group(**values)})


def with_policy(**values: Any) -> Plan:
    return plan(policy=Policy(**values))


def with_budget(**values: Any) -> Plan:
    return plan(policy=Policy(retry_budget=RetryBudget(**values)))


def test_what_is_declared_with_sense_has_no_problems() -> None:
    health = Health(1.0, 5, None, 5, WhenUnhealthy.PAUSE, 0.0)
    failures = (75, 1, 255, "SIGKILL", "SIGPOLL", "timeout", OSError, KeyboardInterrupt)
    sound = plan(
        task("a", group="g", retry=Retry(1, 0.0, 1.0, 0.0, Jitter.FULL, failures, failures, 0.0, 0.0)),
        task("b", retry=Retry(), timeout=Timeout(0.001, 1e9)),
        task("c", timeout=Timeout()),
        limits={"api": Pool(1, Health(window_s=0.5, window=1))},
        groups={"g": Group(True, True, 1, Rest.CANCEL, Rest.DRAIN, None, health)},
        policy=Policy(Rest.CANCEL, 1.0, RetryBudget(0.0, 0), health, 0.0),
    )
    assert problems(sound) == ()


@pytest.mark.parametrize(
    ("wrong", "path"),
    [
        (with_retry(max_attempts=0), ("tasks", "a", "retry", "max_attempts")),
        (with_retry(max_attempts=2.5), ("tasks", "a", "retry", "max_attempts")),
        (with_retry(base_s=-0.1), ("tasks", "a", "retry", "base")),
        (with_retry(base_s="1s"), ("tasks", "a", "retry", "base")),
        (with_retry(factor=0.99), ("tasks", "a", "retry", "factor")),
        (with_retry(factor=nan), ("tasks", "a", "retry", "factor")),
        (with_retry(ceiling_s=-1), ("tasks", "a", "retry", "ceiling")),
        (with_retry(ceiling_s=inf), ("tasks", "a", "retry", "ceiling")),
        (with_retry(jitter="some"), ("tasks", "a", "retry", "jitter")),
        (with_retry(budget_s=-1), ("tasks", "a", "retry", "budget")),
        (with_retry(retry_after_ceiling_s=-1), ("tasks", "a", "retry", "retry_after_ceiling")),
        (with_retry(retry_on=(1, "SIGKIL")), ("tasks", "a", "retry", "retry_on", 1)),
        (with_retry(give_up_on=(0,)), ("tasks", "a", "retry", "give_up_on", 0)),
        (with_retry(give_up_on=(256,)), ("tasks", "a", "retry", "give_up_on", 0)),
        (with_retry(give_up_on=(True,)), ("tasks", "a", "retry", "give_up_on", 0)),
        (with_retry(give_up_on=(int,)), ("tasks", "a", "retry", "give_up_on", 0)),
        (with_retry(give_up_on=(OSError(),)), ("tasks", "a", "retry", "give_up_on", 0)),
        (with_retry(retry_on=OSError), ("tasks", "a", "retry", "retry_on")),
        (with_retry(retry_on="timeout"), ("tasks", "a", "retry", "retry_on")),
        (with_timeout(attempt_s=0), ("tasks", "a", "timeout", "attempt")),
        (with_timeout(attempt_s=nan), ("tasks", "a", "timeout", "attempt")),
        (with_timeout(task_s=-1), ("tasks", "a", "timeout", "task")),
        (with_timeout(task_s=inf), ("tasks", "a", "timeout", "task")),
        (with_group(min_required=0), ("groups", "g", "min_required")),
        (with_group(min_required=0.0), ("groups", "g", "min_required")),
        (with_group(min_required=1.01), ("groups", "g", "min_required")),
        (with_group(min_required=True), ("groups", "g", "min_required")),
        (with_group(when_met="cancel"), ("groups", "g", "when_met")),
        (with_group(when_lost="drain"), ("groups", "g", "when_lost")),
        (with_group(health=Health(max_error_rate=0)), ("groups", "g", "health", "max_error_rate")),
        (with_policy(on_failure="stop"), ("on_failure",)),
        (with_policy(timeout_s=0), ("timeout",)),
        (with_policy(grace_s=-1), ("grace",)),
        (with_budget(share=1.1), ("retry_budget", "share")),
        (with_budget(share=-0.1), ("retry_budget", "share")),
        (with_budget(at_least=-1), ("retry_budget", "at_least")),
        (with_health(max_error_rate=0.0), ("health", "max_error_rate")),
        (with_health(max_error_rate=50), ("health", "max_error_rate")),
        (with_health(window=0), ("health", "window")),
        (with_health(window_s=0), ("health", "window")),
        (with_health(min_samples=0), ("health", "min_samples")),
        (with_health(when_unhealthy="pause"), ("health", "when_unhealthy")),
        (with_health(cool_down_s=-1), ("health", "cool_down")),
        (plan(limits={"api": Pool(1, Health(cool_down_s=-1))}), ("limits", "api", "health", "cool_down")),
    ],
)
def test_a_value_out_of_its_range_is_told_with_the_keys_that_lead_to_it(
    wrong: Plan, path: tuple[str | int, ...]
) -> None:
    assert [problem.path for problem in problems(wrong)] == [path]


def test_a_monitor_that_would_never_speak_is_told() -> None:
    (problem,) = problems(with_health(window=5))
    assert problem.path == ("health", "min_samples")
    assert problem.message == "`health.min_samples` is 10, and no more than 5 attempts are looked at"
    assert problems(with_health(window=10)) == ()


def test_the_message_names_the_value_its_owner_and_what_was_expected() -> None:
    assert problems(with_retry(factor=0.5)) == (
        Problem(
            ("tasks", "a", "retry", "factor"),
            "`retry.factor` of task `a` is 0.5; expected a number, 1 or more",
        ),
    )
    assert problems(with_policy(grace_s=-1.0)) == (
        Problem(("grace",), "`grace` is -1; expected seconds, 0 or more"),
    )


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        (with_retry(retry_on=("SIGKIL",)), "did you mean 'SIGKILL'?"),
        (with_retry(retry_on=("timeuot",)), "did you mean 'timeout'?"),
        (with_retry(retry_on=("Warning",)), "an exception is given as its type, not as its name"),
        (with_retry(retry_on=OSError), "write `(OSError,)`"),
        (with_group(when_met="cancel"), "did you mean `policy.Rest.CANCEL`?"),
        (with_health(when_unhealthy="pause"), "did you mean `policy.WhenUnhealthy.PAUSE`?"),
        (plan(task("a", retry=3)), "write `Retry(max_attempts=3)`"),  # type: ignore[arg-type]  # the mistake
    ],
)
def test_a_mistake_that_is_easily_made_gets_a_hint(wrong: Plan, hint: str) -> None:
    (problem,) = problems(wrong)
    assert problem.hint == hint


def test_members_of_a_fan_out_share_the_mistake_of_their_entry() -> None:
    members = [task(f"a[{n}]", family="a", retry=Retry(0), timeout=Timeout(0.0)) for n in range(3)]
    assert [problem.path[1] for problem in problems(plan(*members))] == ["a", "a"]
