"""Whether and when a failed attempt is followed by another."""

from __future__ import annotations

from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.model.attempt import Attempt
from weft.model.group import Group, Rest
from weft.model.outcome import Failed
from weft.model.policy import Policy
from weft.model.priority import HIGH, LOW
from weft.model.reason import (
    AttemptsUsedUp,
    BackingOff,
    BadResult,
    CancelAsked,
    CouldNotStart,
    DependencyFailed,
    DependencyPending,
    Exited,
    FailureReason,
    GroupLost,
    Interrupted,
    Killed,
    NotRetried,
    PoolFull,
    Raised,
    RetryBudgetSpent,
    TimeBudgetSpent,
    TimedOut,
)
from weft.model.retry import Jitter, On, Retry, RetryBudget
from weft.scheduling.actions import StartAttempt
from weft.scheduling.events import TimePassed
from weft.scheduling.facts import AttemptStarted, GaveUp, RetryScheduled, TaskEnded
from weft.scheduling.node import Tries
from weft.scheduling.retry import GiveUp, Spending, TryAgain, bounds, chance, decide, delays
from weft.scheduling.states import BACKOFF, READY, RUNNING, RunState
from weft.testing import Sim, cancelled, failed, plan, succeeded, task
from weft.testing.sim import Outcomes
from weft.testing.strategies import retries


def tries(n: int, began: float = 0.0) -> Tries:
    """Return what is known of a task after ``n`` attempts."""
    found = Tries(began)
    found.n = n
    return found


def after(retry: Retry, outcome: Failed, n: int = 1, now: float = 0.0) -> TryAgain | GiveUp:
    """Return what follows attempt number ``n``, the first of which began at 0."""
    return decide(retry, outcome, "a", tries(n), now, "", Spending(None))


# Delays


def test_the_delays_are_one_second_times_two_to_the_number_of_the_attempt() -> None:
    assert delays(Retry(), "a", "", 5) == [2.0, 4.0, 8.0, 16.0, 32.0]


def test_no_delay_is_longer_than_the_ceiling() -> None:
    assert delays(Retry(ceiling_s=5.0), "a", "", 4) == [2.0, 4.0, 5.0, 5.0]


def test_base_and_factor_shape_the_delays() -> None:
    assert delays(Retry(base_s=0.1, factor=3.0), "a", "", 3) == pytest.approx([0.3, 0.9, 2.7])
    assert delays(Retry(base_s=2.0, factor=1.0), "a", "", 3) == [2.0, 2.0, 2.0]
    assert delays(Retry(base_s=0.0), "a", "", 3) == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("factor", [2.0, 2, 1.0, 1e300])
@pytest.mark.parametrize("base_s", [0.0, 1.0, 1e300])
def test_a_huge_number_of_attempts_is_no_problem(base_s: float, factor: float) -> None:
    low, high = bounds(Retry(base_s=base_s, factor=factor), 10**9, 1.0)
    assert low == high == (min(base_s, 60.0) if factor == 1.0 or base_s == 0.0 else 60.0)


@given(retries(), st.integers(1, 40), st.text(), st.text())
def test_every_delay_is_within_the_bounds_of_its_jitter(retry: Retry, n: int, seed: str, name: str) -> None:
    found = delays(retry, name, seed, n)
    plain = [min(retry.ceiling_s, retry.base_s * retry.factor**attempt) for attempt in range(1, n + 1)]
    for delay_s, plain_s, before_s in zip(found, plain, [retry.base_s, *found], strict=False):
        assert 0 <= delay_s <= retry.ceiling_s
        match retry.jitter:
            case Jitter.NONE:
                assert delay_s == plain_s
            case Jitter.FULL:
                assert delay_s <= plain_s
            case Jitter.EQUAL:
                assert plain_s / 2 <= delay_s <= plain_s
            case Jitter.DECORRELATED:
                assert min(retry.base_s, retry.ceiling_s) <= delay_s <= max(retry.base_s, 3 * before_s)


@given(retries(), st.integers(1, 20), st.text(), st.text())
def test_a_delay_depends_on_seed_task_and_attempt_only(retry: Retry, n: int, seed: str, name: str) -> None:
    assert delays(retry, name, seed, n) == delays(retry, name, seed, n)
    assert delays(retry, name, seed, n) == delays(retry, name, seed, n + 5)[:n]
    decided = decide(retry, failed(), name, tries(n), 0.0, seed, Spending(None))
    if isinstance(decided, TryAgain):
        assert decided.at == delays(retry, name, seed, n)[-1]


@pytest.mark.parametrize("jitter", [Jitter.FULL, Jitter.EQUAL, Jitter.DECORRELATED])
def test_another_seed_task_or_attempt_has_another_delay(jitter: Jitter) -> None:
    retry = Retry(base_s=10.0, factor=1.0, jitter=jitter)
    found = delays(retry, "a", "", 2) + delays(retry, "b", "", 2) + delays(retry, "a", "other", 2)
    assert len(set(found)) == 6


def test_chance_is_spread_evenly() -> None:
    numbers = [chance("seed", f"task {n}", 1) for n in range(2_000)]
    assert all(0 <= number < 1 for number in numbers)
    tenths = [sum(tenth <= number * 10 < tenth + 1 for number in numbers) for tenth in range(10)]
    assert min(tenths) > 150, tenths


def test_one_more_task_does_not_move_the_delays_of_the_others() -> None:
    a = task("a", retry=Retry(jitter=Jitter.FULL))
    alone, together = Sim(plan(a), seed="7"), Sim(plan(task("b", retry=a.retry), a), seed="7")
    alone.finish("a", failed())
    together.finish("b", failed())
    together.finish("a", failed())
    assert alone.waiting("a") == together.waiting("a") != together.waiting("b")


# Which failures


@pytest.mark.parametrize(
    ("on", "because", "matches"),
    [
        (75, Exited(75), True),
        (75, Exited(1), False),
        (9, Killed(9), False),
        ("SIGKILL", Killed(9), True),
        ("SIGKILL", Killed(15), False),
        ("SIGTERM", Exited(15), False),
        ("timeout", TimedOut(1.0), True),
        ("timeout", Exited(124), False),
        (1, TimedOut(1.0), False),
        (1, BadResult("no json"), False),
        (OSError, CouldNotStart("no such file"), False),
        (ValueError, Raised("ValueError", "worker's"), True),
        (ValueError, Raised("KeyError", "worker's"), False),
    ],
)
def test_a_failure_is_matched_by_exit_code_signal_or_word(
    on: On, because: FailureReason, matches: bool
) -> None:
    outcome = failed(because)
    assert isinstance(after(Retry(retry_on=(on,)), outcome), TryAgain) == matches
    assert isinstance(after(Retry(give_up_on=(on,)), outcome), TryAgain) != matches


@pytest.mark.parametrize(
    ("on", "matches"),
    [(ConnectionResetError, True), (OSError, True), (Exception, True), (TimeoutError, False), (1, False)],
)
def test_an_exception_is_matched_by_its_type_and_those_above_it(on: On, matches: bool) -> None:
    error = ConnectionResetError("gone")
    outcome = Failed(Raised("ConnectionResetError", "gone"), error)
    assert isinstance(after(Retry(retry_on=(on,)), outcome), TryAgain) == matches


def test_every_failure_is_tried_again_if_none_is_named() -> None:
    for because in (Exited(1), Killed(9), TimedOut(1.0), CouldNotStart("x"), Raised("E", "")):
        assert isinstance(after(Retry(), failed(because)), TryAgain)


def test_giving_up_wins_over_trying_again() -> None:
    retry = Retry(retry_on=(OSError,), give_up_on=(FileNotFoundError,))
    assert isinstance(after(retry, Failed(Raised("OSError", ""), OSError())), TryAgain)
    missing = Failed(Raised("FileNotFoundError", ""), FileNotFoundError())
    assert after(retry, missing) == GiveUp(NotRetried())


# When to give up


def test_a_task_has_as_many_attempts_as_it_may_have_and_not_one_more() -> None:
    assert after(Retry(max_attempts=3), failed(), n=2) == TryAgain(4.0)
    assert after(Retry(max_attempts=3), failed(), n=3) == GiveUp(AttemptsUsedUp(3))
    assert after(Retry(max_attempts=1), failed()) == GiveUp(AttemptsUsedUp(1))


def test_what_the_work_asks_to_wait_is_honoured_up_to_its_ceiling() -> None:
    retry = Retry(retry_after_ceiling_s=10.0)
    assert after(retry, failed(retry_after_s=7.0)) == TryAgain(7.0)
    assert after(retry, failed(retry_after_s=1e9)) == TryAgain(10.0)
    assert after(retry, failed(retry_after_s=0.5)) == TryAgain(2.0), "never sooner than the backoff"
    assert after(retry, failed(retry_after_s=-1.0)) == TryAgain(2.0)
    assert after(retry, failed(retry_after_s=float("nan"))) == TryAgain(2.0)


def test_no_attempt_is_due_later_than_the_time_budget_after_the_first_began() -> None:
    retry = Retry(budget_s=10.0)
    assert after(retry, failed(), now=8.0) == TryAgain(10.0)
    assert after(retry, failed(), now=8.5) == GiveUp(TimeBudgetSpent(10.0))
    assert after(retry, failed(retry_after_s=11.0)) == GiveUp(TimeBudgetSpent(10.0))


@given(st.floats(0, 1), st.integers(0, 5), st.lists(st.booleans(), max_size=200))
def test_retries_are_at_most_their_share_of_all_attempts(
    share: float, at_least: int, failures: list[bool]
) -> None:
    spending = Spending(RetryBudget(share, at_least))
    n_retries = 0
    for is_retry_wanted in failures:
        spending.n_attempts += 1
        if is_retry_wanted and spending.allows():
            spending.n_retries += 1
            spending.n_attempts += 1
            n_retries += 1
        assert n_retries <= max(at_least, share * spending.n_attempts)


def test_without_a_budget_any_number_of_retries_is_allowed() -> None:
    spending = Spending(None)
    spending.n_retries = 10**6
    assert spending.allows()


# In a run


def test_a_failed_attempt_is_followed_by_others_after_two_and_four_seconds() -> None:
    run = Sim(plan(task("a", retry=Retry())))
    assert run.play({"a": failed()}) == 1 + 2 + 1 + 4 + 1
    assert [(fact.at, fact.attempt.number) for fact in run.facts if isinstance(fact, AttemptStarted)] == [
        (0.0, 1),
        (3.0, 2),
        (8.0, 3),
    ]
    assert [fact for fact in run.facts if isinstance(fact, RetryScheduled)] == [
        RetryScheduled(1.0, Attempt(0, 2), 3.0),
        RetryScheduled(4.0, Attempt(0, 3), 8.0),
    ]
    assert run.facts[-3:-1] == [GaveUp(9.0, Attempt(0, 3), AttemptsUsedUp(3)), TaskEnded(9.0, 0, failed())]


def test_without_retry_a_task_is_tried_once() -> None:
    run = Sim(plan(task("a")))
    run.finish("a", failed())
    assert run.outcomes == {"a": failed()}
    assert not any(isinstance(fact, GaveUp) for fact in run.facts)


def test_a_task_that_succeeds_at_last_has_succeeded() -> None:
    run = Sim(plan(task("a", retry=Retry()), task("b", needs=["a"])))
    run.play({"a": [failed(), failed()]})
    assert run.outcomes == {"a": succeeded(), "b": succeeded()}
    assert run.ended is RunState.SUCCEEDED


def test_what_needs_a_task_waits_for_its_last_attempt() -> None:
    run = Sim(plan(task("a", retry=Retry(max_attempts=2)), task("b", needs=["a"])))
    run.finish("a", failed())
    assert run.waiting("b") == (DependencyPending("a"),)
    run.wake()
    run.finish("a", failed(Exited(2)))
    assert run.outcomes["a"] == failed(Exited(2))
    assert run.skipped == {"b": DependencyFailed("a")}


def test_a_task_that_backs_off_says_until_when() -> None:
    run = Sim(plan(task("a", retry=Retry())))
    run.clock.advance(1.0)
    run.finish("a", failed())
    assert run.state("a") is BACKOFF
    assert run.waiting("a") == (BackingOff(attempt=2, due=3.0),)
    assert run.wake_at == 3.0
    run.pass_to(2.9)
    assert run.state("a") is BACKOFF
    run.pass_to(3.0)
    assert run.state("a") is RUNNING


def test_a_waiting_retry_holds_no_slot() -> None:
    run = Sim(plan(task("a", retry=Retry()), task("b"), task("c")), max_concurrent=1)
    run.finish("a", failed())
    assert run.running == ["b"]
    run.pass_to(2.0)
    assert run.running == ["b"]
    assert (run.state("a"), run.waiting("a")) == (READY, (PoolFull("max_concurrent", 0, 1),))
    run.finish("b")
    assert run.running == ["a"], "it keeps its place in the order of choice"


def test_a_waiting_retry_reserves_nothing() -> None:
    wide = task("wide", limits={"gpu": 2}, priority=HIGH, retry=Retry())
    run = Sim(plan(wide, limits={"gpu": 2}))
    run.submit(task("narrow", limits={"gpu": 1}), task("other", limits={"gpu": 1}))
    run.finish("wide", failed())
    assert run.running == ["narrow", "other"]
    run.finish("narrow")
    run.submit(task("late", limits={"gpu": 1}))
    assert run.running == ["other", "late"]
    run.pass_to(2.0)
    run.finish("late")
    run.submit(task("later", limits={"gpu": 1}))
    assert run.running == ["other"], "READY again, it is not overtaken by narrow ones"


def test_a_retry_keeps_its_priority() -> None:
    urgent = task("urgent", priority=HIGH, retry=Retry())
    run = Sim(plan(urgent, *(task(name) for name in "bc"), task("low", priority=LOW)), max_concurrent=1)
    run.finish("urgent", failed())
    run.pass_to(2.0)
    run.finish("b")
    assert run.running == ["urgent"]


@pytest.mark.parametrize("size", [1, 2, 3])
def test_the_cap_holds_during_retries_and_after_failures(size: int) -> None:
    retry = Retry(max_attempts=4, base_s=0.25, jitter=Jitter.FULL)
    tasks = [task(f"t{n}", retry=retry, duration_s=0.5, limits={"api": 1}) for n in range(12)]
    run = Sim(plan(*tasks, task("plain"), limits={"api": size}), max_concurrent=size + 1)
    most = 0

    def outcome(number: int) -> Failed:
        nonlocal most
        most = max(most, len(run.running))
        return failed()

    outcomes: dict[str, Outcomes] = {one.id: outcome for one in tasks}
    run.play(outcomes)
    assert most <= size + 1
    assert len(run.started) == 12 * 4 + 1, "a retry with a cap does not hang"


def test_retries_without_a_delay_start_in_the_step_of_the_failure() -> None:
    run = Sim(plan(task("a", retry=Retry(base_s=0.0)), task("b")), max_concurrent=1)
    run.finish("a", failed())
    assert run.running == ["a"]
    assert run.wake_at is None


def test_a_retry_starts_by_an_order_of_its_own() -> None:
    run = Sim(plan(task("a", retry=Retry())))
    run.finish("a", failed())
    run.clock.advance_to(2.0)
    assert run.step(TimePassed()).actions == [StartAttempt(Attempt(0, 2))]


def test_a_cancelled_task_is_not_tried_again() -> None:
    run = Sim(plan(task("a", retry=Retry()), task("b", retry=Retry())))
    run.finish("b", failed())
    run.cancel("a", "b")
    assert run.outcomes == {"b": cancelled()}
    run.finish("a", failed(Exited(143)))
    assert run.outcomes == {"a": failed(Exited(143)), "b": cancelled()}
    assert run.wake_at is None


def test_a_task_that_is_ready_for_its_retry_can_be_cancelled() -> None:
    run = Sim(plan(task("a", retry=Retry()), task("b")), max_concurrent=1)
    run.finish("a", failed())
    run.pass_to(2.0)
    run.cancel("a")
    assert run.outcomes == {"a": cancelled(CancelAsked())}
    run.finish("b")
    assert run.running == []


def test_an_interrupt_takes_back_what_waits_for_its_retry_and_what_fails_is_not_tried_again() -> None:
    run = Sim(plan(task("a", retry=Retry()), task("b", retry=Retry())))
    run.finish("a", failed())
    run.interrupt(signal=2)
    assert run.outcomes == {"a": cancelled(Interrupted(2))}
    run.finish("b", failed())
    assert run.outcomes["b"] == failed()


@pytest.mark.parametrize("rest", [Rest.DRAIN, Rest.CANCEL])
def test_nothing_is_tried_again_when_the_run_ends_with_its_first_failure(rest: Rest) -> None:
    tasks = [task("bad"), task("a", retry=Retry()), task("b", retry=Retry())]
    run = Sim(plan(*tasks, policy=Policy(on_failure=rest)))
    run.finish("a", failed())
    run.finish("bad", failed())
    assert run.state("a") is not BACKOFF
    run.finish("b", failed())
    assert run.outcomes["b"] == failed()
    assert run.running == []


def test_a_group_that_is_lost_tries_none_of_its_tasks_again() -> None:
    tasks = [
        task("bad", group="g"),
        task("a", group="g", retry=Retry()),
        task("out", retry=Retry()),
    ]
    run = Sim(plan(*tasks, groups={"g": Group(critical=False, when_lost=Rest.DRAIN)}))
    run.finish("a", failed())
    run.finish("out", failed())
    run.finish("bad", failed())
    assert run.outcomes["a"] == cancelled(GroupLost("g", 0, 2))
    assert run.state("out") is BACKOFF


def test_a_group_is_not_lost_while_one_of_its_tasks_may_be_tried_again() -> None:
    tasks = [task("a", group="g", retry=Retry(max_attempts=2)), task("b", needs=["g"])]
    run = Sim(plan(*tasks, groups={"g": Group(min_required=1)}))
    run.close()
    run.finish("a", failed())
    assert run.outcomes == {}
    run.wake()
    run.finish("a")
    assert run.running == ["b"]


def test_a_run_in_which_too_much_would_be_retries_gives_up() -> None:
    tasks = [task(f"t{n}", retry=Retry(max_attempts=10)) for n in range(8)]
    budget = RetryBudget(share=0.25, at_least=1)
    run = Sim(plan(*tasks, policy=Policy(retry_budget=budget)))
    run.play(dict.fromkeys([one.id for one in tasks], failed()))
    n_retries = sum(fact.attempt.number > 1 for fact in run.facts if isinstance(fact, AttemptStarted))
    assert n_retries == 2, "of 8 + 2 attempts a fourth is 2.5"
    gave_up = [fact.because for fact in run.facts if isinstance(fact, GaveUp)]
    assert gave_up == [RetryBudgetSpent(0.25)] * 8


@given(st.floats(0, 1), st.integers(0, 6), st.lists(st.integers(0, 4), min_size=1, max_size=12))
def test_the_budget_of_a_run_holds_at_every_moment(
    share: float, at_least: int, n_failures: list[int]
) -> None:
    tasks = [task(f"t{n}", retry=Retry(max_attempts=4, jitter=Jitter.FULL)) for n in range(len(n_failures))]
    policy = Policy(retry_budget=RetryBudget(share, at_least))
    run = Sim(plan(*tasks, max_concurrent=3, policy=policy))
    run.play({f"t{n}": [failed()] * times for n, times in enumerate(n_failures)})
    n_retries = 0
    starts = [fact.attempt for fact in run.facts if isinstance(fact, AttemptStarted)]
    for attempt, n_attempts in zip(starts, count(1), strict=False):
        n_retries += attempt.number > 1
        assert n_retries <= max(at_least, share * n_attempts)
