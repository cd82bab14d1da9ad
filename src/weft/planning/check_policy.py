"""Do policies make sense: retries, timeouts, health, what groups, rates and runs ask for?

Knows values, and the keys under which they stand in a plan. Whether the names of groups are known, and
whether a group has the members that it requires, is told by `check`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import Enum
from math import inf

import msgspec

from weft.errors import Problem
from weft.model.group import Group, Rest
from weft.model.health import Health, WhenUnhealthy
from weft.model.limits import Limit
from weft.model.lock import Lock
from weft.model.policy import Policy
from weft.model.rate import Rate
from weft.model.retry import TIMEOUT, Jitter, Retry
from weft.model.scope import Scope
from weft.model.signals import NUMBERS
from weft.model.task import Task
from weft.planning.nearest import nearest

MOST_EXIT_CODE = 255


class _Range(msgspec.Struct, frozen=True):
    """Which numbers are right, and the words for them."""

    expected: str
    holds: Callable[[float], bool]


_COUNT = _Range("a whole number, 1 or more", lambda number: isinstance(number, int) and number >= 1)
_COUNT_OR_NONE = _Range("a whole number, 0 or more", lambda number: isinstance(number, int) and number >= 0)
_FACTOR = _Range("a number, 1 or more", lambda number: 1 <= number < inf)
_SPAN = _Range("seconds, 0 or more", lambda number: 0 <= number < inf)
_TIME = _Range("seconds, more than 0", lambda number: 0 < number < inf)
_SHARE = _Range("0 to 1", lambda number: 0 <= number <= 1)
_SOME_SHARE = _Range("more than 0 and at most 1, which stands for 100%", lambda number: 0 < number <= 1)


class _Owner(msgspec.Struct, frozen=True):
    """What the values belong to: the keys that lead to it, and its name, empty for the plan itself."""

    path: tuple[str, ...] = ()
    name: str = ""

    def problem(self, key: str, what: str, hint: str | None = None, number: int | None = None) -> Problem:
        """Return that there is something wrong with ``key``, or with the item ``number`` of it."""
        of = f" of {self.name}" if self.name else ""
        item = () if number is None else (number,)
        return Problem((*self.path, *key.split("."), *item), f"`{key}`{of} {what}", hint)

    def number(self, key: str, value: object, right: _Range) -> Iterator[Problem]:
        if isinstance(value, bool) or not isinstance(value, int | float) or not right.holds(value):
            shown = f"{value:g}" if isinstance(value, float) else repr(value)
            yield self.problem(key, f"is {shown}; expected {right.expected}")

    def word(self, key: str, value: object, kind: type[Enum]) -> Iterator[Problem]:
        if not isinstance(value, kind):
            names = ", ".join(f"{kind.__name__}.{each.name}" for each in kind)
            meant = [each.name for each in kind if each.value == value]
            hint = f"did you mean `policy.{kind.__name__}.{meant[0]}`?" if meant else None
            yield self.problem(key, f"is {value!r}; expected one of {names}", hint)


def of_task(entry: str, task: Task) -> Iterator[Problem]:
    """Yield what is wrong with the retry and the timeouts of ``task``, which the plan calls ``entry``."""
    owner = _Owner(("tasks", entry), f"task `{entry}`")
    if task.retry is not None:
        yield from _retry(owner, task.retry)
    timeout = task.timeout
    if timeout is not None and timeout.attempt_s is not None:
        yield from owner.number("timeout.attempt", timeout.attempt_s, _TIME)
    if timeout is not None and timeout.task_s is not None:
        yield from owner.number("timeout.task", timeout.task_s, _TIME)


def of_limit(name: str, limit: Limit) -> Iterator[Problem]:
    """Yield what is wrong with the health and the scope of ``limit``, and with what counts as a refusal."""
    owner = _Owner(("limits", name), f"limit `{name}`")
    yield from owner.word("scope", limit.scope, Scope)
    if limit.health is not None:
        yield from _health(owner, limit.health)
    if isinstance(limit, Rate):
        yield from _refusals(owner, limit.refused_on)


def of_lock(name: str, lock: object) -> Iterator[Problem]:
    """Yield what is wrong with ``lock``."""
    owner = _Owner(("locks", name), f"lock `{name}`")
    if isinstance(lock, Lock):
        yield from owner.word("scope", lock.scope, Scope)
    else:
        yield Problem(owner.path, f"{owner.name} is {lock!r}; expected a Lock")


def of_group(name: str, group: Group) -> Iterator[Problem]:
    """Yield what is wrong with ``group``, whoever belongs to it."""
    owner = _Owner(("groups", name), f"group `{name}`")
    if group.min_required is not None:
        right = _SOME_SHARE if isinstance(group.min_required, float) else _COUNT
        yield from owner.number("min_required", group.min_required, right)
    yield from owner.word("when_met", group.when_met, Rest)
    if group.when_lost is not None:
        yield from owner.word("when_lost", group.when_lost, Rest)
    if group.health is not None:
        yield from _health(owner, group.health)


def of_run(policy: Policy) -> Iterator[Problem]:
    """Yield what is wrong with the policy of a run."""
    owner = _Owner()
    yield from owner.word("on_failure", policy.on_failure, Rest)
    if policy.timeout_s is not None:
        yield from owner.number("timeout", policy.timeout_s, _TIME)
    if policy.retry_budget is not None:
        yield from owner.number("retry_budget.share", policy.retry_budget.share, _SHARE)
        yield from owner.number("retry_budget.at_least", policy.retry_budget.at_least, _COUNT_OR_NONE)
    if policy.health is not None:
        yield from _health(owner, policy.health)
    yield from owner.number("grace", policy.grace_s, _SPAN)
    yield from owner.number("aging", policy.aging_s, _TIME)


def _retry(owner: _Owner, retry: object) -> Iterator[Problem]:
    if not isinstance(retry, Retry):
        hint = f"write `Retry(max_attempts={retry})`" if isinstance(retry, int) else None
        yield owner.problem("retry", f"is {retry!r}; expected a Retry", hint)
        return
    yield from owner.number("retry.max_attempts", retry.max_attempts, _COUNT)
    yield from owner.number("retry.base", retry.base_s, _SPAN)
    yield from owner.number("retry.factor", retry.factor, _FACTOR)
    yield from owner.number("retry.ceiling", retry.ceiling_s, _SPAN)
    yield from owner.word("retry.jitter", retry.jitter, Jitter)
    yield from _failures(owner, "retry.retry_on", retry.retry_on)
    yield from _failures(owner, "retry.give_up_on", retry.give_up_on)
    if retry.budget_s is not None:
        yield from owner.number("retry.budget", retry.budget_s, _SPAN)
    yield from owner.number("retry.retry_after_ceiling", retry.retry_after_ceiling_s, _SPAN)


def _failures(owner: _Owner, key: str, failures: object) -> Iterator[Problem]:
    if not isinstance(failures, tuple | list):
        yield owner.problem(key, f"is {_shown(failures)}; expected a tuple", f"write `({_shown(failures)},)`")
        return
    for number, failure in enumerate(failures):
        if not _is_failure(failure):
            expected = f"an exception type, an exit code from 1 to {MOST_EXIT_CODE}, a signal or {TIMEOUT!r}"
            hint = _meant(failure) if isinstance(failure, str) else None
            yield owner.problem(key, f"holds {_shown(failure)}; expected {expected}", hint, number)


def _is_failure(failure: object) -> bool:
    if isinstance(failure, type):
        return issubclass(failure, BaseException)
    if isinstance(failure, int):
        return not isinstance(failure, bool) and 1 <= failure <= MOST_EXIT_CODE
    return isinstance(failure, str) and (failure == TIMEOUT or failure in NUMBERS)


def _meant(name: str) -> str:
    near = nearest(name, [TIMEOUT, *NUMBERS])
    return f"did you mean {near!r}?" if near else "an exception is given as its type, not as its name"


def _shown(value: object) -> str:
    return value.__name__ if isinstance(value, type) else repr(value)


def _refusals(owner: _Owner, codes: object) -> Iterator[Problem]:
    if not isinstance(codes, tuple | list):
        yield owner.problem("refused_on", f"is {codes!r}; expected a tuple", f"write `({codes!r},)`")
        return
    for number, code in enumerate(codes):
        if isinstance(code, bool) or not isinstance(code, int) or not 1 <= code <= MOST_EXIT_CODE:
            what = f"holds {code!r}; expected an exit code from 1 to {MOST_EXIT_CODE}"
            hint = "for exceptions raise `weft.RateLimited`" if isinstance(code, type) else None
            yield owner.problem("refused_on", what, hint, number)


def _health(owner: _Owner, health: Health) -> Iterator[Problem]:
    yield from owner.number("health.max_error_rate", health.max_error_rate, _SOME_SHARE)
    wrong = list(owner.number("health.min_samples", health.min_samples, _COUNT))
    if health.window_s is not None:
        wrong += owner.number("health.window", health.window_s, _TIME)
    else:
        wrong += owner.number("health.window", health.window, _COUNT)
        if not wrong and health.min_samples > health.window:
            what = f"is {health.min_samples}, and no more than {health.window} attempts are looked at"
            hint = "it would never speak: let `min_samples` be smaller, or `window` larger"
            wrong.append(owner.problem("health.min_samples", what, hint))
    yield from wrong
    yield from owner.word("health.when_unhealthy", health.when_unhealthy, WhenUnhealthy)
    yield from owner.number("health.cool_down", health.cool_down_s, _SPAN)
