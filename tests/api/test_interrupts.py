"""Ctrl-C and SIGTERM, sent to real scripts."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import weft

# The script must find this Weft and no other.
SOURCE = str(Path(weft.__path__[0]).parent)

# Far more than any of these tests needs: it turns a hang into a failure.
TIMEOUT_S = 30.0

HEAD = """
import asyncio, os, signal, sys, time
import weft
from weft.model.work import Where

def say(word):
    os.write(1, (word + "\\n").encode())

async def patient(x):
    say("begun")
    try:
        await asyncio.Event().wait()
    finally:
        await asyncio.sleep(0)
        say("stopped")

def blocked(x):
    say("begun")
    sys.stdin.readline()
    say("ended")

def asleep(x):
    say("begun")
    time.sleep(1000)

def endless():
    while True:
        yield 1

async def slow():
    yield 1
    await asyncio.Event().wait()

def plan(*works):
    made = weft.Plan()
    for work in works:
        made.add(work) if isinstance(work, weft.Command) else made.add(work, 1)
    return made

async def engine_alone():
    async with weft.Engine() as engine:
        engine.submit(patient, 1)

async def raising(x):
    await asyncio.sleep(0)
    raise KeyboardInterrupt

if __name__ == "__main__":
"""


@contextmanager
def script(body: str, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Run ``body`` in a process of its own, without the handlers that this one may have."""
    path = folder / "script.py"
    indented = "".join(f"    {line}\n" for line in body.strip().splitlines())
    path.write_text(HEAD + indented, encoding="utf-8")
    with subprocess.Popen(
        [sys.executable, "-W", "error", path],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": SOURCE},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def wait_for_begun(process: subprocess.Popen[str], n: int = 1) -> None:
    assert process.stdout is not None
    for _ in range(n):
        # Not by `readline`: what it has read ahead would be lost for `communicate`.
        said = os.read(process.stdout.fileno(), len("begun\n"))
        assert said == b"begun\n", process.communicate(timeout=TIMEOUT_S)


IN_PYTHON = {
    "map": "weft.map(patient, endless(), max_concurrent=2)",
    "map over a slow source": "weft.map(patient, slow(), max_concurrent=2)",
    "amap": "asyncio.run(weft.amap(patient, endless(), max_concurrent=2))",
    "amap over a slow source": "asyncio.run(weft.amap(patient, slow()))",
    "run": "weft.run(plan(patient))",
    "arun": "asyncio.run(weft.arun(plan(patient)))",
    "engine": "asyncio.run(engine_alone())",
}


@pytest.mark.parametrize("call", IN_PYTHON.values(), ids=IN_PYTHON)
def test_ctrl_c_is_raised_in_the_caller_once_all_has_been_stopped(call: str, tmp_path: Path) -> None:
    body = f"""
try:
    {call}
except KeyboardInterrupt:
    say("interrupted")
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    raise
"""
    with script(body, tmp_path) as process:
        wait_for_begun(process)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=TIMEOUT_S)
    said = out.split()
    assert said[-1] == "interrupted"
    assert said.count("stopped") == said.count("begun") + 1  # one was read before
    assert err.rstrip().endswith("KeyboardInterrupt")
    assert "never retrieved" not in err
    assert process.returncode == -signal.SIGINT  # what shells show as 130


@pytest.mark.parametrize("call", ["weft.map(patient, [1, 2])", "weft.run(plan(patient, patient))"])
def test_sigterm_stops_everything_as_well(call: str, tmp_path: Path) -> None:
    with script(call, tmp_path) as process:
        wait_for_begun(process, 2)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=TIMEOUT_S)
    assert out.split() == ["stopped", "stopped"]
    assert err.rstrip().endswith("KeyboardInterrupt")


def test_a_function_in_a_thread_comes_to_its_end(tmp_path: Path) -> None:
    with script("weft.map(blocked, [1, 2], max_concurrent=1)", tmp_path) as process:
        wait_for_begun(process)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate("go\n", timeout=TIMEOUT_S)
    assert out.split() == ["ended"]  # and the second never began
    assert err.rstrip().endswith("KeyboardInterrupt")


def test_a_function_in_a_process_is_ended(tmp_path: Path) -> None:
    with script("weft.map(asleep, [1, 2], where=Where.PROCESS)", tmp_path) as process:
        wait_for_begun(process, 2)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=TIMEOUT_S)  # returns when no worker holds the pipe any more
    assert err.rstrip().endswith("KeyboardInterrupt")


@pytest.mark.parametrize(("trap", "n_signals"), [("", 1), ("trap '' TERM INT; ", 2)], ids=["polite", "deaf"])
def test_a_command_is_ended_at_the_latest_by_the_second_signal(
    trap: str, n_signals: int, tmp_path: Path
) -> None:
    begun = tmp_path / "begun"
    os.mkfifo(begun)
    shell = f"{trap}echo $$ > begun; while :; do sleep 1; done"
    with script(f"weft.run(plan(weft.Command({shell!r})))", tmp_path) as process:
        pid = int(begun.read_text())
        for _ in range(n_signals):
            process.send_signal(signal.SIGINT)
            wait_until_seen(process, signal.SIGINT)
        _, err = process.communicate(timeout=TIMEOUT_S)
    assert err.rstrip().endswith("KeyboardInterrupt")
    assert not is_alive(pid)


def wait_until_seen(process: subprocess.Popen[str], number: int) -> None:
    """Wait until a signal is pending no more: two that come together count as one."""
    status = Path(f"/proc/{process.pid}/status")
    while process.poll() is None:
        pending = [line for line in status.read_text().splitlines() if line.startswith(("SigPnd", "ShdPnd"))]
        if not any(int(line.split()[1], 16) >> (number - 1) & 1 for line in pending):
            return


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_keyboard_interrupt_that_a_coroutine_raises_ends_the_others(tmp_path: Path) -> None:
    body = """
async def main():
    async with weft.Engine() as engine:
        engine.submit(patient, 1)
        engine.submit(raising, 1)

try:
    asyncio.run(main())
except KeyboardInterrupt:
    say("interrupted")
"""
    with script(body, tmp_path) as process:
        out, _ = process.communicate(timeout=TIMEOUT_S)
    assert out.split()[-1] == "interrupted"
    assert process.returncode == 0
