from __future__ import annotations

import pytest

from weft.model.retry import Jitter, Retry
from weft.model.timeout import Timeout
from weft.testing import plan, task
from weft.views.retry import MOST_DELAYS, Retrying, retrying


def told(retry: Retry | None, timeout: Timeout | None = None) -> Retrying:
    tried = task("a", retry=retry, timeout=timeout)
    return retrying(plan(tried), tried)


def longest(retrying: Retrying) -> list[float]:
    return [delay.longest_s for delay in retrying.delays]


def test_the_delays_are_those_of_the_backoff() -> None:
    assert longest(told(Retry(max_attempts=5, ceiling_s=10.0))) == [2.0, 4.0, 8.0, 10.0]
    assert told(Retry()).waits_s == (6.0, 6.0)


@pytest.mark.parametrize(
    ("jitter", "ranges"),
    [
        (Jitter.FULL, [(0.0, 2.0), (0.0, 4.0)]),
        (Jitter.EQUAL, [(1.0, 2.0), (2.0, 4.0)]),
        (Jitter.DECORRELATED, [(1.0, 3.0), (1.0, 9.0)]),
    ],
)
def test_chance_is_told_as_a_range(jitter: Jitter, ranges: list[tuple[float, float]]) -> None:
    delays = told(Retry(jitter=jitter)).delays
    assert [(delay.shortest_s, delay.longest_s) for delay in delays] == ranges


@pytest.mark.parametrize(("end_s", "attempts"), [(1.9, 1), (2.0, 2), (5.9, 2), (6.0, 3)])
def test_an_attempt_that_would_begin_too_late_in_any_case_is_left_out(end_s: float, attempts: int) -> None:
    assert len(told(Retry(budget_s=end_s)).delays) == attempts - 1
    assert len(told(Retry(), Timeout(task_s=end_s)).delays) == attempts - 1


def test_any_number_of_attempts_may_be_asked_for() -> None:
    page = told(Retry(max_attempts=10**12))
    assert len(page.delays) == MOST_DELAYS
    assert "up to 1,000,000,000,000 attempts" in str(page)
    assert "in all" not in str(page)


def test_failures_are_named_as_people_know_them() -> None:
    page = told(Retry(retry_on=(ConnectionError, 75, "SIGKILL", "timeout")))
    assert page.retry_on == ("ConnectionError", "exit code 75", "SIGKILL", "a timeout")
    assert '"ConnectionError"' in page.to_json()


def test_a_task_without_retry_is_tried_once() -> None:
    assert str(told(None)) == "a: one attempt, no retry"
