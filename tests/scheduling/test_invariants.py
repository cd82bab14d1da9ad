"""The invariants see what is wrong: each test breaks one thing behind the scheduler's back."""

from __future__ import annotations

import pytest

from weft.model.attempt import Attempt
from weft.model.health import Health, WhenUnhealthy
from weft.model.limits import MAX_CONCURRENT
from weft.model.policy import Policy
from weft.model.priority import HIGH, NORMAL
from weft.model.rate import Rate
from weft.model.reason import Interrupted, NotNeeded, Preempted
from weft.model.retry import Retry
from weft.model.timeout import Timeout
from weft.scheduling.deadlines import Due
from weft.scheduling.facts import AttemptStarted, StopAsked
from weft.scheduling.health import Circuit
from weft.scheduling.invariants import check, check_step
from weft.scheduling.locks import LockGate
from weft.scheduling.scheduler import Scheduler, Step
from weft.scheduling.states import RUNNING, SKIPPED, SUCCEEDED, WAITING, RunState
from weft.testing import Sim, failed, plan, task


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
    scheduler.tasks.states[0] = SUCCEEDED
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
    scheduler.admission.lines[(("gpu", 1),), -NORMAL].leave()
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


def test_a_line_that_was_told_to_be_held_elsewhere_is_seen() -> None:
    scheduler = busy()
    for line in scheduler.admission.gates["gpu"].lines:
        line.held_by = None
    broken(scheduler, "was told to be held elsewhere")


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
    scheduler.tasks.passed_over[1] = scheduler.live.pop(1)
    scheduler.tasks.states[1] = SKIPPED
    check(scheduler)
    scheduler.tasks.passed_over[1].n_unmet = 0
    broken(scheduler, "task 1 `c` counts 0 unmet edges")


# Deadlines, groups, circuits


def late() -> Scheduler:
    """`a` backs off until 2, `b` runs and may until 7, `c` was asked to end and is killed at 5."""
    tasks = [task("a", retry=Retry()), task("b", timeout=Timeout(attempt_s=7.0)), task("c"), task("d")]
    run = Sim(plan(*tasks))
    run.finish("a", failed())
    run.cancel("c")
    return run.scheduler


def test_what_has_its_deadlines_is_in_order() -> None:
    check(late())


@pytest.mark.parametrize(("due", "task_at"), [(Due.RETRY, 0), (Due.ATTEMPT_TIMEOUT, 1)])
def test_a_deadline_that_will_not_come_is_seen(due: Due, task_at: int) -> None:
    scheduler = late()
    scheduler.deadlines.drop(due, task_at)
    broken(scheduler, f"nothing becomes due for .*{due.name}")


@pytest.mark.parametrize("due", [due for due in Due if due is not Due.RUN_TIMEOUT])
def test_a_deadline_that_comes_for_nothing_is_seen(due: Due) -> None:
    scheduler = late()
    scheduler.deadlines.set(due, 3, 1.0)
    broken(scheduler, f"these become due for nothing: .*{due.name}")


def test_a_task_that_is_asked_to_end_and_says_not_why_is_seen() -> None:
    scheduler = late()
    scheduler.live[2].stop_reason = None
    broken(scheduler, "task 2 `c` is STOPPING: None")


def test_a_task_that_waits_in_a_stopped_run_is_seen() -> None:
    run = Sim(plan(task("a"), task("b", needs=["a"])))
    run.scheduler.failures.give_up(None, Interrupted())
    broken(run.scheduler, "task 1 `b` is WAITING, and stopped: Interrupted")


def paused() -> Scheduler:
    """The circuit is open, `b` waits for it."""
    health = Health(min_samples=1, when_unhealthy=WhenUnhealthy.PAUSE)
    run = Sim(plan(task("a"), task("b"), policy=Policy(health=health)), max_concurrent=1)
    run.finish("a", failed())
    return run.scheduler


def test_an_open_circuit_is_in_order() -> None:
    check(paused())


def test_a_gate_that_does_not_do_as_its_circuit_is_seen() -> None:
    scheduler = paused()
    scheduler.monitors.all[0].circuit = Circuit.CLOSED
    broken(scheduler, "PROBE|its gate has 0 free")


def test_an_open_circuit_that_never_cools_down_is_seen() -> None:
    scheduler = paused()
    scheduler.deadlines.drop(Due.PROBE, 0)
    broken(scheduler, "nothing becomes due for .*PROBE")


def test_a_probe_that_has_ended_is_seen() -> None:
    scheduler = paused()
    monitor = scheduler.monitors.all[0]
    scheduler.deadlines.drop(Due.PROBE, 0)
    monitor.circuit, monitor.probe = Circuit.HALF_OPEN, Attempt(0)
    broken(scheduler, "the probe of the run has ended")


# Rates, locks, speculation


def limited() -> Scheduler:
    """`a` has used the rate up, `b` waits for it; `c` holds the lock alone, `d` waits for it."""
    tasks = [task(name, limits={"api": 1}) for name in "ab"] + [task(name, locks=["site"]) for name in "cd"]
    return Sim(plan(*tasks, limits={"api": Rate(1, per=60.0)})).scheduler


def test_a_rate_and_a_lock_are_in_order() -> None:
    check(limited())


def test_a_task_for_which_nobody_comes_back_when_its_rate_has_room_is_seen() -> None:
    scheduler = limited()
    scheduler.admission.moments = lambda: (None,)  # type: ignore[method-assign]  # to break it
    broken(scheduler, r"task 1 `b` may start at 60\.0, and nobody comes")
    scheduler.admission.moments = lambda: (61.0,)  # type: ignore[method-assign]
    broken(scheduler, r"task 1 `b` may start at 60\.0, and nobody comes before 61\.0")


def test_a_lock_that_is_held_and_looks_free_is_seen() -> None:
    scheduler = limited()
    gate = next(gate for gate in scheduler.admission.gates.values() if isinstance(gate, LockGate))
    gate.free = gate.size
    broken(scheduler, "site counts 0 units in use")


def test_a_holder_of_a_lock_that_is_not_told_is_seen() -> None:
    scheduler = limited()
    gate = next(gate for gate in scheduler.admission.gates.values() if isinstance(gate, LockGate))
    gate.passed(scheduler.live[0], 1)
    broken(scheduler, r"lock site is held by \['c'\], and tells of \['a', 'c'\]")


def speculating() -> Scheduler:
    """`p` makes room for `a`, and `q` runs."""
    run = Sim(plan(task("p", speculative=True), task("q", speculative=True)), max_concurrent=2)
    run.submit(task("a"))
    return run.scheduler


def test_speculation_that_makes_room_is_in_order() -> None:
    check(speculating())


def test_speculation_that_is_in_the_way_is_seen() -> None:
    scheduler = speculating()
    node = scheduler.live[1]
    node.state, node.stop_reason = RUNNING, None
    scheduler.deadlines.drop(Due.KILL, 1)
    broken(scheduler, "task 1 `q` is in the way")


def test_speculation_that_starts_only_to_make_room_is_seen() -> None:
    run = Sim(plan(task("a")))
    run.submit(perhaps := task("p", speculative=True))
    node = run.scheduler.live[1]
    assert node.attempt is not None, f"{perhaps} does not run"
    begun, cut = AttemptStarted(0.0, node.attempt), StopAsked(0.0, node.attempt, False, Preempted())
    check_step(run.scheduler, Step([], [begun]))
    check_step(run.scheduler, Step([], [cut]))
    with pytest.raises(AssertionError, match="task 1 `p` was started, and is in the way"):
        check_step(run.scheduler, Step([], [begun, cut]))


def test_units_that_are_kept_from_speculation_for_a_task_that_runs_are_seen() -> None:
    scheduler = speculating()
    scheduler.admission.gates[MAX_CONCURRENT].kept = (1, scheduler.live[0])
    broken(scheduler, f"{MAX_CONCURRENT} is kept for task 0 `p`: RUNNING")


def test_speculation_that_is_not_dropped_when_all_that_needed_it_have_ended_is_seen() -> None:
    run = Sim(plan(task("p", speculative=True), task("a", needs=["p"])))
    run.scheduler.course.speculation.end(run.scheduler.live[1])
    broken(run.scheduler, "task 0 `p` is not dropped, and all that needed it have ended")


def test_speculation_that_goes_on_when_all_else_is_over_is_seen() -> None:
    run = Sim(plan(task("p", speculative=True)))
    run.scheduler.closed = True
    broken(run.scheduler, "task 0 `p` goes on, and nobody needs it")


def test_a_task_that_is_dropped_and_needed_is_seen() -> None:
    run = Sim(plan(task("p", speculative=True), task("a", needs=["p"])))
    run.scheduler.course.stop(run.scheduler.live[0], NotNeeded(), 0.0, force=False)
    broken(run.scheduler, "task 0 `p` is dropped, and needed")


def test_a_task_that_makes_room_and_is_no_speculation_is_seen() -> None:
    run = Sim(plan(task("a")))
    run.scheduler.course.stop(run.scheduler.live[0], Preempted(), 0.0, force=False)
    broken(run.scheduler, "task 0 `a` is stopped: Preempted")
