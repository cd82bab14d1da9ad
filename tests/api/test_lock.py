"""Blocks that hold a lock: against other processes, other threads, other coroutines, and themselves."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pytest
from tests.executors.told import TIMEOUT_S, in_a_loop

import weft
from weft.errors import LockBusy, UsageError
from weft.model.lock import Lock as Declared
from weft.model.outcome import Failed
from weft.model.work import Command
from weft.runtime.engine import Engine
from weft.sharing.locks import FileLocks, Kind

SOURCE = str(Path(weft.__path__[0]).parent)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of locks for each test."""
    monkeypatch.setenv("WEFT_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("PYTHONPATH", SOURCE)
    return tmp_path / "state"


def standing(home: Path) -> list[tuple[str, Kind]]:
    return [(each.lock, each.kind) for each in FileLocks(home / "sharing/locks").standing() if each.is_there]


def until(is_so: Callable[[], bool]) -> None:
    """Other processes and threads tell nothing of whom they wait for: one has to look."""
    deadline = time.monotonic() + TIMEOUT_S
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.005)


async def until_in_the_loop(is_so: Callable[[], bool]) -> None:
    while not is_so():  # noqa: ASYNC110  # there is no event to wait for
        await asyncio.sleep(0.005)


@contextmanager
def process(body: str) -> Iterator[subprocess.Popen[str]]:
    """Another program, killed in the end."""
    command = [sys.executable, "-c", f"import os, signal, sys, time, weft\n{body}"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as running:
        try:
            yield running
        finally:
            running.kill()


HOLD = """
with weft.lock("deploy") as held:
    print("held", held.token, flush=True)
    sys.stdin.readline()
print("released", flush=True)
"""


def line(running: subprocess.Popen[str]) -> str:
    assert running.stdout is not None
    return running.stdout.readline().strip()


def is_free(name: str = "deploy") -> bool:
    try:
        with weft.lock(name, wait=False):
            return True
    except LockBusy:
        return False


# In one thread.


def test_it_is_held_inside_of_the_block_and_free_after_it(home: Path) -> None:
    with weft.lock("deploy") as held:
        assert standing(home) == [("deploy", Kind.HELD)]
        assert held.name == "deploy"
    assert standing(home) == []


def test_tokens_grow_from_block_to_block() -> None:
    tokens = []
    lock = weft.lock("deploy")
    for _ in range(5):
        with lock as held:
            tokens.append(held.token)
    assert all(earlier < later for earlier, later in pairwise(tokens))


def test_a_token_is_known_inside_of_the_block_only() -> None:
    lock = weft.lock("deploy")
    with pytest.raises(UsageError, match="its token is known inside"):
        lock.token  # noqa: B018
    with lock:
        assert lock.token > 0
    with pytest.raises(UsageError, match="its token is known inside"):
        lock.token  # noqa: B018


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit, asyncio.CancelledError])
def test_it_is_released_however_the_block_ends(error: type[BaseException], home: Path) -> None:
    with pytest.raises(error), weft.lock("deploy"):
        raise error
    assert standing(home) == []


def test_a_generator_that_is_closed_releases_it(home: Path) -> None:
    def generate() -> Iterator[int]:
        with weft.lock("deploy"):
            yield 1

    generator = generate()
    assert next(generator) == 1
    assert standing(home) == [("deploy", Kind.HELD)]
    generator.close()  # type: ignore[attr-defined]  # it is a generator
    assert standing(home) == []


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("wait", [True, False, 5])
def test_who_takes_what_it_holds_is_told_instead_of_waiting_for_itself(
    shared: bool, wait: bool | int
) -> None:
    with weft.lock("deploy", shared=shared):
        with (
            pytest.raises(UsageError, match=r"held in this thread already(?s:.)*hint: take it once"),
            weft.lock("deploy", shared=shared, wait=wait),
        ):
            pass
        with weft.lock("another"):
            pass
    assert is_free()


def test_one_object_serves_one_block_at_a_time() -> None:
    lock = weft.lock("deploy")
    with lock:
        with pytest.raises(UsageError, match="in use already"), lock:
            pass
        assert lock.token > 0
    assert is_free()


@pytest.mark.parametrize("name", ["", None, 7])
def test_a_name_is_a_text(name: str) -> None:
    with pytest.raises(UsageError, match="is no name of a lock"):
        weft.lock(name)


@pytest.mark.parametrize("wait", [-1, "soon", None, float("nan")])
def test_a_wait_is_a_span_of_time(wait: float) -> None:
    with pytest.raises(UsageError, match="expected True, False or a number of seconds"):
        weft.lock("deploy", wait=wait)


# Among processes.


def test_another_process_waits_for_it(home: Path) -> None:
    with process(f"sys.stdin.readline()\n{HOLD}") as other:
        with weft.lock("deploy") as held:
            token = held.token
            assert other.stdin is not None
            other.stdin.write("\n")
            other.stdin.flush()
            until(lambda: ("deploy", Kind.WISH) in standing(home))
        assert line(other) == f"held {token + 1}"


def test_shared_holders_hold_it_together_and_one_that_is_alone_waits_for_them() -> None:
    with process(HOLD.replace('"deploy"', '"deploy", shared=True')) as other:
        assert line(other).startswith("held")
        with weft.lock("deploy", shared=True, wait=False):
            pass
        assert not is_free()


@pytest.mark.parametrize("wait", [False, 0, 0.05])
def test_who_does_not_want_to_wait_is_told_who_holds_it(wait: bool | float, home: Path) -> None:
    with process(HOLD) as other:
        assert line(other).startswith("held")
        told = rf"lock `deploy` is held by process {other.pid} on .* since \d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d$"
        with pytest.raises(LockBusy, match=told), weft.lock("deploy", wait=wait):
            pass
        assert standing(home) == [("deploy", Kind.HELD)]


def test_a_holder_that_is_killed_holds_nothing() -> None:
    with process(HOLD) as other:
        assert line(other).startswith("held")
        threading.Timer(0.05, other.kill).start()
        with weft.lock("deploy", wait=TIMEOUT_S):
            pass
        assert other.wait(TIMEOUT_S) == -signal.SIGKILL


def test_who_is_interrupted_while_it_waits_leaves_no_wish(home: Path) -> None:
    with weft.lock("deploy"), process("print(0, flush=True)\n" + HOLD) as other:
        assert line(other) == "0"
        until(lambda: ("deploy", Kind.WISH) in standing(home))
        other.send_signal(signal.SIGINT)
        assert other.wait(TIMEOUT_S) == -signal.SIGINT
        assert [*(home / "sharing/locks/deploy").glob("wish*")] == []


def test_a_fork_gives_back_nothing(home: Path) -> None:
    with weft.lock("deploy"):
        if (child := os.fork()) == 0:
            code = 1
            try:
                with pytest.raises(LockBusy), weft.lock("deploy", wait=False):
                    pass
                code = 0
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        lock = weft.lock("other")
        lock.__enter__()
        if (child := os.fork()) == 0:
            lock.__exit__(None, None, None)
            os._exit(0)
        os.waitpid(child, 0)
        assert {name for name, _ in standing(home)} == {"deploy", "other"}
        lock.__exit__(None, None, None)


COUNT = """
for _ in range(int(sys.argv[1])):
    with weft.lock("counter") as held:
        with open("counter") as file: number = int(file.read())
        os.sched_yield()
        with open("counter", "w") as file: file.write(str(number + 1))
        with open("tokens", "a") as file: file.write(f"{held.token}\\n")
"""


def test_what_it_protects_is_exact(tmp_path: Path) -> None:
    (tmp_path / "counter").write_text("0")
    command = [sys.executable, "-c", f"import os, sys, weft\n{COUNT}", "25"]
    running = [subprocess.Popen(command, cwd=tmp_path) for _ in range(4)]
    assert [each.wait(TIMEOUT_S) for each in running] == [0] * 4
    assert (tmp_path / "counter").read_text() == "100"
    tokens = [int(token) for token in (tmp_path / "tokens").read_text().split()]
    assert all(earlier < later for earlier, later in pairwise(tokens))


# Among threads.


def test_threads_keep_each_other_out(home: Path) -> None:
    inside = 0

    def work() -> None:
        nonlocal inside
        for _ in range(10):
            with weft.lock("deploy"):
                inside += 1
                assert inside == 1
                time.sleep(0)
                inside -= 1

    weft.map(lambda _: work(), range(4), max_concurrent=4)
    assert standing(home) == []


# In coroutines.


@in_a_loop
async def test_a_coroutine_waits_without_holding_up_the_others(home: Path) -> None:
    order = []

    async def second() -> None:
        async with weft.lock("deploy"):
            order.append("second")

    async with weft.lock("deploy") as held:
        task = asyncio.create_task(second())
        await until_in_the_loop(lambda: ("deploy", Kind.WISH) in standing(home))
        assert held.token > 0
        order.append("first")
    await task
    assert order == ["first", "second"]


@in_a_loop
async def test_a_coroutine_that_is_cancelled_releases_it_or_leaves_the_queue(home: Path) -> None:
    entered = asyncio.Event()

    async def hold() -> None:
        async with weft.lock("deploy"):
            entered.set()
            await asyncio.sleep(3600)

    async def want() -> None:
        async with weft.lock("deploy"):
            pass

    holding = asyncio.create_task(hold())
    await entered.wait()
    wanting = asyncio.create_task(want())
    await until_in_the_loop(lambda: ("deploy", Kind.WISH) in standing(home))
    wanting.cancel()
    await asyncio.wait([wanting])
    assert wanting.cancelled()
    assert standing(home) == [("deploy", Kind.HELD)]
    holding.cancel()
    await asyncio.wait([holding])
    assert holding.cancelled()
    assert standing(home) == []


@in_a_loop
async def test_a_coroutine_that_is_cancelled_at_any_moment_leaves_nothing(home: Path) -> None:
    async def enter() -> None:
        async with weft.lock("deploy"):
            await asyncio.sleep(0)

    for n_steps in range(12):
        task = asyncio.create_task(enter())
        for _ in range(n_steps):
            await asyncio.sleep(0.0002 * (n_steps % 3))
        task.cancel()
        await asyncio.wait([task])
        assert standing(home) == []


@in_a_loop
async def test_a_generator_of_a_coroutine_that_is_closed_releases_it(home: Path) -> None:
    async def generate() -> AsyncIterator[int]:
        async with weft.lock("deploy"):
            yield 1

    generator = generate()
    assert await anext(generator) == 1
    assert standing(home) == [("deploy", Kind.HELD)]
    await generator.aclose()  # type: ignore[attr-defined]  # it is a generator
    assert standing(home) == []


def test_a_coroutine_that_is_thrown_away_releases_it(home: Path) -> None:
    async def hold() -> None:
        async with weft.lock("deploy"):
            await asyncio.sleep(3600)

    async def main() -> None:
        coroutine = hold()
        step = coroutine.send(None)
        await until_in_the_loop(lambda: bool(standing(home)))
        del step
        coroutine.close()

    asyncio.run(main())
    assert standing(home) == []


@in_a_loop
async def test_the_coroutine_that_holds_it_is_told_and_so_is_who_would_stop_the_loop() -> None:
    async def in_the_same_thread() -> None:
        with weft.lock("deploy"):
            pass

    async with weft.lock("deploy"):
        with pytest.raises(UsageError, match="held in this thread already"):
            async with weft.lock("deploy"):
                pass
        with pytest.raises(UsageError, match="in a coroutine use `async with`"):
            await asyncio.create_task(in_the_same_thread())


@in_a_loop
async def test_many_coroutines_and_threads_take_turns() -> None:
    inside = 0

    async def work() -> None:
        nonlocal inside
        async with weft.lock("deploy"):
            inside += 1
            assert inside == 1
            await asyncio.sleep(0)
            inside -= 1

    def in_a_thread() -> None:
        nonlocal inside
        with weft.lock("deploy"):
            inside += 1
            assert inside == 1
            inside -= 1

    await asyncio.gather(*(work() for _ in range(10)), *(asyncio.to_thread(in_a_thread) for _ in range(40)))


# Tasks.


@in_a_loop
async def test_a_task_and_a_block_exclude_each_other(tmp_path: Path) -> None:
    async with Engine(root=tmp_path, locks={"deploy": Declared()}) as engine:
        with weft.lock("deploy"):
            task = engine.submit(Command("true"), id="task", locks=["deploy"])
            await until_in_the_loop(lambda: "TakenElsewhere" in repr(engine.waiting(task)))
        await task
    assert is_free()


def take_it(home: str) -> None:
    os.environ["WEFT_STATE_HOME"] = home  # worker processes know that of the first who had them started
    with weft.lock("deploy"):
        pass


@pytest.mark.parametrize("where", ["loop", "thread", "process"])
@in_a_loop
async def test_a_function_whose_task_holds_it_is_told(where: str, home: Path, tmp_path: Path) -> None:
    async with Engine(root=tmp_path, locks={"deploy": Declared()}) as engine:
        task = engine.submit(take_it, str(home), id="task", locks=["deploy"], where=where)  # type: ignore[arg-type]
        with pytest.raises(UsageError, match="held by task `task` itself"):
            await task
        await engine.submit(take_it, str(home), id="without", where=where)  # type: ignore[arg-type]


@in_a_loop
async def test_a_program_whose_task_holds_it_is_told(tmp_path: Path) -> None:
    script = 'import weft\nwith weft.lock("deploy"): pass'
    async with Engine(root=tmp_path, locks={"deploy": Declared()}) as engine:
        task = engine.submit(Command((sys.executable, "-c", script)), id="task", locks=["deploy"])
        assert isinstance(await task.wait(), Failed)
        assert engine.folder is not None
        assert "held by task `task` itself" in engine.folder.stderr("task").read_text()
