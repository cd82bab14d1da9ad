from __future__ import annotations

import asyncio
import os
import select
import signal
import subprocess
import sys
import threading
from io import TextIOWrapper
from pathlib import Path
from typing import Any, NoReturn

import pytest
from tests.executors.blockers import OverPipes, say_and_wait
from tests.executors.told import TIMEOUT_S, Told, in_a_loop

from weft.executors.base import Invocation
from weft.executors.process import ProcessExecutor
from weft.model.attempt import Attempt
from weft.model.outcome import Cancelled, Failed, Outcome, Succeeded
from weft.model.reason import BadResult, CancelAsked, CouldNotStart, Exited, Killed, Raised


async def outcome_of(function: Any, *args: Any, **kwargs: Any) -> Outcome:
    """Of the function in a worker; and that the executor goes on working after it."""
    told = Told()
    executor = ProcessExecutor(told, processes=1)
    executor.start(Attempt(0), Invocation(function, args, kwargs))
    outcome = await told.of(Attempt(0))
    executor.start(Attempt(1), Invocation(int))
    assert await told.of(Attempt(1)) == Succeeded(0)
    await executor.close()
    return outcome


@in_a_loop
async def test_a_function_runs_in_another_process() -> None:
    outcome = await outcome_of(os.getpid)
    assert isinstance(outcome, Succeeded)
    assert outcome.value != os.getpid()


@pytest.mark.parametrize(
    ("job", "named"),
    [
        (Invocation(lambda: None), "<lambda>`"),
        (Invocation(print, (1, threading.Lock())), "argument 2, a lock,"),
        (Invocation(print, (1,), {"file": threading.Lock()}), "argument `file`, a lock,"),
    ],
    ids=["function", "argument", "keyword"],
)
@in_a_loop
async def test_what_cannot_be_pickled_is_named(job: Invocation, named: str) -> None:
    outcome = await outcome_of(job.function, *job.args, **job.kwargs)
    assert isinstance(outcome, Failed)
    assert isinstance(outcome.because, CouldNotStart)
    assert f"{named} can't be sent to a worker process: " in outcome.because.message


@in_a_loop
async def test_variables_are_there_for_the_time_of_a_call_and_then_are_as_before() -> None:
    told = Told()
    executor = ProcessExecutor(told, processes=1)
    look = (os.getenv, ("WEFT_TEST_NEW",)), (os.getenv, ("PATH",))
    for number, (function, args) in enumerate(2 * look):
        env = {"WEFT_TEST_NEW": "new", "PATH": "/bin"} if number < 2 else {}
        executor.start(Attempt(number), Invocation(function, args, env=env))
        await told.of(Attempt(number))
    assert [told.outcomes[Attempt(number)] for number in range(4)] == [
        Succeeded(value) for value in ("new", "/bin", None, os.environ["PATH"])
    ]
    executor.start(Attempt(4), Invocation(int, ("no number",), env={"WEFT_TEST_NEW": "new"}))
    await told.of(Attempt(4))
    executor.start(Attempt(5), Invocation(os.getenv, ("WEFT_TEST_NEW",)))
    assert await told.of(Attempt(5)) == Succeeded(None), "also after a call that has failed"
    await executor.close()


class OneWay:
    """Can be pickled, but not be made again."""

    def __reduce__(self) -> tuple[Any, ...]:
        return refuse, ()


def refuse() -> NoReturn:
    raise RuntimeError("not here")


@in_a_loop
async def test_what_the_worker_cannot_load_did_not_start() -> None:
    outcome = await outcome_of(print, OneWay())
    assert outcome == Failed(CouldNotStart("the function can't be loaded in a worker process: not here"))


@in_a_loop
async def test_a_result_that_cannot_be_sent_back_is_a_bad_result() -> None:
    outcome = await outcome_of(threading.Lock)
    assert isinstance(outcome, Failed)
    assert isinstance(outcome.because, BadResult)
    assert "the result, a lock, can't be sent back" in outcome.because.message


@in_a_loop
async def test_a_result_that_cannot_be_read_back_is_a_bad_result() -> None:
    outcome = await outcome_of(OneWay)
    assert isinstance(outcome, Failed)
    assert isinstance(outcome.because, BadResult)
    assert "can't be read back" in outcome.because.message


class Peculiar(Exception):
    def __init__(self, page: str, *, status: int) -> None:
        super().__init__(f"{page}: {status}")


def raise_peculiar() -> None:
    raise Peculiar("index", status=404)


@in_a_loop
async def test_an_exception_that_cannot_travel_still_tells_what_it_was() -> None:
    outcome = await outcome_of(raise_peculiar)
    assert isinstance(outcome, Failed)
    assert isinstance(outcome.because, Raised)
    assert outcome.because.error.endswith(".Peculiar")
    assert outcome.because.message == "index: 404"
    assert "in raise_peculiar" in outcome.because.traceback
    assert outcome.exception is None


@in_a_loop
async def test_system_exit_fails_the_attempt_and_keeps_the_worker() -> None:
    told = Told()
    executor = ProcessExecutor(told, processes=1)
    for task, function in enumerate([os.getpid, sys.exit, os.getpid]):
        executor.start(Attempt(task), Invocation(function))
    first, ended, last = [await told.of(Attempt(task)) for task in range(3)]
    assert isinstance(ended, Failed)
    assert isinstance(ended.because, Raised)
    assert first == last
    await executor.close()


def kill_itself() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@in_a_loop
async def test_a_worker_that_is_killed_fails_its_attempt() -> None:
    assert await outcome_of(kill_itself) == Failed(Killed(signal.SIGKILL))


@in_a_loop
async def test_a_worker_that_exits_fails_its_attempt_with_its_code() -> None:
    assert await outcome_of(os._exit, 3) == Failed(Exited(3))


@in_a_loop
async def test_a_worker_that_exits_with_code_0_fails_its_attempt_too() -> None:
    outcome = await outcome_of(os._exit, 0)
    assert isinstance(outcome, Failed)
    assert isinstance(outcome.because, BadResult)


def leave_a_child(pipe: Path, die: bool) -> None:
    """A forked child, which has the pipe and all else that its parent has."""
    os.open(pipe, os.O_WRONLY)
    if os.fork() == 0:
        signal.pause()
    if die:
        kill_itself()


@pytest.mark.parametrize("die", [False, True], ids=["worker ends", "worker dies"])
@in_a_loop
async def test_a_child_that_a_function_leaves_behind_ends_with_the_worker(die: bool, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with os.fdopen(os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)) as held:
        outcome = await outcome_of(leave_a_child, pipe, die)
        assert outcome == (Failed(Killed(signal.SIGKILL)) if die else Succeeded(None))
        assert all_writers_are_gone(held)


def leave_a_session(pipe: Path, then: str) -> None:
    """A program in a session of its own, which has the pipe."""
    held = os.open(pipe, os.O_WRONLY)
    subprocess.Popen(["sleep", "1000"], pass_fds=[held], start_new_session=True)
    os.write(held, b"begun\n")
    if then == "dies":
        kill_itself()
    elif then != "ends":
        signal.pause()


@pytest.mark.parametrize("then", ["ends", "dies", "is asked to end", "is killed"])
@in_a_loop
async def test_a_program_in_a_session_of_its_own_ends_with_its_worker(then: str, tmp_path: Path) -> None:
    pipe, told = tmp_path / "pipe", Told()
    os.mkfifo(pipe)
    executor = ProcessExecutor(told, processes=1)
    executor.start(Attempt(0), Invocation(leave_a_session, (pipe, then)))
    with pipe.open() as held:
        assert held.readline() == "begun\n"
        if then.startswith("is "):
            executor.stop(Attempt(0), force=then == "is killed")
        await told.of(Attempt(0))
        await executor.close()
        assert all_writers_are_gone(held)


@in_a_loop
async def test_a_suspended_function_is_stopped_politely() -> None:
    told = Told()
    executor = ProcessExecutor(told, processes=1)
    executor.start(Attempt(0), Invocation(suspend))
    while not any(" T " in state for state in states_of(executor)):  # noqa: ASYNC110  # nobody tells it
        await asyncio.sleep(0.01)
    executor.stop(Attempt(0), force=False)
    assert await told.of(Attempt(0)) == Cancelled(CancelAsked())
    await executor.close()


def suspend() -> None:
    os.kill(os.getpid(), signal.SIGSTOP)
    signal.pause()


def states_of(executor: ProcessExecutor) -> list[str]:
    return [Path(f"/proc/{each._process.pid}/stat").read_text() for each in tuple(executor._workers)]


@in_a_loop
async def test_a_worker_that_dies_waiting_is_replaced() -> None:
    told = Told()
    executor = ProcessExecutor(told, processes=1)
    executor.start(Attempt(0), Invocation(os.getpid))
    outcome = await told.of(Attempt(0))
    assert isinstance(outcome, Succeeded)
    (idle,) = executor._idle
    os.kill(outcome.value, signal.SIGKILL)
    assert idle.has_ended_within(TIMEOUT_S)
    executor.start(Attempt(1), Invocation(int))
    assert await told.of(Attempt(1)) == Succeeded(0)
    await executor.close()


@in_a_loop
async def test_stopping_one_attempt_leaves_its_neighbour_alone(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    ours, neighbour, told = OverPipes(tmp_path / "a"), OverPipes(tmp_path / "b"), Told()
    executor = ProcessExecutor(told, processes=2)
    executor.start(Attempt(0), ours.job)
    executor.start(Attempt(1), neighbour.job)
    await ours.begun()
    await neighbour.begun()
    executor.stop(Attempt(0), force=True)
    assert await told.of(Attempt(0)) == Cancelled(CancelAsked())
    await neighbour.release()
    assert await told.of(Attempt(1)) == Succeeded("released")
    await executor.close()


def ignore_the_polite_signal(begun: Path, go: Path) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    say_and_wait(begun, go)


@in_a_loop
async def test_force_ends_a_function_that_ignores_the_polite_signal(tmp_path: Path) -> None:
    blocker, told = OverPipes(tmp_path), Told()
    executor = ProcessExecutor(told, processes=1)
    executor.start(Attempt(0), Invocation(ignore_the_polite_signal, blocker.job.args))
    await blocker.begun()
    executor.stop(Attempt(0), force=False)
    executor.stop(Attempt(0), force=True)
    assert await told.of(Attempt(0)) == Cancelled(CancelAsked())
    await executor.close()


@in_a_loop
async def test_workers_are_used_again_and_gone_after_close() -> None:
    told = Told()
    executor = ProcessExecutor(told, processes=2)
    for task in range(20):
        executor.start(Attempt(task), Invocation(os.getpid))
    pids = {getattr(await told.of(Attempt(task)), "value", None) for task in range(20)}
    assert 1 <= len(pids) <= 2
    workers = [*executor._workers]
    await executor.close()
    assert all(worker.has_ended_within(TIMEOUT_S) for worker in workers)


@in_a_loop
async def test_large_arguments_and_results_travel_whole() -> None:
    large = b"x" * 5_000_000
    assert await outcome_of(bytes.upper, large) == Succeeded(large.upper())


# A parent with one idle and one busy worker. Both hold the named pipe open as long as they live, and so
# does what the busy one has started.
PARENT = """
import asyncio, os, signal, subprocess, sys
from weft.executors.base import Invocation
from weft.executors.process import ProcessExecutor
from weft.model.attempt import Attempt

def hold():
    pipe = os.open(sys.argv[1], os.O_WRONLY)
    os.write(pipe, b"idle\\n")

def hold_and_block():
    pipe = os.open(sys.argv[1], os.O_WRONLY)
    for leaves_the_group in (False, True):
        subprocess.Popen(["sleep", "1000"], pass_fds=[pipe], start_new_session=leaves_the_group)
    os.write(pipe, b"busy\\n")
    signal.pause()

async def main():
    first = asyncio.Event()
    executor = ProcessExecutor(lambda attempt, outcome: first.set(), processes=2)
    executor.start(Attempt(0), Invocation(hold))
    executor.start(Attempt(1), Invocation(hold_and_block))
    await first.wait()
    print("ready", flush=True)
    sys.stdin.read()

if __name__ == "__main__":
    asyncio.run(main())
"""


def start_parent(folder: Path) -> tuple[subprocess.Popen[str], TextIOWrapper]:
    script, pipe = folder / "parent.py", folder / "pipe"
    script.write_text(PARENT)
    os.mkfifo(pipe)
    parent = subprocess.Popen(
        [sys.executable, str(script), str(pipe)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    held = pipe.open()
    assert {held.readline(), held.readline()} == {"idle\n", "busy\n"}
    assert parent.stdout is not None
    assert parent.stdout.readline() == "ready\n"
    return parent, held


def all_writers_are_gone(held: TextIOWrapper) -> bool:
    poll = select.poll()
    poll.register(held, select.POLLHUP)
    return bool(poll.poll(TIMEOUT_S * 1000)) and held.read() == ""


def test_no_worker_outlives_a_parent_that_was_killed(tmp_path: Path) -> None:
    parent, held = start_parent(tmp_path)
    with parent, held:
        parent.kill()
        assert all_writers_are_gone(held)


def test_an_interpreter_that_ends_without_close_leaves_no_worker_and_does_not_hang(tmp_path: Path) -> None:
    parent, held = start_parent(tmp_path)
    with parent, held:
        assert parent.stdin is not None
        parent.stdin.close()
        assert parent.wait(TIMEOUT_S) == 0
        assert all_writers_are_gone(held)


UNGUARDED = (
    PARENT.split("async def main", maxsplit=1)[0]
    + """
async def main():
    over = asyncio.Event()
    def ended(attempt, outcome):
        print(type(outcome.because).__name__, outcome.because.message, flush=True)
        over.set()
    ProcessExecutor(ended, processes=1).start(Attempt(0), Invocation(int))
    await over.wait()
    sys.exit(5)

asyncio.run(main())
"""
)


def test_a_script_without_a_guard_is_told_what_it_lacks(tmp_path: Path) -> None:
    script = tmp_path / "unguarded.py"
    script.write_text(UNGUARDED)
    ran = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )
    assert ran.returncode == 5
    assert "CouldNotStart a worker process ended with exit code" in ran.stdout
    assert 'if __name__ == "__main__":' in ran.stdout
    assert ran.stdout.count("CouldNotStart") == 1  # its worker, which runs it again, says nothing
