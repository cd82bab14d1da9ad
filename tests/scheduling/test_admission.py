"""The one gate: who starts, who waits, and for whom free units are kept."""

from __future__ import annotations

from weft.model.limits import MAX_CONCURRENT
from weft.model.priority import HIGH, LOW
from weft.model.reason import PoolFull, PoolReserved
from weft.scheduling.states import READY
from weft.testing import Sim, cancelled, failed, plan, task


def test_the_last_slot_is_used_and_the_task_after_it_waits() -> None:
    run = Sim(plan(task("a"), task("b"), task("c")), max_concurrent=2)
    assert run.running == ["a", "b"]
    assert run.waiting("c") == (PoolFull(MAX_CONCURRENT, free=0, asked=1),)


def test_a_waiter_starts_in_the_very_step_that_frees_the_slot() -> None:
    run = Sim(plan(task("a"), task("b")), max_concurrent=1)
    run.finish("a")
    assert run.running == ["b"]


def test_the_cap_holds_after_a_failure() -> None:
    run = Sim(plan(*[task(name) for name in "abcd"]), max_concurrent=2)
    run.finish("a", failed())
    assert run.running == ["b", "c"]
    run.finish("b", failed())
    assert run.running == ["c", "d"]


def test_the_cap_holds_for_tasks_added_while_others_run() -> None:
    run = Sim(plan(task("a")), max_concurrent=2)
    run.submit(task("b"), task("c"))
    assert run.running == ["a", "b"]
    run.submit(task("d", priority=HIGH))
    assert run.running == ["a", "b"]


def test_the_cap_holds_with_the_first_error_in_flight() -> None:
    run = Sim(plan(task("a"), task("b"), task("c", needs=["a"]), task("d")), max_concurrent=2)
    run.finish("a", failed())
    assert run.running == ["b", "d"]
    run.submit(task("e"), task("f"))
    assert run.running == ["b", "d"]


def test_a_stopping_task_counts_as_busy_until_it_really_ends() -> None:
    run = Sim(plan(task("a", limits={"gpu": 1}), task("b", limits={"gpu": 1}), limits={"gpu": 1}))
    run.cancel("a")
    assert run.running == ["a"]
    assert run.waiting("b") == (PoolFull("gpu", free=0, asked=1),)
    run.finish("a", cancelled())
    assert run.running == ["b"]


def test_a_pool_is_filled_to_its_last_unit_and_not_over() -> None:
    demands = {"a": 2, "b": 1, "c": 1}
    tasks = [task(name, limits={"memory": units}) for name, units in demands.items()]
    run = Sim(plan(*tasks, limits={"memory": 3}))
    assert run.running == ["a", "b"]
    assert run.waiting("c") == (PoolFull("memory", free=0, asked=1),)


def test_all_limits_of_a_task_are_taken_together_or_not_at_all() -> None:
    run = Sim(
        plan(
            task("a", limits={"gpu": 1}),
            task("b", limits={"api": 1, "gpu": 1}),
            task("c", limits={"api": 1}, priority=LOW),
            limits={"api": 1, "gpu": 1},
        )
    )
    assert run.running == ["a", "c"], "while it waits for the gpu, b does not hold the api"
    run.finish("a")
    assert run.running == ["c"], "nor the gpu, while it waits for the api"
    assert run.waiting("b") == (PoolFull("api", free=0, asked=1),)
    run.finish("c")
    assert run.running == ["b"]


def test_a_waiting_task_tells_of_every_gate_that_is_closed_to_it() -> None:
    run = Sim(
        plan(task("a", limits={"gpu": 1}), task("b", limits={"gpu": 1}), limits={"gpu": 1}),
        max_concurrent=1,
    )
    assert set(run.waiting("b")) == {PoolFull("gpu", 0, 1), PoolFull(MAX_CONCURRENT, 0, 1)}


def test_a_task_that_weighs_more_than_all_slots_runs_alone() -> None:
    run = Sim(plan(task("a", limits={MAX_CONCURRENT: 8}), task("b")), max_concurrent=2)
    assert run.running == ["a"]
    run.finish("a")
    assert run.running == ["b"]


def test_tasks_behind_a_closed_limit_do_not_hold_up_others() -> None:
    gpu = [task(f"gpu-{n}", limits={"gpu": 1}, priority=HIGH) for n in range(3)]
    run = Sim(plan(*gpu, task("plain", priority=LOW), limits={"gpu": 1}), max_concurrent=2)
    assert run.running == ["gpu-0", "plain"]


def test_high_starts_before_normal_and_normal_before_low() -> None:
    run = Sim(plan(task("first"), task("low", priority=LOW), task("normal"), task("high", priority=HIGH)))
    assert run.started == ["high", "first", "normal", "low"]


def test_inside_a_level_the_longest_remaining_path_starts_first() -> None:
    run = Sim(plan(task("short"), task("long"), task("after", needs=["long"])))
    assert run.started == ["long", "short"]


def test_ties_are_broken_by_plan_order() -> None:
    names = [f"t{n}" for n in range(20)]
    assert Sim(plan(*[task(name) for name in names])).started == names


def narrow_and_wide(*, more_narrow: int = 20) -> Sim:
    narrow = [task(f"n{n}", limits={"gpu": 1}) for n in range(more_narrow)]
    run = Sim(plan(*narrow, limits={"gpu": 2}))
    run.submit(task("wide", limits={"gpu": 2}, priority=HIGH))
    return run


def test_a_wide_high_priority_task_is_not_starved_by_narrow_ones() -> None:
    run = narrow_and_wide()
    run.finish("n0")
    assert run.running == ["n1"], "the free unit is kept"
    assert run.waiting("wide") == (PoolFull("gpu", free=1, asked=2),)
    assert run.waiting("n2") == (PoolReserved("gpu", by="wide"),)
    run.finish("n1")
    assert run.running == ["wide"]


def test_a_heavy_task_is_not_starved_of_slots_by_light_ones() -> None:
    run = Sim(plan(*[task(f"n{n}") for n in range(9)]), max_concurrent=2)
    run.submit(task("heavy", limits={MAX_CONCURRENT: 2}, priority=HIGH))
    run.finish("n0")
    assert run.running == ["n1"]
    run.finish("n1")
    assert run.running == ["heavy"]


def test_a_reservation_holds_up_only_those_who_use_the_pool() -> None:
    run = narrow_and_wide()
    run.finish("n0")
    run.submit(task("plain", priority=LOW))
    assert "plain" in run.running


def test_a_task_that_comes_first_may_pass_a_reservation() -> None:
    run = narrow_and_wide()
    run.submit(task("long", limits={"gpu": 1}, priority=HIGH, duration_s=9.0))
    run.finish("n0")
    assert run.running == ["n1", "long"]


def test_a_task_that_comes_later_in_order_does_not_pass_a_reservation() -> None:
    run = narrow_and_wide()
    run.finish("n0")
    run.submit(task("late", limits={"gpu": 1}, priority=HIGH))
    assert run.running == ["n1"]


def test_when_the_reserver_is_withdrawn_others_get_what_was_kept_for_it() -> None:
    run = narrow_and_wide()
    run.finish("n0")
    run.cancel("wide")
    assert run.running == ["n1", "n2"]


def test_a_task_that_waits_for_two_pools_gets_both_in_the_end() -> None:
    """What became free of one pool is still kept when the other becomes free."""
    a = [task(f"a{n}", limits={"a": 1}) for n in range(20)]
    b = [task(f"b{n}", limits={"b": 1}) for n in range(20)]
    run = Sim(plan(*a, *b, limits={"a": 2, "b": 2}))
    run.submit(task("wide", limits={"a": 2, "b": 2}, priority=HIGH))
    run.finish("a0")
    run.finish("a1")
    assert run.running == ["b0", "b1"]
    assert run.waiting("a2") == (PoolReserved("a", by="wide"),)
    run.finish("b0")
    run.finish("b1")
    assert run.running == ["wide"]


def test_a_withdrawn_reserver_frees_all_pools_it_waited_for() -> None:
    tasks = [task("a", limits={"a": 1}), task("b", limits={"b": 1})]
    run = Sim(plan(*tasks, limits={"a": 2, "b": 2}))
    run.submit(task("wide", limits={"a": 2, "b": 2}, priority=HIGH))
    run.submit(task("c", limits={"a": 1}), task("d", limits={"b": 1}))
    assert run.running == ["a", "b"]
    run.cancel("wide")
    assert run.running == ["a", "b", "c", "d"]


def test_slots_of_the_run_are_not_kept_for_a_task_that_waits_for_something_else() -> None:
    run = Sim(plan(task("a", limits={"gpu": 1}), limits={"gpu": 1}), max_concurrent=2)
    heavy = task("heavy", limits={"gpu": 1, MAX_CONCURRENT: 2}, priority=HIGH)
    run.submit(heavy, task("plain"))
    assert run.running == ["a", "plain"]


def heavy_with_a_slot_kept() -> Sim:
    """`b` runs, a slot is kept for `heavy`, and an urgent task takes both the slot and the gpu."""
    run = Sim(plan(*[task(name) for name in "abcd"], limits={"gpu": 1}), max_concurrent=2)
    run.submit(task("heavy", limits={"gpu": 1, MAX_CONCURRENT: 2}, priority=HIGH))
    run.finish("a")
    assert run.running == ["b"]
    run.submit(task("urgent", limits={"gpu": 1}, priority=HIGH, duration_s=9.0))
    assert run.running == ["b", "urgent"]
    return run


def test_slots_kept_for_a_task_are_given_up_when_another_gate_closes_to_it() -> None:
    run = heavy_with_a_slot_kept()
    run.finish("b")
    assert run.running == ["c", "urgent"]


def test_they_are_given_up_as_well_when_a_better_task_of_equal_demands_has_come() -> None:
    run = heavy_with_a_slot_kept()
    run.submit(task("heavier", limits={"gpu": 1, MAX_CONCURRENT: 2}, priority=HIGH, duration_s=5.0))
    run.finish("b")
    assert run.running == ["c", "urgent"]


def test_slots_kept_for_an_urgent_task_are_not_given_up_for_a_less_urgent_one_that_wants_the_same() -> None:
    run = Sim(plan(task("a"), task("b"), limits={"gpu": 2}), max_concurrent=3)
    run.submit(task("gpu", limits={"gpu": 1}))
    wide = {"gpu": 1, MAX_CONCURRENT: 3}
    run.submit(task("urgent", limits=wide, priority=HIGH))
    run.submit(task("wider", limits={"gpu": 2}), task("late", limits=wide, priority=LOW), task("narrow"))
    run.finish("a")
    assert run.waiting("narrow") == (PoolReserved(MAX_CONCURRENT, by="urgent"),)
    run.finish("b")
    run.finish("gpu")
    assert run.running == ["urgent"]


def test_a_line_is_not_forgotten_when_its_head_is_withdrawn_while_all_slots_are_taken() -> None:
    run = Sim(plan(task("a"), task("b"), task("c")), max_concurrent=1)
    run.cancel("b")
    run.finish("a")
    assert run.running == ["c"]


def test_a_withdrawn_task_behind_the_head_is_passed_over() -> None:
    run = Sim(plan(*[task(name) for name in "abcd"]), max_concurrent=1)
    run.cancel("c")
    run.finish("a")
    run.finish("b")
    assert run.running == ["d"]


def test_a_better_task_that_comes_late_stands_first_in_its_line() -> None:
    run = Sim(plan(task("a"), task("b")), max_concurrent=1)
    run.submit(task("urgent", priority=HIGH))
    assert run.state("urgent") is READY
    run.finish("a")
    assert run.running == ["urgent"]
