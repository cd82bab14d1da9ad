from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.model.attempt import Attempt
from weft.model.outcome import Cancelled, Failed, Skipped, Succeeded
from weft.model.reason import CancelAsked, DependencyFailed, Exited, RunTimedOut
from weft.scheduling.facts import (
    AttemptEnded,
    AttemptStarted,
    Fact,
    RetryScheduled,
    RunInterrupted,
    RunStopping,
    TaskAdded,
    TaskEnded,
)
from weft.views.progress import Progress


def folded(facts: Iterable[Fact]) -> Progress:
    progress = Progress()
    for fact in facts:
        progress.fold(fact)
    return progress


def added(*tasks: int, duration_s: float | None = None, family: str | None = None) -> list[Fact]:
    return [TaskAdded(0.0, task, f"t{task}", family, duration_s) for task in tasks]


def started(at: float, task: int) -> list[Fact]:
    return [AttemptStarted(at, Attempt(task))]


def succeeded(at: float, task: int) -> list[Fact]:
    return [AttemptEnded(at, Attempt(task), Succeeded()), TaskEnded(at, task, Succeeded())]


def test_every_task_is_counted_where_it_stands() -> None:
    failed, cancelled = Failed(Exited(1)), Cancelled(CancelAsked())
    progress = folded(
        [
            *added(0, 1, 2, 3, 4, 5),
            *started(0.0, 0),
            *started(0.0, 1),
            *started(0.5, 4),
            *succeeded(1.0, 0),
            AttemptEnded(1.0, Attempt(1), failed),
            TaskEnded(1.0, 1, failed),
            TaskEnded(1.0, 2, Skipped(DependencyFailed("t1"))),
            TaskEnded(1.0, 3, cancelled),
        ]
    )
    assert (progress.added, progress.waiting, len(progress.running), progress.done) == (6, 1, 1, 4)
    assert (progress.succeeded, progress.failed, progress.cancelled, progress.skipped) == (1, 1, 1, 1)


def test_running_tasks_stand_in_the_order_of_their_starts() -> None:
    progress = folded([*added(0, 1, 2), *started(0.0, 2), *started(1.0, 0), *started(2.0, 1)])
    assert [(task.id, task.started) for task in progress.running] == [("t2", 0.0), ("t0", 1.0), ("t1", 2.0)]


def test_a_second_attempt_adds_to_the_time_of_the_first() -> None:
    again: list[Fact] = [AttemptEnded(2.0, Attempt(0), Failed(Exited(1))), AttemptStarted(5.0, Attempt(0, 2))]
    progress = folded([*added(0), *started(0.0, 0), *again])
    assert [task.started for task in progress.running] == [5.0]
    progress.fold(AttemptEnded(6.0, Attempt(0, 2), Succeeded()))
    assert progress.task(0).spent_s == 3.0
    assert progress.waiting == 1


def test_a_task_between_two_attempts_is_counted_apart() -> None:
    failed: list[Fact] = [
        AttemptEnded(2.0, Attempt(0), Failed(Exited(1))),
        RetryScheduled(2.0, Attempt(0, 2), 6.0),
    ]
    progress = folded([*added(0, 1), *started(0.0, 0), *failed])
    assert (progress.waiting, len(progress.running), progress.backing_off, progress.failed) == (1, 0, 1, 0)
    assert progress.task(0).failure == Exited(1)
    progress.fold(AttemptStarted(6.0, Attempt(0, 2)))
    assert (progress.waiting, len(progress.running), progress.backing_off) == (1, 1, 0)
    assert progress.task(0).attempts == 2


def test_a_task_that_ends_between_two_attempts_backs_off_no_more() -> None:
    cancelled = Cancelled(CancelAsked())
    retried: list[Fact] = [
        AttemptEnded(2.0, Attempt(0), Failed(Exited(1))),
        RetryScheduled(2.0, Attempt(0, 2), 6.0),
        TaskEnded(3.0, 0, cancelled),
    ]
    progress = folded([*added(0), *started(0.0, 0), *retried])
    assert (progress.backing_off, progress.waiting, progress.done) == (0, 0, 1)


def test_what_is_left_lasts_at_least_until_the_next_attempt_and_through_it() -> None:
    retried: list[Fact] = [
        AttemptEnded(2.0, Attempt(0), Failed(Exited(1))),
        RetryScheduled(2.0, Attempt(0, 2), 62.0),
    ]
    progress = folded([*added(0, duration_s=2.0), *started(0.0, 0), *retried])
    assert progress.remaining_s(12.0) == 52.0


def test_a_run_that_ends_early_by_itself_is_ending() -> None:
    progress = folded(added(0))
    progress.fold(RunStopping(1.0, RunTimedOut(1.0)))
    assert progress.is_ending


def test_an_interrupt_is_remembered() -> None:
    progress = folded(added(0))
    assert not progress.is_ending
    progress.fold(RunInterrupted(1.0, 2))
    assert progress.is_ending


def test_the_rate_is_that_of_a_steady_stream_and_fades_when_nothing_ends() -> None:
    facts: list[Fact] = []
    for task in range(200):
        facts += [TaskAdded(task / 10, task, f"t{task}"), *started(task / 10, task)]
        facts += succeeded((task + 1) / 10, task)
    progress = folded(facts)
    assert progress.rate(20.0) == pytest.approx(10.0, rel=0.02)
    assert 0.0 < progress.rate(60.0) < 0.5


def test_skipped_tasks_do_not_make_a_run_look_fast() -> None:
    skipped: list[Fact] = [TaskEnded(1.0, task, Skipped(DependencyFailed("t"))) for task in range(100)]
    assert folded([*added(*range(101)), *started(0.0, 100), *skipped]).rate(1.0) == 0.0


def test_nothing_is_said_about_the_time_left_while_nothing_is_known() -> None:
    assert Progress().remaining_s(0.0) is None
    assert folded(added(0, 1)).remaining_s(0.0) is None
    assert folded([*added(0, 1), *started(0.0, 0)]).remaining_s(5.0) is None


def test_known_durations_tell_the_time_left_from_the_first_start() -> None:
    progress = folded([*added(0, 1, duration_s=10.0), *started(0.0, 0)])
    assert progress.remaining_s(0.0) == pytest.approx(20.0)
    assert progress.remaining_s(4.0) == pytest.approx(16.0)


def test_tasks_of_one_family_are_expected_to_take_equally_long() -> None:
    slow, fast = added(0, 1, family="slow"), added(2, 3, family="fast")
    first = [*started(0.0, 0), *succeeded(8.0, 0), *started(8.0, 2), *succeeded(10.0, 2)]
    assert folded([*slow, *fast, *first]).remaining_s(10.0) == pytest.approx(8.0 + 2.0)


def test_a_family_of_which_nothing_is_known_takes_the_mean_of_all() -> None:
    facts = [*added(0, family="a"), *added(1, 2, family="b"), *started(0.0, 0), *succeeded(3.0, 0)]
    assert folded(facts).remaining_s(3.0) == pytest.approx(6.0)


def test_tasks_side_by_side_share_the_time_left_but_none_ends_before_it_can() -> None:
    four = [fact for task in range(4) for fact in started(0.0, task)]
    progress = folded([*added(*range(8), duration_s=10.0), *four])
    assert progress.remaining_s(0.0) == pytest.approx(20.0)
    one_long = folded([*added(0, duration_s=100.0), *added(1, 2, 3, duration_s=1.0), *four])
    assert one_long.remaining_s(0.0) == pytest.approx(100.0)


def test_an_overdue_task_leaves_no_negative_time() -> None:
    assert folded([*added(0, duration_s=1.0), *started(0.0, 0)]).remaining_s(50.0) == 0.0


def test_a_run_that_is_done_has_no_time_left() -> None:
    assert folded([*added(0), *started(0.0, 0), *succeeded(1.0, 0)]).remaining_s(1.0) == 0.0


@given(st.lists(st.tuples(st.integers(1, 5), st.floats(0.0, 100.0), st.booleans()), max_size=30))
def test_the_counts_add_up_and_the_estimates_stay_sane(
    batches: list[tuple[int, float, bool]],
) -> None:
    progress, now, task = Progress(), 0.0, 0
    for size, gap, known in batches:
        tasks = range(task, task + size)
        task += size
        facts: list[Fact] = added(*tasks, duration_s=gap if known else None)
        facts += [fact for number in tasks for fact in started(now, number)]
        now += gap
        facts += [fact for number in tasks[1:] for fact in succeeded(now, number)]
        for fact in facts:
            progress.fold(fact)
        assert progress.added == task == progress.done + progress.waiting + len(progress.running)
        left_s = progress.remaining_s(now)
        assert left_s is None or left_s >= 0.0
        assert progress.rate(now) >= 0.0


def test_a_million_facts_leave_nothing_behind() -> None:
    progress = Progress()
    retained: list[int] = []
    tracemalloc.start()
    for task in range(250_000):
        now = task * 1e-4
        progress.fold(TaskAdded(now, task, f"t{task}", f"f{task % 5000}"))
        progress.fold(AttemptStarted(now, Attempt(task)))
        progress.fold(AttemptEnded(now, Attempt(task), Succeeded()))
        progress.fold(TaskEnded(now, task, Succeeded()))
        if task in (10_000, 249_999):
            gc.collect()
            retained.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    assert progress.done == 250_000
    assert not progress._tasks
    assert not progress._families
    assert retained[1] - retained[0] < 10_000
