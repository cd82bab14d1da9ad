"""What every back-end promises. A new one joins by a line in `BACK_ENDS`.

The members of a test are in one process: they look to each other like two starts of the same program.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.sharing.waiting import wait

from weft.model.lock import Hold
from weft.model.rate import Rate
from weft.sharing.base import (
    Ask,
    Lease,
    LockTaken,
    NotYet,
    PoolAsked,
    PoolTaken,
    RateAsked,
    RateSpent,
    Sharing,
)
from weft.sharing.owner import this_process
from weft.sharing.sqlite import SqliteSharing
from weft.testing import ManualClock

Open = Callable[[], Sharing]
SHARED, EXCLUSIVE = Hold.SHARED, Hold.EXCLUSIVE

BACK_ENDS: dict[str, Callable[[Path, Callable[[], float]], Sharing]] = {"sqlite": SqliteSharing}


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(1000.0)


@pytest.fixture(params=BACK_ENDS)
def member(request: pytest.FixtureRequest, tmp_path: Path, clock: ManualClock) -> Iterator[Open]:
    """Opens what is shared once more."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(closing(BACK_ENDS[request.param](tmp_path, clock)))


def gpu(name: str, units: int = 1, size: int = 2) -> Ask:
    return Ask(name, pools={"gpu": PoolAsked(units, size)})


def api(name: str, cost: int = 1, limit: int = 2, per: float = 1.0) -> Ask:
    return Ask(name, rates={"api": RateAsked(Rate(limit, per=per), (cost,))})


def lock(ask: str, /, **locks: Hold) -> Ask:
    return Ask(ask, locks=locks)


def lease(answer: Lease | NotYet) -> Lease:
    assert isinstance(answer, Lease), answer
    return answer


def missing(answer: Lease | NotYet) -> list[str]:
    assert isinstance(answer, NotYet), answer
    return [type(each).__name__ for each in answer.because]


# Pools
def test_the_last_unit_is_given_and_the_one_after_it_when_one_comes_back(member: Open) -> None:
    one, other = member(), member()
    first = lease(one.acquire(gpu("a")))
    lease(other.acquire(gpu("b")))
    answer = other.acquire(gpu("c"))
    assert isinstance(answer, NotYet)
    assert answer.because == (PoolTaken("gpu", 0, (this_process(),)),)
    assert answer.at is None
    one.release(first)
    assert other.freed() != answer.freed
    lease(other.acquire(gpu("c")))


def test_what_is_released_twice_comes_back_once(member: Open) -> None:
    one = member()
    first = lease(one.acquire(gpu("a")))
    lease(one.acquire(gpu("b")))
    one.release(first)
    one.release(first)
    lease(one.acquire(gpu("c")))
    assert missing(one.acquire(gpu("d"))) == ["PoolTaken"]


def test_a_wide_ask_is_not_overtaken_by_narrow_ones_that_come_later(member: Open) -> None:
    one, other = member(), member()
    first = lease(one.acquire(gpu("a")))
    assert missing(other.acquire(gpu("wide", 2))) == ["PoolTaken"]
    assert missing(one.acquire(gpu("narrow"))) == ["PoolTaken"]
    one.release(first)
    assert missing(one.acquire(gpu("narrow"))) == ["PoolTaken"]
    lease(other.acquire(gpu("wide", 2)))


def test_who_wants_other_things_passes_by(member: Open) -> None:
    one, other = member(), member()
    lease(one.acquire(lock("a", deploy=EXCLUSIVE)))
    both = Ask("both", pools={"gpu": PoolAsked(2, 2)}, locks={"deploy": EXCLUSIVE})
    assert missing(other.acquire(both)) == ["LockTaken"]
    lease(one.acquire(gpu("b", 2)))


def test_who_does_not_come_back_loses_its_place(member: Open, clock: ManualClock) -> None:
    one, other = member(), member()
    lease(one.acquire(gpu("a")))
    assert missing(other.acquire(gpu("wide", 2))) == ["PoolTaken"]
    clock.advance(1.0)
    assert missing(one.acquire(gpu("narrow"))) == ["PoolTaken"]
    clock.advance(1.0)
    lease(one.acquire(gpu("narrow")))


def test_who_withdraws_leaves_its_place_to_others(member: Open) -> None:
    one, other = member(), member()
    lease(one.acquire(gpu("a")))
    assert missing(other.acquire(gpu("wide", 2))) == ["PoolTaken"]
    answer = one.acquire(gpu("narrow"))
    assert isinstance(answer, NotYet)
    other.withdraw("wide")
    assert one.freed() != answer.freed
    lease(one.acquire(gpu("narrow")))


@pytest.mark.parametrize("back_end", BACK_ENDS)
def test_who_closes_gives_back_its_own_and_no_more(tmp_path: Path, back_end: str) -> None:
    clock = ManualClock(1000.0)
    one, other = (BACK_ENDS[back_end](tmp_path, clock) for _ in range(2))
    lease(one.acquire(gpu("a")))
    lease(other.acquire(Ask("b", gpu("b").pools, locks={"deploy": EXCLUSIVE})))
    assert missing(other.acquire(gpu("wide", 2))) == ["PoolTaken"]
    other.close()
    lease(one.acquire(Ask("c", gpu("c").pools, locks={"deploy": EXCLUSIVE})))
    assert missing(one.acquire(gpu("d"))) == ["PoolTaken"]
    one.close()


# Rates
def test_all_together_start_no_more_than_the_rate_allows(member: Open, clock: ManualClock) -> None:
    one, other = member(), member()
    lease(one.acquire(api("a")))
    last = lease(other.acquire(api("b")))
    answer = one.acquire(api("c"))
    assert isinstance(answer, NotYet)
    assert answer.at == last.start_by + 1.0
    assert answer.because == (RateSpent("api", answer.at),)
    clock.advance_to(answer.at)
    lease(one.acquire(api("c")))


def test_those_who_wait_for_a_rate_are_told_one_moment_after_the_other(
    member: Open, clock: ManualClock
) -> None:
    one = member()
    for name in "ab":
        lease(one.acquire(api(name)))
    answers = [one.acquire(api(name)) for name in "cdef"]
    ats = [answer.at for answer in answers if isinstance(answer, NotYet) and answer.at]
    assert ats[0] == ats[1] < ats[2] == ats[3]
    clock.advance_to(ats[0])
    lease(one.acquire(api("d")))  # its unit was kept for it, whoever comes first
    lease(one.acquire(api("c")))
    assert missing(one.acquire(api("e"))) == ["RateSpent"]


def test_a_costly_start_is_not_overtaken_by_cheap_ones(member: Open, clock: ManualClock) -> None:
    one, other = member(), member()
    first = lease(one.acquire(api("a", 1)))
    assert missing(other.acquire(api("costly", 2))) == ["RateSpent"]
    assert missing(one.acquire(api("cheap", 1))) == ["RateSpent"]
    clock.advance_to(first.start_by + 1.0)
    lease(other.acquire(api("costly", 2)))


def test_what_a_start_did_not_cost_is_free_at_once(member: Open) -> None:
    one, other = member(), member()
    first = lease(one.acquire(api("a", 2)))
    answer = other.acquire(api("b"))
    assert isinstance(answer, NotYet)
    one.settle(first, {"api": (1,)})
    assert other.freed() != answer.freed
    lease(other.acquire(api("b")))


def test_what_a_start_cost_beyond_its_estimate_delays_others(member: Open, clock: ManualClock) -> None:
    one, other = member(), member()
    first = lease(one.acquire(api("a", 1)))
    clock.advance(4.0)
    one.settle(first, {"api": (50,)})
    answer = other.acquire(api("b"))
    assert isinstance(answer, NotYet)
    assert answer.at == clock() + 1.0


def test_a_refusal_closes_the_rate_for_all_and_a_burst_of_them_halves_it_once(
    member: Open, clock: ManualClock
) -> None:
    one, other = member(), member()
    leases = [lease(one.acquire(api(name, limit=8))) for name in "abcd"]
    for each in leases:
        one.refused(each, "api", retry_after_s=0.5)
    answer = other.acquire(api("e", 2, limit=8))
    assert isinstance(answer, NotYet)
    other.withdraw("e")
    clock.advance(1.25)  # it was closed for half a second, and the starts before that are over
    kept = [other.acquire(api(name, limit=8)) for name in "efghi"]
    assert [type(each) for each in kept] == [Lease] * 4 + [NotYet]


def test_a_rate_that_is_declared_anew_remembers_its_starts(member: Open) -> None:
    one, other = member(), member()
    for name in "ab":
        lease(one.acquire(api(name, limit=2)))
    lease(other.acquire(api("c", limit=3)))
    assert missing(other.acquire(api("d", limit=3))) == ["RateSpent"]


@settings(max_examples=20)
@given(st.data(), st.integers(1, 8), st.sampled_from([0.5, 1.0, 4.0]))
def test_no_span_holds_more_than_the_limit_wherever_starts_come_within_their_leases(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, limit: int, per_s: float
) -> None:
    clock = ManualClock(1000.0)
    for back_end in BACK_ENDS.values():
        folder = tmp_path_factory.mktemp("shared")
        starts: list[tuple[float, int]] = []
        with closing(back_end(folder, clock)) as one, closing(back_end(folder, clock)) as other:
            for number in range(data.draw(st.integers(1, 20))):
                clock.advance(data.draw(st.floats(0, per_s)))
                sharing, cost = data.draw(st.sampled_from([one, other])), data.draw(st.integers(1, limit))
                got = wait(sharing, api(str(number), cost, limit, per_s), clock.advance)
                clock.advance(data.draw(st.floats(0, 1)) * max(0.0, got.start_by - clock()))
                starts.append((clock(), cost))
        for begin, _ in starts:
            assert sum(cost for at, cost in starts if begin <= at < begin + per_s) <= limit


# Locks
def test_many_share_a_lock_and_one_has_it_alone(member: Open) -> None:
    one, other = member(), member()
    shared = [lease(each.acquire(lock(name, index=SHARED))) for each, name in ((one, "a"), (other, "b"))]
    assert missing(other.acquire(lock("c", index=EXCLUSIVE))) == ["LockTaken"]
    one.release(shared[0])
    assert missing(other.acquire(lock("c", index=EXCLUSIVE))) == ["LockTaken"]
    other.release(shared[1])
    lease(other.acquire(lock("c", index=EXCLUSIVE)))
    assert missing(one.acquire(lock("d", index=SHARED))) == ["LockTaken"]


def test_who_waits_to_be_alone_is_not_overtaken_by_later_ones_that_share(member: Open) -> None:
    one, other = member(), member()
    first = lease(one.acquire(lock("a", index=SHARED)))
    assert missing(other.acquire(lock("b", index=EXCLUSIVE))) == ["LockTaken"]
    assert missing(one.acquire(lock("c", index=SHARED))) == ["LockTaken"]
    one.release(first)
    assert missing(one.acquire(lock("c", index=SHARED))) == ["LockTaken"]
    second = lease(other.acquire(lock("b", index=EXCLUSIVE)))
    other.release(second)
    lease(one.acquire(lock("c", index=SHARED)))


def test_each_grant_of_a_lock_has_a_larger_token_whoever_gets_it(member: Open) -> None:
    tokens = []
    for number in range(4):
        sharing = member()
        got = lease(sharing.acquire(lock(str(number), deploy=EXCLUSIVE)))
        tokens.append(got.tokens["deploy"])
        sharing.release(got)
    assert tokens == sorted(set(tokens))


def test_a_lock_that_is_taken_tells_by_whom(member: Open) -> None:
    one, other = member(), member()
    lease(one.acquire(lock("a", deploy=EXCLUSIVE)))
    answer = other.acquire(lock("b", deploy=EXCLUSIVE))
    assert isinstance(answer, NotYet)
    assert answer.because == (LockTaken("deploy", (this_process(),)),)


# All together
@pytest.mark.parametrize(
    "held",
    [gpu("held", 2), api("held", 2), lock("held", deploy=EXCLUSIVE)],
    ids=["pool", "rate", "lock"],
)
def test_all_is_given_or_nothing(member: Open, held: Ask) -> None:
    one, other = member(), member()
    lease(one.acquire(held))
    all_of_it = Ask("all", pools=gpu("").pools, rates=api("").rates, locks={"deploy": EXCLUSIVE})
    assert len(missing(other.acquire(all_of_it))) == 1
    other.withdraw("all")
    free = [ask for ask in (gpu("x", 2), api("y", 2), lock("z", deploy=EXCLUSIVE)) if not _same(ask, held)]
    for ask in free:
        lease(one.acquire(ask))


def _same(ask: Ask, other: Ask) -> bool:
    return (ask.pools.keys(), ask.rates.keys(), ask.locks.keys()) == (
        other.pools.keys(),
        other.rates.keys(),
        other.locks.keys(),
    )


def test_a_lease_that_came_too_late_for_its_start_is_given_back_and_has_cost_nothing(
    member: Open, clock: ManualClock
) -> None:
    one = member()
    late = lease(one.acquire(api("a", 2, limit=2, per=60.0)))
    clock.advance_to(late.start_by + 5.0)
    one.settle(late, {"api": (0,)})
    one.release(late)
    lease(one.acquire(api("a", 2, limit=2, per=60.0)))
