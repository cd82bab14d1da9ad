"""Locks inside of a run: who gets them, in which order, and what those who wait are told."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from weft.model.limits import MAX_CONCURRENT
from weft.model.lock import Hold, compatible
from weft.model.priority import HIGH, LOW
from weft.model.reason import LockHeld, PoolFull
from weft.model.retry import Retry
from weft.model.task import Task
from weft.scheduling.states import STOPPING
from weft.testing import Sim, cancelled, failed, plan, task

SHARED, EXCLUSIVE = Hold.SHARED, Hold.EXCLUSIVE


def locked(name: str, /, **locks: Hold) -> Task:
    return task(name, locks=locks)


def test_many_share_a_lock_and_one_that_wants_it_alone_waits_for_all_of_them() -> None:
    run = Sim(plan(locked("a", index=SHARED), locked("b", index=SHARED), locked("c", index=EXCLUSIVE)))
    assert run.running == ["a", "b"]
    assert run.waiting("c") == (LockHeld("index", ("a", "b")),)
    run.finish("a")
    assert run.waiting("c") == (LockHeld("index", ("b",)),)
    run.finish("b")
    assert run.running == ["c"]


def test_who_waits_to_be_alone_is_not_overtaken_by_later_ones_that_share() -> None:
    run = Sim(plan(locked("a", index=SHARED), locked("b", index=EXCLUSIVE), locked("c", index=SHARED)))
    assert run.running == ["a"]
    assert run.waiting("c") == (LockHeld("index", kept_for="b"),)
    run.finish("a")
    assert run.running == ["b"]
    run.finish("b")
    assert run.running == ["c"]


def test_those_who_share_and_have_waited_start_together() -> None:
    run = Sim(plan(locked("a", index=EXCLUSIVE), *(locked(name, index=SHARED) for name in "bcd")))
    run.submit(locked("e", index=EXCLUSIVE), locked("f", index=SHARED))
    run.finish("a")
    assert run.running == ["b", "c", "d"]


def test_in_an_endless_stream_of_those_who_share_one_gets_to_be_alone() -> None:
    run = Sim(plan(locked("s0", index=SHARED), locked("s1", index=SHARED), locked("alone", index=EXCLUSIVE)))
    for number in range(2, 10):
        run.submit(locked(f"s{number}", index=SHARED))
        if number < 4:
            run.finish(f"s{number - 2}")
    assert run.running == ["alone"]
    run.finish("alone")
    assert run.running == [f"s{number}" for number in range(2, 10)]


def test_a_more_urgent_task_that_shares_may_go_before_one_that_waits_to_be_alone() -> None:
    run = Sim(plan(locked("a", index=SHARED), locked("b", index=EXCLUSIVE)))
    run.submit(task("urgent", locks={"index": SHARED}, priority=HIGH))
    assert run.running == ["a", "urgent"]


def test_all_locks_of_a_task_are_taken_together_or_not_at_all() -> None:
    both = locked("b", one=EXCLUSIVE, two=EXCLUSIVE)
    run = Sim(plan(locked("a", one=EXCLUSIVE), both, locked("c", two=EXCLUSIVE)))
    assert run.running == ["a", "c"]
    run.finish("a")
    run.finish("c")
    assert run.running == ["b"]


def test_a_lock_is_not_held_by_a_task_that_waits_for_a_pool_nor_a_pool_by_one_that_waits_for_a_lock() -> None:
    both = task("both", locks=["site"], limits={"gpu": 1})
    run = Sim(plan(task("gpu", limits={"gpu": 1}), both, task("site", locks=["site"]), limits={"gpu": 1}))
    assert run.running == ["gpu", "site"]
    assert run.waiting("both") == (PoolFull("gpu", 0, 1), LockHeld("site", ("site",)))
    run.finish("gpu")
    run.submit(task("more gpu", limits={"gpu": 1}, priority=LOW))
    assert run.waiting("both") == (LockHeld("site", ("site",)),)
    run.finish("site")
    assert run.running == ["both"]


def test_locks_that_are_wanted_in_different_orders_do_not_block_each_other() -> None:
    run = Sim(plan(locked("a", one=EXCLUSIVE, two=EXCLUSIVE), locked("b", two=EXCLUSIVE, one=EXCLUSIVE)))
    run.finish("a")
    assert run.running == ["b"]


def test_a_lock_and_a_pool_of_the_same_name_are_two_things() -> None:
    run = Sim(plan(locked("a", gpu=EXCLUSIVE), task("b", limits={"gpu": 1}), limits={"gpu": 1}))
    assert run.running == ["a", "b"]


def test_a_lock_is_held_until_the_work_has_really_ended() -> None:
    run = Sim(plan(locked("a", site=EXCLUSIVE), locked("b", site=EXCLUSIVE)))
    run.cancel("a")
    assert run.state("a") is STOPPING
    assert run.waiting("b") == (LockHeld("site", ("a",)),)
    run.finish("a", cancelled())
    assert run.running == ["b"]


def test_between_two_attempts_a_task_holds_nothing() -> None:
    run = Sim(plan(task("a", locks=["site"], retry=Retry(base_s=1.0)), locked("b", site=EXCLUSIVE)))
    run.finish("a", failed())
    assert run.running == ["b"]
    run.pass_to(5.0)
    assert run.waiting("a") == (LockHeld("site", ("b",)),)


def test_a_task_in_its_second_attempt_is_told_as_holder_once() -> None:
    a = task("a", locks={"index": SHARED}, retry=Retry(base_s=0.0))
    run = Sim(plan(a, locked("b", index=SHARED)))
    run.finish("a", failed())
    run.submit(locked("c", index=EXCLUSIVE))
    assert run.waiting("c") == (LockHeld("index", ("a", "b")),)


def test_those_who_have_let_go_of_a_lock_are_forgotten_in_the_end() -> None:
    run = Sim(plan(*(locked(f"t{n}", index=SHARED) for n in range(300))), max_concurrent=2)
    for number in range(298):
        run.finish(f"t{number}")
    run.submit(locked("alone", index=EXCLUSIVE))
    assert run.waiting("alone")[0] == LockHeld("index", ("t298", "t299"))


@given(st.data())
def test_whatever_is_asked_for_holders_agree_and_all_get_their_turn(data: st.DataObject) -> None:
    names = ["one", "two", "three"]
    wants = st.dictionaries(st.sampled_from(names), st.sampled_from(Hold), min_size=1)
    tasks = {
        f"t{number}": task(
            f"t{number}",
            locks=data.draw(wants),
            limits={MAX_CONCURRENT: data.draw(st.integers(1, 3))},
            priority=data.draw(st.sampled_from([LOW, HIGH])),
        )
        for number in range(10)
    }
    run = Sim(plan(*tasks.values()), max_concurrent=data.draw(st.integers(2, 8)))
    for _ in tasks:
        for one, other in combinations(run.running, 2):
            assert agree(tasks[one].locks, tasks[other].locks)
        assert run.running, "somebody waits for ever"
        run.finish(data.draw(st.sampled_from(run.running)))
    assert run.running == []


def agree(one: Mapping[str, Hold], other: Mapping[str, Hold]) -> bool:
    return all(compatible(one[name], other[name]) for name in one.keys() & other.keys())
