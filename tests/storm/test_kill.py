"""Weft is killed, or interrupted, at any moment: nothing that it has started outlives it by two seconds.

The environment variable `WEFT_KILLS` tells how often each is done to each kind of run: 150 makes 300 of
each, with nothing else to do for the machine. By default it is a few times, beside all other tests; what
ends then has more time to do so.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from random import Random

import msgspec
import pytest
from tests.storm.marked import VARIABLE, alive, new_mark

import weft

N_KILLS = int(os.environ.get("WEFT_KILLS", "20"))
WITHIN_S = 2.0 if "WEFT_KILLS" in os.environ else 60.0
N_AT_ONCE = 8
SEED = 11

# The moment of the signal: from before Python has read its first module to when all has long begun.
LATEST_S = 1.5
TICK_S = 0.05  # other processes tell a test nothing: it has to look

PLAN = """
max_concurrent: 6
grace: 200ms
tasks:
  quick: {each: {n: [1, 2, 3, 4, 5, 6, 7, 8]}, run: "sleep 0.0{n}; echo {n}"}
  failing: {run: exit 3, retry: {max_attempts: 1000, base: 10ms, factor: 1}}
  late: {run: sleep 1000, timeout: 100ms, retry: {max_attempts: 1000, base: 10ms, factor: 1}}
  patient: sleep 1000 & wait
  deaf: trap '' TERM INT HUP; while :; do sleep 0.05; done
  leaving: setsid sleep 1000 & (setsid sh -c 'trap "" TERM; while :; do sleep 0.05; done' &); wait
  left: setsid -f sleep 1000
"""

SCRIPT = """
import asyncio, os, subprocess, time
import weft
from weft.model.policy import Policy
from weft.model.work import Where
from weft.runtime.run import signals_to

async def patient(n):
    try:
        await asyncio.sleep(1000)
    finally:
        await asyncio.sleep(0.01)

def in_a_thread(n):
    time.sleep(0.05)

def in_a_process(n):
    subprocess.Popen(["sleep", "1000"], start_new_session=bool(n % 2))
    time.sleep(1000 if n % 3 else 0.01)

async def main():
    async with weft.Engine(12, policy=Policy(grace_s=0.2)) as engine:
        with signals_to(engine):
            for n in range(4):
                engine.submit(patient, n)
                engine.submit(in_a_process, n, where=Where.PROCESS)
                engine.submit(weft.Command("setsid sleep 1000 & trap '' TERM; while :; do sleep 0.05; done"))
            for n in range(1000):
                engine.submit(in_a_thread, n)
            await engine.close()

if __name__ == "__main__":
    asyncio.run(main())
    raise SystemExit(130)
"""


class Run(msgspec.Struct, frozen=True):
    """One run of Weft, the moment of its end, and what is left of it after a while."""

    delay_s: float
    code: int
    left: dict[int, str]
    took_s: float
    lost: bool  # Python lost the first Ctrl-C, as it does now and then while it imports, and a second came
    stderr: str


def weft_run(folder: Path) -> list[str]:
    (folder / "weft.yaml").write_text(PLAN)
    return [sys.executable, "-m", "weft", "run"]


def python(folder: Path) -> list[str]:
    (folder / "script.py").write_text(SCRIPT)
    return [sys.executable, "script.py"]


def strike(command: Callable[[Path], list[str]], folder: Path, number: int, delay_s: float) -> Run:
    """Start a run, send it a signal when ``delay_s`` has passed, and watch it end."""
    folder.mkdir()
    mark = new_mark()
    source = str(Path(weft.__path__[0]).parent)
    with (
        (folder / "stderr").open("wb") as stderr,
        subprocess.Popen(
            command(folder),
            cwd=folder,
            env={**os.environ, "PYTHONPATH": source, VARIABLE: mark},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            start_new_session=True,
        ) as process,
    ):
        time.sleep(delay_s)
        began, may_be_lost, lost = time.monotonic(), number == signal.SIGINT and not listens(process), False
        process.send_signal(number)
        while (left := alive(mark)) and time.monotonic() < began + WITHIN_S:
            time.sleep(TICK_S)
            if may_be_lost and listens(process):
                began, may_be_lost, lost = time.monotonic(), False, True
                process.send_signal(number)
        took_s = time.monotonic() - began
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    return Run(delay_s, process.returncode, left, took_s, lost, (folder / "stderr").read_text())


def listens(process: subprocess.Popen[bytes]) -> bool:
    """Whether Weft has asked for signals: SIGTERM is one that Python does not ask for."""
    with suppress(OSError):
        status = Path(f"/proc/{process.pid}/status").read_text()
        caught = next((line for line in status.splitlines() if line.startswith("SigCgt")), "SigCgt: 0")
        return bool(int(caught.split()[1], 16) >> (signal.SIGTERM - 1) & 1)
    return False


def strikes(command: Callable[[Path], list[str]], folder: Path, number: int) -> list[Run]:
    chance = Random(f"{SEED} {command.__name__} {number}")
    delays = [chance.uniform(0.0, LATEST_S) for _ in range(N_KILLS)]
    with ThreadPoolExecutor(N_AT_ONCE) as at_once:
        found = [
            at_once.submit(strike, command, folder / str(n), number, delay_s)
            for n, delay_s in enumerate(delays)
        ]
        return [future.result() for future in found]


def summary(runs: list[Run]) -> str:
    took = sorted(run.took_s for run in runs)
    codes = dict(Counter(run.code for run in runs))
    return (
        f"{len(runs)} runs, exit codes {codes}, {sum(run.lost for run in runs)} signals lost by Python,"
        f" {sum(bool(run.left) for run in runs)} with processes left;"
        f" all gone after {took[len(took) // 2]:.2f} s (median), {took[-1]:.2f} s (longest)"
    )


@pytest.mark.parametrize("command", [weft_run, python])
def test_nothing_outlives_a_weft_that_was_killed(
    command: Callable[[Path], list[str]], tmp_path: Path
) -> None:
    runs = strikes(command, tmp_path, signal.SIGKILL)
    print(summary(runs))  # noqa: T201  # seen with `pytest -s`
    assert [run for run in runs if run.left] == []
    assert {run.code for run in runs} == {-signal.SIGKILL}


@pytest.mark.parametrize("command", [weft_run, python])
def test_nothing_outlives_a_weft_that_was_interrupted(
    command: Callable[[Path], list[str]], tmp_path: Path
) -> None:
    runs = strikes(command, tmp_path, signal.SIGINT)
    print(summary(runs))  # noqa: T201  # seen with `pytest -s`
    assert [run for run in runs if run.left] == []
    assert [run for run in runs if run.code != 130 and not began_too_late(run)] == []


def began_too_late(run: Run) -> bool:
    """Whether it was Python that ended, before Weft could listen; with 1 if it had not quite begun itself."""
    return run.code == -signal.SIGINT or (run.code == 1 and "/weft/" not in run.stderr)
