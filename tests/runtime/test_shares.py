"""Runs that share pools, rates and locks, in this process and in many others, some of which are killed."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from itertools import accumulate
from pathlib import Path

import msgspec
import pytest
from tests.crowd import crowd
from tests.executors.told import in_a_loop
from tests.runtime.sharers import LIMIT, PER_S, UNITS, Begins

import weft
from weft.errors import RateLimited
from weft.model.limits import Pool
from weft.model.lock import Hold, Lock
from weft.model.outcome import Cancelled, Failed, Succeeded
from weft.model.priority import HIGH
from weft.model.rate import Rate
from weft.model.reason import CouldNotStart, TakenElsewhere
from weft.model.scope import Scope
from weft.model.work import Command, ResultFormat
from weft.runtime.engine import Engine
from weft.runtime.handle import Handle
from weft.runtime.shares import Desk
from weft.scheduling.actions import ReturnShares
from weft.scheduling.events import Event, SharesAnswered
from weft.scheduling.shared import Shares
from weft.sharing.base import Ask, CannotShare, Lease, NotYet, PoolAsked, RateAsked
from weft.sharing.home import sharing_folder
from weft.sharing.sqlite import SqliteSharing
from weft.testing import plan, task

SCRIPT = Path(__file__).with_name("sharers.py")
SECONDS = int(os.environ.get("WEFT_TEST_CROWD_S", "2"))
N = int(os.environ.get("WEFT_TEST_SHARERS", "8"))

GPU = Pool(UNITS, scope=Scope.MACHINE)
ALL = {"gpu": UNITS}
DEPLOY = {"deploy": Lock()}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where all processes of a test share."""
    monkeypatch.setenv("WEFT_STATE_HOME", str(tmp_path / "state"))
    return sharing_folder(os.environ)


@contextmanager
def others(folder: Path) -> Iterator[SqliteSharing]:
    """Share as another process would."""
    sharing = SqliteSharing(folder)
    try:
        yield sharing
    finally:
        sharing.close()


def taken(sharing: SqliteSharing, **ask: object) -> Lease:
    lease = sharing.acquire(Ask("others", **ask))  # type: ignore[arg-type]  # the keywords of Ask
    assert isinstance(lease, Lease), lease
    return lease


async def until(holds: Callable[[], object]) -> None:
    """Look until something is so; other processes tell nothing."""
    while not holds():  # noqa: ASYNC110  # there is no event to wait for
        await asyncio.sleep(0.001)


async def refused(engine: Engine, handle: Handle) -> None:
    """Wait until other processes have said no."""
    await until(lambda: any(isinstance(why, TakenElsewhere) for why in engine.waiting(handle)))


def in_queue(folder: Path) -> int:
    """How many places there are in the queues of pools and rates, and of locks."""
    with closing(sqlite3.connect(folder / "limits.db")) as connection:
        rows: int = connection.execute("SELECT COUNT(*) FROM queue").fetchone()[0]
    return rows + len([*folder.glob("locks/*/wish-*.lock")])


async def nothing() -> None:
    """Do nothing."""


# In one process


@in_a_loop
async def test_a_task_waits_for_what_others_have_and_is_told_who(folder: Path) -> None:
    with others(folder) as sharing:
        lease = taken(sharing, pools={"gpu": PoolAsked(1, UNITS)})
        async with Engine(limits={"gpu": GPU}) as engine:
            handle = engine.submit(nothing, limits=ALL)
            await refused(engine, handle)
            (why,) = engine.waiting(handle)
            assert isinstance(why, TakenElsewhere)
            assert why.share == "gpu"
            assert str(os.getpid()) in why.holders[0]
            sharing.release(lease)
            await handle


@in_a_loop
async def test_what_tasks_hold_is_taken_for_others_until_they_end(folder: Path) -> None:
    begun, go = asyncio.Event(), asyncio.Event()

    async def use() -> None:
        begun.set()
        await go.wait()

    with others(folder) as sharing:
        ask = Ask("others", pools={"gpu": PoolAsked(UNITS, UNITS)}, locks={"deploy": Hold.SHARED})
        async with Engine(limits={"gpu": GPU}, locks=DEPLOY) as engine:
            handle = engine.submit(use, limits={"gpu": 1}, locks=["deploy"])
            await begun.wait()
            assert isinstance(sharing.acquire(ask), NotYet)
            go.set()
            await handle
            await until(lambda: isinstance(sharing.acquire(ask), Lease))


@in_a_loop
async def test_tasks_of_one_run_share_a_lock_or_exclude_each_other() -> None:
    at_once, most = 0, dict.fromkeys(("shared", "exclusive"), 0)
    met = asyncio.Event()

    async def work(hold: str) -> None:
        nonlocal at_once
        at_once += 1
        most[hold] = max(most[hold], at_once)
        if at_once == 3:
            met.set()
        await (met.wait() if hold == "shared" else asyncio.sleep(0))
        at_once -= 1

    for hold in most:
        async with Engine(locks=DEPLOY) as engine:
            for _ in range(3):
                engine.submit(work, hold, locks={"deploy": hold})
    assert most == {"shared": 3, "exclusive": 1}


@in_a_loop
async def test_a_lock_of_the_run_is_nobody_elses(folder: Path) -> None:
    with others(folder) as sharing:
        taken(sharing, locks={"deploy": Hold.EXCLUSIVE}, pools={"deploy": PoolAsked(1, 1)})
        async with Engine(limits={"deploy": Pool(1)}) as engine:
            await engine.submit(nothing, locks=["deploy"], limits={"deploy": 1})
        async with Engine(limits={"deploy": Pool(1)}, locks={"deploy": Lock(Scope.RUN)}) as engine:
            await engine.submit(nothing, locks=["deploy"], limits={"deploy": 1})


def test_fencing_tokens_grow_and_reach_commands(tmp_path: Path) -> None:
    tell = Command(("sh", "-c", "echo $WEFT_TOKEN_DEPLOY_EU"), result=ResultFormat.JSON)
    tokens: list[int] = []
    for _ in range(2):
        tasks = [task(f"{number}", work=tell, locks=["deploy-eu"]) for number in range(3)]
        runs = msgspec.structs.replace(plan(*tasks, locks=["deploy-eu"]), root=str(tmp_path))
        tokens += weft.run(runs).results.values()
    assert sorted(set(tokens)) == sorted(tokens)
    assert max(tokens[:3]) < min(tokens[3:])


@in_a_loop
async def test_the_real_cost_counts_for_all(folder: Path) -> None:
    tokens = Rate(10, per="1h", scope=Scope.MACHINE)

    async def call() -> None:
        weft.current().settle(tokens=1)

    async with Engine(limits={"tokens": tokens}) as engine:
        await engine.submit(call, limits={"tokens": 10})
        await engine.submit(nothing, limits={"tokens": 8})
    with others(folder) as sharing:
        assert isinstance(sharing.acquire(Ask("two", rates={"tokens": RateAsked(tokens, (2,))})), NotYet)
        sharing.withdraw("two")
        assert isinstance(sharing.acquire(Ask("one", rates={"tokens": RateAsked(tokens, (1,))})), Lease)


@in_a_loop
async def test_a_refusal_closes_the_rate_for_all(folder: Path) -> None:
    api = Rate(100, per=1.0, scope=Scope.MACHINE)

    async def call() -> None:
        raise RateLimited(retry_after=60.0)

    async with Engine(limits={"api": api}) as engine:
        with pytest.raises(RateLimited):
            await engine.submit(call, limits={"api": 1})
    with others(folder) as sharing:
        answer = sharing.acquire(Ask("others", rates={"api": RateAsked(api, (1,))}))
        assert isinstance(answer, NotYet)
        assert answer.at is not None
        assert 50.0 < answer.at - sharing.now() <= 60.0


@in_a_loop
async def test_a_rate_that_lets_one_start_at_a_time_lets_the_next_one_start_when_it_is_due() -> None:
    begins, steps = Begins(), list[float]()

    async def start() -> None:
        steps.append(time.monotonic())

    async with Engine(limits={"api": Rate(1, per=0.1, scope=Scope.MACHINE)}) as engine:
        engine.trace(begins)
        for _ in range(4):
            engine.submit(start, limits={"api": 1})
    spans = zip(begins.moments.values(), steps[1:], strict=False)
    assert all(later - earlier >= 0.1 for earlier, later in spans)


@in_a_loop
async def test_a_start_that_comes_late_counts_from_then_on(folder: Path) -> None:
    api = Rate(1, per=10.0, scope=Scope.MACHINE)
    answers: asyncio.Queue[Event] = asyncio.Queue()
    desk = Desk(
        "a run", {"api": api}, Shares({"api": api}, {}), lambda: SqliteSharing(folder), answers.put_nowait
    )
    desk.ask(0, task("a", limits={"api": 1}), ("api",))
    await answers.get()
    answered = time.monotonic()
    await until(lambda: time.monotonic() > answered + 0.06)  # no lease waits for so long
    began = time.monotonic()
    desk.started(0)
    desk.give_back(ReturnShares(0, {}))
    await desk.close()
    with others(folder) as sharing:
        answer = sharing.acquire(Ask("others", rates={"api": RateAsked(api, (1,))}))
    assert isinstance(answer, NotYet)
    assert answer.at is not None
    assert answer.at >= began + 10.0


# Who waits no more


@in_a_loop
async def test_who_is_cancelled_while_it_waits_leaves_no_place_in_the_queue(folder: Path) -> None:
    with others(folder) as sharing:
        taken(sharing, pools={"gpu": PoolAsked(1, UNITS)}, locks={"deploy": Hold.SHARED})
        async with Engine(limits={"gpu": GPU}, locks=DEPLOY) as engine:
            handles = [engine.submit(nothing, limits=ALL), engine.submit(nothing, locks=["deploy"])]
            for handle in handles:
                await refused(engine, handle)
            await until(lambda: in_queue(folder) == 2)
            engine.cancel(*handles)
            await until(lambda: in_queue(folder) == 0)
        assert [type(handle.outcome) for handle in handles] == [Cancelled, Cancelled]


@in_a_loop
async def test_a_better_task_of_the_run_takes_over_the_place_of_one_that_waits(folder: Path) -> None:
    order: list[str] = []

    async def work(name: str) -> None:
        order.append(name)

    with others(folder) as sharing:
        lease = taken(sharing, locks={"deploy": Hold.EXCLUSIVE})
        async with Engine(locks=DEPLOY) as engine:
            low = engine.submit(work, "low", locks=["deploy"])
            await refused(engine, low)
            engine.submit(work, "high", locks=["deploy"], priority=HIGH)
            await until(lambda: in_queue(folder) == 1)
            sharing.release(lease)
    assert order == ["high", "low"]


@in_a_loop
async def test_a_better_task_that_wants_it_otherwise_is_not_in_the_way_of_itself(folder: Path) -> None:
    with others(folder) as sharing:
        lease = taken(sharing, locks={"deploy": Hold.EXCLUSIVE})
        async with Engine(locks=DEPLOY) as engine:
            waits = engine.submit(nothing, locks=["deploy"])
            await refused(engine, waits)
            engine.submit(nothing, locks={"deploy": "shared"}, priority=HIGH)
            sharing.release(lease)


@in_a_loop
async def test_who_could_not_start_now_is_not_in_the_way_of_others(folder: Path) -> None:
    go = asyncio.Event()

    async def busy() -> None:
        await go.wait()

    with others(folder) as sharing:
        lease = taken(sharing, locks={"deploy": Hold.EXCLUSIVE})
        async with Engine(1, locks=DEPLOY) as engine, Engine(1, locks=DEPLOY) as another:
            waits = engine.submit(nothing, locks=["deploy"])
            await refused(engine, waits)
            engine.submit(busy)  # takes the only slot
            sharing.release(lease)
            await another.submit(nothing, locks=["deploy"])
            assert waits.outcome is None
            go.set()


@in_a_loop
async def test_tasks_that_want_different_amounts_all_get_them(folder: Path) -> None:
    amounts = [3, 1, 4, 1, 2]
    used: list[int] = []

    async def use(units: int) -> None:
        used.append(units)
        await asyncio.sleep(0)
        used.append(-units)

    async with Engine(limits={"gpu": GPU}) as engine, Engine(limits={"gpu": GPU}) as another:
        for units in amounts:
            engine.submit(use, units, limits={"gpu": units})
            another.submit(use, units, limits={"gpu": units})
    assert max(accumulate(used)) <= UNITS
    assert sorted(units for units in used if units > 0) == sorted(amounts * 2)


# When nothing can be shared


def spoil(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir():
        path.rmdir()
    path.write_text("neither a database nor a number\n" * 100)


async def fails(message: str) -> None:
    """See that a task that shares fails with a message, and that others do their work."""
    async with Engine(limits={"gpu": GPU}, locks=DEPLOY) as engine:
        fine = engine.submit(nothing)
        handles = [engine.submit(nothing, limits={"gpu": 1}), engine.submit(nothing, locks=["deploy"])]
    assert isinstance(fine.outcome, Succeeded)
    for handle in handles:
        assert isinstance(handle.outcome, Failed)
        assert isinstance(handle.outcome.because, CouldNotStart)
        assert message in handle.outcome.because.message


@in_a_loop
async def test_a_file_that_can_not_be_read_fails_the_tasks_that_share(folder: Path) -> None:
    spoil(folder / "limits.db")
    await fails("limits.db: file is not a database")


@in_a_loop
async def test_a_folder_that_can_not_be_made_fails_the_tasks_that_share(folder: Path) -> None:
    spoil(folder)
    await fails("can't make the folder for limits that processes share")


@in_a_loop
async def test_a_token_that_is_lost_fails_the_task_that_locks(folder: Path) -> None:
    spoil(folder / "locks" / "deploy" / "token")
    async with Engine(locks=DEPLOY) as engine:
        handle = engine.submit(nothing, locks=["deploy"])
    assert isinstance(handle.outcome, Failed)
    assert isinstance(handle.outcome.because, CouldNotStart)
    assert "deploy/token holds no number" in handle.outcome.because.message


@in_a_loop
async def test_a_lock_that_can_be_asked_for_no_more_is_not_waited_for(folder: Path) -> None:
    with others(folder) as sharing:
        lease = taken(sharing, locks={"deploy": Hold.EXCLUSIVE})
        async with Engine(locks=DEPLOY) as engine:
            handle = engine.submit(nothing, locks=["deploy"])
            await until(lambda: in_queue(folder) == 1)
            spoil(folder / "locks" / "deploy" / "token")
            sharing.release(lease)
            await until(lambda: handle.outcome is not None)
            assert in_queue(folder) == 0
        assert isinstance(handle.outcome, Failed)


class Flaky(SqliteSharing):
    """Can be reached, and from some moment on can't."""

    def release(self, lease: Lease) -> None:
        raise CannotShare("it is gone")

    def close(self) -> None:
        super().close()
        raise CannotShare("it is gone")


@in_a_loop
async def test_what_can_not_be_given_back_is_told_and_nobody_waits_for_it(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    answers: asyncio.Queue[Event] = asyncio.Queue()
    limits = {"gpu": GPU}
    desk = Desk("a run", limits, Shares(limits, {}), lambda: Flaky(folder), answers.put_nowait)
    desk.ask(0, task("a", limits={"gpu": 1}), ("gpu",))
    assert await answers.get() == SharesAnswered(0, ("gpu",), granted=True)
    desk.give_back(ReturnShares(0))
    await desk.close()
    await desk.close()
    assert [record.message for record in caplog.records] == 2 * [
        "what is shared with other processes can't be given back or renewed: it is gone"
    ]


# Many processes


def test_runs_of_many_processes_share_a_rate_and_use_nearly_all_of_it() -> None:
    starts: list[tuple[float, float]] = []
    with crowd(SCRIPT, "starts", N, 2 * LIMIT * SECONDS) as members:
        members.begin()
        while len(starts) < LIMIT * SECONDS + 1:
            what, begin, step, _ = members.next()
            assert what == "start"
            starts.append((float(begin), float(step)))
            if len(starts) == LIMIT * SECONDS // 2:
                for pid in members.members[: N // 3]:
                    members.kill(pid)
    # Some time may pass between both, if the machine has much else to do: these are surely in one span.
    fullest = max(sum(at <= begin and step < at + PER_S for begin, step in starts) for at, _ in starts)
    steps = sorted(step for _, step in starts)
    used = SECONDS * PER_S / (steps[LIMIT * SECONDS] - steps[0])
    assert fullest <= LIMIT
    assert used >= 0.95, f"{used:.1%} of the rate"


def test_runs_of_many_processes_never_use_more_than_there_is() -> None:
    with crowd(SCRIPT, "units", N, 10) as members:
        members.begin()
        lines = [words for words in members.told() if words[0] != "ended"]
    steps = sorted((float(moment), 1 if what == "took" else -1) for what, moment, _ in lines)
    in_use = [*accumulate(step for _, step in steps)]
    assert (max(in_use), len(steps)) == (UNITS, 2 * N * 10)


def test_a_counter_that_is_counted_up_under_a_lock_is_exact() -> None:
    with crowd(SCRIPT, "sections", N, 10) as members:
        members.begin()
        numbers = [int(words[1]) for words in members.told() if words[0] == "counted"]
    assert numbers == [*range(1, N * 10 + 1)]


@in_a_loop
async def test_what_killed_runs_held_is_free_again_and_what_the_living_hold_is_not() -> None:
    limits, locks = {"gpu": GPU}, {"index": Lock()}
    with crowd(SCRIPT, "hold", 9) as members:
        members.begin()
        holders = [int(members.next()[-1]) for _ in range(UNITS)]
        for _ in range(3):  # a third of them all
            members.kill(holders.pop(0))
            holders.append(int(members.next()[-1]))
            assert holders[-1] in members.members
        async with Engine(limits=limits, locks=locks) as engine:
            wide = engine.submit(nothing, limits=ALL)
            alone = engine.submit(nothing, locks=["index"])
            for handle in (wide, alone):
                await refused(engine, handle)
                (why,) = engine.waiting(handle)
                assert isinstance(why, TakenElsewhere)
                told = {int(holder.split()[1]) for holder in why.holders}
                assert told <= set(members.members)
                assert told
            for pid in [*members.members]:
                members.kill(pid)
    assert isinstance(wide.outcome, Succeeded)
    assert isinstance(alone.outcome, Succeeded)


@in_a_loop
async def test_who_is_interrupted_while_it_waits_leaves_no_place_in_the_queue(folder: Path) -> None:
    with others(folder) as sharing:
        taken(sharing, pools={"gpu": PoolAsked(1, UNITS)}, locks={"index": Hold.SHARED})
        with crowd(SCRIPT, "wait", 1) as members:
            members.begin()
            await until(lambda: in_queue(folder) == 2)
            os.kill(members.members[0], signal.SIGINT)
            assert members.next()[0] == "interrupted"
        assert in_queue(folder) == 0
