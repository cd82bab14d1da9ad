"""The invariants see what is wrong: each test breaks one thing behind the scheduler's back."""

from __future__ import annotations

import pytest

from weft.model.priority import HIGH
from weft.scheduling.invariants import check
from weft.scheduling.scheduler import Scheduler
from weft.scheduling.states import SKIPPED, SUCCEEDED, WAITING, RunState
from weft.testing import Sim, plan, task


def busy() -> Scheduler:
    """`a` runs, `b` is ready and waits for the gpu, `c` waits for `a`; a wide task keeps what is free."""
    run = Sim(
        plan(task("a", limits={"gpu": 1}), task("c", needs=["a"]), limits={"gpu": 2}),
    )
    run.submit(task("wide", limits={"gpu": 2}, priority=HIGH), task("b", limits={"gpu": 1}))
    return run.scheduler


def test_what_a_step_has_left_is_in_order() -> None:
    check(busy())


def broken(scheduler: Scheduler, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        check(scheduler)


def test_a_lost_task_is_seen() -> None:
    scheduler = busy()
    del scheduler.live[1]
    broken(scheduler, "task 1 is lost: not live, and WAITING")


def test_a_task_that_is_kept_as_ended_and_lives_is_seen() -> None:
    scheduler = busy()
    scheduler.states[0] = SUCCEEDED
    broken(scheduler, "task 0 `a` is live, and kept as SUCCEEDED")


def test_a_wrong_count_of_unmet_edges_is_seen() -> None:
    scheduler = busy()
    scheduler.live[1].n_unmet = 2
    broken(scheduler, "task 1 `c` counts 2 unmet edges")


def test_an_edge_that_is_known_at_one_end_only_is_seen() -> None:
    scheduler = busy()
    scheduler.live[0].followers = None
    broken(scheduler, "edges without a follower")


def test_a_task_that_waits_for_nothing_is_seen() -> None:
    scheduler = busy()
    scheduler.live[3].state = WAITING
    broken(scheduler, "task 3 `b` is WAITING with the unmet edges")


def test_a_running_task_without_an_attempt_is_seen() -> None:
    scheduler = busy()
    scheduler.live[0].attempt = None
    broken(scheduler, "task 0 `a` is RUNNING with None")


def test_a_unit_that_leaked_is_seen() -> None:
    scheduler = busy()
    scheduler.admission.gates["gpu"].free -= 1
    broken(scheduler, "gpu counts 2 units in use, tasks use 1")


def test_a_ready_task_that_stands_in_no_line_is_seen() -> None:
    scheduler = busy()
    scheduler.admission.lines[(("gpu", 1),)].leave()
    broken(scheduler, "stand in lines")


def test_a_line_at_which_nobody_will_look_is_seen() -> None:
    scheduler = busy()
    scheduler.admission.gates["gpu"].lines.clear()
    broken(scheduler, "is parked where nobody looks")


def test_a_line_that_is_neither_parked_nor_represented_is_seen() -> None:
    scheduler = busy()
    for line in scheduler.admission.lines.values():
        line.parked_at = None
    broken(scheduler, "is forgotten")


def test_a_reservation_for_a_task_that_is_not_ready_is_seen() -> None:
    scheduler = busy()
    scheduler.admission.gates["gpu"].reserved_for = scheduler.live[0]
    broken(scheduler, "gpu is kept for task 0 `a`: RUNNING")


def test_a_task_that_could_start_is_seen() -> None:
    scheduler = busy()
    scheduler.admission.gates["gpu"].reserved_for = None
    broken(scheduler, "task 3 `b` could start")


def test_a_run_that_ended_too_early_is_seen() -> None:
    scheduler = busy()
    scheduler.ended = RunState.SUCCEEDED
    broken(scheduler, "closed: False")


def test_a_task_that_is_passed_over_for_nothing_is_seen() -> None:
    scheduler = busy()
    scheduler.passed_over[1] = scheduler.live.pop(1)
    scheduler.states[1] = SKIPPED
    check(scheduler)
    scheduler.passed_over[1].n_unmet = 0
    broken(scheduler, "task 1 `c` counts 0 unmet edges")
