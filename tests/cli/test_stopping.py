"""Signals: what runs is ended, nothing is left behind, and the exit code says so."""

from __future__ import annotations

import os
import pty
import shlex
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.cli.process import TIMEOUT_S, WEFT, Told, ends, start

PlanIn = Callable[..., Path]

POLITE = """
tasks:
  a: |
    trap 'echo ended > ended; exit 0' TERM
    sleep 1000 &
    echo $$ $! > told
    wait
  b: {run: touch b-ran, needs: a}
"""
STUBBORN = """
tasks:
  a: |
    trap '' TERM
    echo $$ > told
    while :; do sleep 1000; done
"""
TREE = """
tasks:
  a: |
    setsid sh -c 'echo $$ > told; exec sleep 1000' &
    (setsid sh -c 'trap "" TERM; echo $$ > told; while :; do sleep 0.1; done' &)
    sleep 1000 & echo $! > told
    echo $$ > told
    wait
"""


def to_the_process(weft: subprocess.Popen[str], number: int) -> None:
    weft.send_signal(number)


def to_the_group(weft: subprocess.Popen[str], number: int) -> None:
    os.killpg(weft.pid, number)  # as a terminal does


@pytest.mark.parametrize("send", [to_the_process, to_the_group])
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_one_signal_ends_tasks_politely_and_leaves_no_process(
    send: Callable[[subprocess.Popen[str], int], None],
    number: signal.Signals,
    code: int,
    plan: PlanIn,
    told: Told,
) -> None:
    root = plan(POLITE)
    with start("run", cwd=root) as weft:
        pids = [int(pid) for pid in told.line().split()]
        send(weft, number)
        _, err = weft.communicate(timeout=TIMEOUT_S)
    assert weft.returncode == code
    assert (root / "ended").read_text() == "ended\n"
    assert all(ends(pid) for pid in pids)
    assert not (root / "b-ran").exists()
    assert "interrupted: 2 tasks" in err
    assert "Traceback" not in err


def test_under_nohup_a_run_goes_on_when_the_terminal_is_closed(plan: PlanIn, told: Told) -> None:
    root = plan("tasks: {a: 'echo $$ > told; read line < goes-on; echo $line > done'}")
    os.mkfifo(root / "goes-on")
    with start("run", cwd=root, preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN)) as weft:
        told.line()
        weft.send_signal(signal.SIGHUP)
        (root / "goes-on").write_text("on\n")
        weft.communicate(timeout=TIMEOUT_S)
    assert weft.returncode == 0
    assert (root / "done").read_text() == "on\n"


def test_ctrl_c_ends_the_whole_tree_and_exits_130(plan: PlanIn, told: Told) -> None:
    with start("run", cwd=plan(TREE)) as weft:
        pids = [int(told.line()) for _ in range(4)]
        weft.send_signal(signal.SIGINT)
        weft.communicate(timeout=TIMEOUT_S)
    assert weft.returncode == 130
    assert all(ends(pid) for pid in pids)


def test_nothing_keeps_running_after_weft_has_gone(plan: PlanIn, told: Told) -> None:
    with start("run", cwd=plan(TREE)) as weft:
        pids = [int(told.line()) for _ in range(4)]
        weft.kill()
        assert all(ends(pid) for pid in pids)


def test_a_weft_that_runs_as_a_task_goes_with_all_that_it_runs(plan: PlanIn, told: Told) -> None:
    root = plan(TREE, "inner.yaml")
    plan(f"tasks: {{outer: trap '' TERM; {shlex.join(WEFT)} run -f inner.yaml & wait; wait}}")
    with start("run", cwd=root) as weft:
        pids = [int(told.line()) for _ in range(4)]
        for _ in range(2):
            weft.send_signal(signal.SIGINT)
            assert weft.stderr is not None
            weft.stderr.readline()
        weft.communicate(timeout=TIMEOUT_S)
    assert weft.returncode == 130
    assert all(ends(pid) for pid in pids)


def test_a_second_ctrl_c_kills_a_task_that_does_not_listen(plan: PlanIn, told: Told) -> None:
    with start("run", cwd=plan(STUBBORN)) as weft:
        assert weft.stderr is not None
        pid = int(told.line())
        weft.send_signal(signal.SIGINT)
        assert weft.stderr.readline() == "ending what runs\n"
        assert not ends(pid, within_s=0)
        weft.send_signal(signal.SIGINT)
        _, err = weft.communicate(timeout=TIMEOUT_S)
    assert weft.returncode == 130
    assert ends(pid)
    assert "Traceback" not in err


def test_ctrl_c_while_names_are_read_exits_130_quietly(tmp_path: Path) -> None:
    far, near = pty.openpty()
    with start("map", "echo", cwd=tmp_path, stdin=near) as weft:
        assert weft.stderr is not None
        assert weft.stderr.readline().startswith("names are read from the terminal")
        weft.send_signal(signal.SIGINT)
        out, err = weft.communicate(timeout=TIMEOUT_S)
    os.close(far)
    os.close(near)
    assert (weft.returncode, out, err) == (130, "", "\n")
