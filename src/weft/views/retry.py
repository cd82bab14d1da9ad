"""A dry run of the retries of one task: its attempts, the delays between them, and what bounds them.

Knows what is declared and computed before a run; what is decided after a failure stands in
`scheduling.retry`, from where the delays come.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from weft.model.plan import Plan
from weft.model.retry import TIMEOUT, Jitter, On, Retry, RetryBudget
from weft.model.task import Task
from weft.model.timeout import Timeout
from weft.scheduling.retry import bounds
from weft.views.page import MOST_ITEMS, Page, count, row, wrapped

# Nobody reads more, and a plan may allow any number of attempts.
MOST_DELAYS = 1000

ONCE = Retry(max_attempts=1)


class Delay(msgspec.Struct, frozen=True):
    """``attempt`` begins from ``shortest_s`` to ``longest_s`` seconds after the one before it has failed."""

    attempt: int
    shortest_s: float
    longest_s: float


class Retrying(Page, frozen=True):
    """The attempts at a task, as far as they are known before the run; all times are in seconds.

    ``delays`` are those of the first attempts, `MOST_DELAYS` at most, without those that begin too late for
    ``budget_s`` or ``task_timeout_s`` even if no attempt takes any time. ``waits_s`` is the least and the
    most that they take together. A task is tried again after any failure where ``retry_on`` is empty.
    ``run_budget`` and ``run_timeout_s`` bound the run as a whole.
    """

    task: str
    max_attempts: int
    delays: tuple[Delay, ...]
    waits_s: tuple[float, float]
    jitter: Jitter
    retry_on: tuple[str, ...]
    give_up_on: tuple[str, ...]
    retry_after_ceiling_s: float
    budget_s: float | None
    attempt_timeout_s: float | None
    task_timeout_s: float | None
    run_budget: RetryBudget | None
    run_timeout_s: float | None

    def lines(self) -> Iterator[str]:
        """Return the page line by line."""
        if self.max_attempts == 1:
            yield f"{self.task}: one attempt, no retry"
        else:
            yield f"{self.task}: up to {count(self.max_attempts, 'attempt')}"
            yield ""
            yield from self._attempts()
            yield ""
            yield from row("tried again", f"after {', '.join(self.retry_on) or 'any failure'}")
            if self.give_up_on:
                yield from row("not tried again", f"after {', '.join(self.give_up_on)}")
            ceiling = _span(self.retry_after_ceiling_s)
            yield from row("Retry-After", f"a failure may ask for a longer wait, of up to {ceiling}")
        bounded = [line for label, text in self._bounds() for line in row(label, text)]
        if bounded and self.max_attempts == 1:
            yield ""
        yield from bounded

    def _attempts(self) -> Iterator[str]:
        yield from row("attempt 1", "at once")
        for delay in self.delays[:MOST_ITEMS]:
            after = (
                f"{_between(delay.shortest_s, delay.longest_s)} after attempt {delay.attempt - 1} has failed"
            )
            yield from row(f"attempt {delay.attempt}", after)
        if len(self.delays) > MOST_ITEMS:
            yield from row("", "and so on")
        elif len(self.delays) < self.max_attempts - 1:
            yield from row("", "any other would begin too late")
        if len(self.delays) < MOST_DELAYS:
            yield from row("waits", f"{_between(*self.waits_s)} in all")
        if self.jitter is not Jitter.NONE:
            yield ""
            yield from wrapped(
                f"Chance spreads the delays (jitter: {self.jitter}); it is drawn anew in each run."
            )

    def _bounds(self) -> Iterator[tuple[str, str]]:
        if self.budget_s is not None:
            yield "budget", f"no attempt begins later than {_span(self.budget_s)} after the first"
        if self.attempt_timeout_s is not None:
            yield "each attempt", f"may take {_span(self.attempt_timeout_s)}"
        if self.task_timeout_s is not None:
            yield "all attempts", f"may take {_span(self.task_timeout_s)}, with the waits between them"
        if self.run_timeout_s is not None:
            yield "the run", f"may take {_span(self.run_timeout_s)}"
        if self.run_budget is not None and self.max_attempts > 1:
            share, always = self.run_budget.share, self.run_budget.at_least
            yield (
                "retry budget",
                f"of the run: {share:.0%} of its attempts may be retries, {always} always may",
            )


def retrying(plan: Plan, task: Task) -> Retrying:
    """Return what is known before the run about the attempts at ``task``.

    >>> from weft.testing import plan, task
    >>> flaky = task("fetch", retry=Retry())
    >>> [delay.longest_s for delay in retrying(plan(flaky), flaky).delays]
    [2.0, 4.0]
    """
    retry = task.retry or ONCE
    timeout = task.timeout or Timeout()
    delays = tuple(_delays(retry, timeout.task_s))
    return Retrying(
        task=task.id,
        max_attempts=retry.max_attempts,
        delays=delays,
        waits_s=(sum(delay.shortest_s for delay in delays), sum(delay.longest_s for delay in delays)),
        jitter=retry.jitter,
        retry_on=tuple(_words(on) for on in retry.retry_on),
        give_up_on=tuple(_words(on) for on in retry.give_up_on),
        retry_after_ceiling_s=retry.retry_after_ceiling_s,
        budget_s=retry.budget_s,
        attempt_timeout_s=timeout.attempt_s,
        task_timeout_s=timeout.task_s,
        run_budget=plan.policy.retry_budget,
        run_timeout_s=plan.policy.timeout_s,
    )


def _delays(retry: Retry, task_timeout_s: float | None) -> Iterator[Delay]:
    passed_s, longest_s = 0.0, retry.base_s
    for attempt in range(1, min(retry.max_attempts, MOST_DELAYS + 1)):
        shortest_s, longest_s = bounds(retry, attempt, longest_s)
        passed_s += shortest_s
        if any(end is not None and passed_s > end for end in (retry.budget_s, task_timeout_s)):
            return
        yield Delay(attempt + 1, shortest_s, longest_s)


def _words(on: On) -> str:
    if isinstance(on, type):
        return on.__qualname__
    if isinstance(on, int):
        return f"exit code {on}"
    return "a timeout" if on == TIMEOUT else on


def _between(shortest_s: float, longest_s: float) -> str:
    return _span(longest_s) if shortest_s == longest_s else f"{shortest_s:,.6g} to {_span(longest_s)}"


def _span(number_s: float) -> str:
    return f"{number_s:,.6g} s"
