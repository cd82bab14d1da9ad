from __future__ import annotations

import asyncio
import logging
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest
from tests.executors.told import TIMEOUT_S, in_a_loop

from weft.model.outcome import Failed
from weft.model.reason import Exited
from weft.model.work import Command
from weft.runtime.engine import Engine
from weft.runtime.jobserver import JobTokens
from weft.runtime.jobserver_client import jobserver_above
from weft.runtime.jobserver_server import JobServer
from weft.runtime.makeflags import with_jobserver

N_JOBS = 4
needs_make = pytest.mark.skipif(shutil.which("make") is None, reason="needs make")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[JobServer]:
    server = JobServer(N_JOBS, tmp_path)
    yield server
    server.close()


@pytest.fixture
def other(server: JobServer) -> Iterator[JobTokens]:
    """Another process that takes part."""
    other = JobTokens.at(server.path)
    yield other
    other.close()


# The pool


def test_one_job_needs_no_token_and_each_other_one_does(server: JobServer, other: JobTokens) -> None:
    assert other.take(N_JOBS) == N_JOBS - 1
    assert server.tokens.take(1) == 0
    other.give_back(1)
    assert server.tokens.take(2) == 1


def test_a_pool_of_one_has_no_tokens(tmp_path: Path) -> None:
    server = JobServer(1, tmp_path)
    assert server.tokens.take(1) == 0
    assert server.close() == 0


def test_the_very_bytes_that_were_taken_are_put_back() -> None:
    read, write = os.pipe()
    os.write(write, b"abc")
    tokens = JobTokens.at(f"/proc/self/fd/{read}")
    assert tokens.take(3) == 3
    tokens.give_back(1)
    assert os.read(read, 3) == b"c"
    tokens.close()
    assert os.read(read, 3) == b"ab"
    for fd in (read, write):
        os.close(fd)


def test_nobody_else_can_enter_and_nothing_is_left_behind(tmp_path: Path) -> None:
    server = JobServer(N_JOBS, tmp_path)
    status = Path(server.path).stat()
    assert stat.S_ISFIFO(status.st_mode)
    assert stat.S_IMODE(status.st_mode) == 0o600
    server.close()
    server.close()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_make_could_not_be_told_of_is_not_used(tmp_path: Path) -> None:
    folder = tmp_path / "My Files"
    folder.mkdir()
    server = JobServer(N_JOBS, folder)
    own = Path(server.path).parent
    assert list(folder.iterdir()) == []
    assert stat.S_IMODE(own.stat().st_mode) == 0o700
    server.close()
    assert not own.exists()


@pytest.mark.parametrize("ending", ["pass", "raise SystemExit(3)", "raise LookupError"])
def test_the_fifo_goes_however_the_process_ends(tmp_path: Path, ending: str) -> None:
    script = f"""
        from pathlib import Path
        from weft.runtime.jobserver_server import JobServer
        server = JobServer(4, Path({str(tmp_path)!r}))
        server.tokens.take(2)
        {ending}
    """
    subprocess.run(
        [sys.executable, "-c", dedent(script)], stderr=subprocess.DEVNULL, timeout=TIMEOUT_S, check=False
    )
    assert list(tmp_path.iterdir()) == []


# Waiting


@in_a_loop
async def test_who_waits_gets_a_token_as_soon_as_it_is_back(tmp_path: Path) -> None:
    server = JobServer(N_JOBS, tmp_path)
    other = JobTokens.at(server.path)
    came: asyncio.Queue[int] = asyncio.Queue()
    other.take(2)
    server.tokens.want(3, came.put_nowait)
    assert came.get_nowait() == 1
    other.give_back(1)
    assert await came.get() == 1
    other.give_back(1)
    assert await came.get() == 1
    assert (server.tokens.n_held, other.n_held) == (3, 0)
    other.close()
    assert server.close() == 0


@in_a_loop
async def test_who_wants_no_more_takes_none(tmp_path: Path) -> None:
    server = JobServer(N_JOBS, tmp_path)
    other = JobTokens.at(server.path)
    other.take(3)
    mine: list[int] = []
    server.tokens.want(1, mine.append)
    server.tokens.want(0, mine.append)
    third = JobTokens.at(server.path)
    came: asyncio.Queue[int] = asyncio.Queue()
    third.want(1, came.put_nowait)
    other.give_back(1)
    assert await came.get() == 1
    assert mine == []
    for tokens in (third, other):
        tokens.close()
    assert server.close() == 0


@in_a_loop
async def test_a_server_can_be_closed_while_somebody_waits(tmp_path: Path) -> None:
    server = JobServer(1, tmp_path)
    server.tokens.want(1, lambda units: None)
    assert server.close() == 0


# What is lost


def test_tokens_of_who_was_killed_are_missed_and_restored(server: JobServer) -> None:
    taking = f"import os; print(len(os.read(os.open({server.path!r}, os.O_RDWR), 2)), flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", taking], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"2\n"
        assert server.tokens.take(N_JOBS) == 1
        child.kill()
    assert server.mend() == 2
    assert server.tokens.take(N_JOBS) == 2
    assert server.mend() == 0


def test_tokens_that_are_lost_at_the_end_are_counted(server: JobServer, other: JobTokens) -> None:
    other.take(2)
    assert server.close() == 2


def test_tokens_that_nobody_had_taken_are_removed(server: JobServer, other: JobTokens) -> None:
    with open(server.path, "wb", buffering=0) as fifo:
        fifo.write(b"++")
    assert server.mend() == -2
    assert other.take(9) == N_JOBS - 1


# Under another's pool


def test_without_makeflags_there_is_no_jobserver(caplog: pytest.LogCaptureFixture) -> None:
    assert jobserver_above({}) is None
    assert jobserver_above({"MAKEFLAGS": "k -j4"}) is None
    assert caplog.records == []


def test_a_weft_under_a_weft_shares_its_pool(server: JobServer) -> None:
    below = jobserver_above({"MAKEFLAGS": with_jobserver("", N_JOBS, server.path)})
    assert below is not None
    assert (below.take(N_JOBS), server.tokens.take(1)) == (N_JOBS - 1, 0)
    below.close()
    assert server.tokens.take(N_JOBS) == N_JOBS - 1


def test_a_fifo_that_can_not_be_told_of_is_passed_on_by_another_name(tmp_path: Path) -> None:
    path = tmp_path / "my jobs"
    os.mkfifo(path)
    with open(path, "r+b", buffering=0) as fifo:
        fifo.write(b"+")
        above = jobserver_above({"MAKEFLAGS": f" -j2 --jobserver-auth=fifo:{tmp_path}/my\\ jobs"})
        assert above is not None
        below = jobserver_above({"MAKEFLAGS": with_jobserver("", 2, above.path)})
        assert below is not None
        assert (below.take(2), above.take(2)) == (1, 0)
        below.close()
        above.close()


def test_a_pipe_that_was_inherited_stays_as_it_is_for_the_others() -> None:
    read, write = os.pipe()
    os.write(write, b"++")
    tokens = jobserver_above({"MAKEFLAGS": f" -j3 --jobserver-auth={read},{write}"})
    assert tokens is not None
    assert tokens.take(3) == 2
    assert os.get_blocking(read)
    assert os.get_blocking(write)
    tokens.close()
    for fd in (read, write):
        os.close(fd)


def test_a_server_out_of_reach_is_warned_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("+++")
    ends = [*os.pipe(), *os.pipe()]
    closed = os.open(os.devnull, os.O_RDONLY)
    os.close(closed)
    for value in (
        f"fifo:{tmp_path}/nothing",
        f"fifo:{tmp_path}/file",
        f"fifo:{tmp_path}",
        f"{closed},{closed}",
        f"{ends[1]},{ends[0]}",  # the wrong way round
        f"{ends[0]},{ends[3]}",  # of two pipes
    ):
        caplog.clear()
        assert jobserver_above({"MAKEFLAGS": f" -j --jobserver-auth={value}"}) is None
        assert [record.levelno for record in caplog.records] == [logging.WARNING], value
    assert (tmp_path / "file").read_text() == "+++"
    for fd in ends:
        os.close(fd)


@needs_make
@pytest.mark.parametrize("ending", ["above.close()", "raise SystemExit(0)", "os.fork() or exit(); os.wait()"])
def test_make_gets_back_what_it_has_lent(tmp_path: Path, ending: str) -> None:
    script = f"""
        import os
        from weft.runtime.jobserver_client import jobserver_above
        above = jobserver_above(os.environ)
        print(above.take(9))
        {ending}
    """
    (tmp_path / "script.py").write_text(dedent(script))
    (tmp_path / "Makefile").write_text(f"all:\n\t+@{sys.executable} script.py\n")
    # The tests themselves may be run by a make.
    environment = {name: value for name, value in os.environ.items() if "MAKE" not in name}
    made = subprocess.run(
        ["make", f"-j{N_JOBS}"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    # It counts its tokens at the end, and tells when they are not complete.
    assert (made.stdout, made.stderr, made.returncode) == (f"{N_JOBS - 1}\n", "", 0)


# A run


@in_a_loop
async def test_a_run_of_functions_has_no_jobserver(tmp_path: Path) -> None:
    async with Engine(max_concurrent=2, root=tmp_path) as engine:
        assert await engine.submit(lambda: 1) == 1
    assert os.listdir(tmp_path) == []


# Each ends only if the other one runs at the same time.
ONE, OTHER = Command("echo > one; read x < other"), Command("read x < one; echo > other")


@in_a_loop
@pytest.mark.parametrize("jobserver", [True, False])
async def test_jobs_that_were_lost_are_restored_when_nothing_runs(tmp_path: Path, jobserver: bool) -> None:
    for name in ("one", "other"):
        os.mkfifo(tmp_path / name)
    async with Engine(max_concurrent=2, root=tmp_path, jobserver=jobserver) as engine:
        await engine.submit(Command("if [ -e /proc/$$/fd/97 ]; then head -c 1 /proc/$$/fd/97; fi"))
        for handle in engine.submit(ONE), engine.submit(OTHER):
            await handle


@in_a_loop
async def test_functions_and_commands_share_the_slots_of_a_run(tmp_path: Path) -> None:
    """Functions may run before the first command comes, and with it the jobserver."""
    asked, answered = asyncio.Event(), asyncio.Event()

    async def function() -> None:
        asked.set()
        await answered.wait()

    async with Engine(max_concurrent=2, root=tmp_path) as engine:
        waiting = engine.submit(function)
        await asked.wait()
        taking = Command("exec dd if=/proc/$$/fd/97 iflag=nonblock bs=1 count=1")
        took = await engine.submit(taking).wait()
        assert took == Failed(Exited(1)), "two run, so there is no job for a third"
        answered.set()
        await waiting
