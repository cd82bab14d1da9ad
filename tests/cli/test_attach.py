"""A run that is followed from another terminal."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.cli.process import weft

GATE = """
tasks:
  early: echo so far
  late: "read word < gate; echo $word"
  bad: {run: exit 3, needs: late}
"""


def started(folder: Path, *args: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "weft", "run", *args]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def until(line: str, process: subprocess.Popen[str]) -> None:
    assert process.stderr is not None
    for told in process.stderr:
        if line in told:
            return
    raise AssertionError(f"{line} was never told")


def test_a_run_that_is_over_is_shown_as_it_was_with_the_code_that_it_had(tmp_path: Path) -> None:
    (tmp_path / "weft.yaml").write_text("tasks: {good: echo fine, bad: exit 3}")
    ran = weft("run", cwd=tmp_path)
    shown = weft("run", "--attach", cwd=tmp_path)
    assert (shown.out, shown.code) == (ran.out, ran.code) == ("fine\n", 1)
    # What comes in one turn is told in one order; the end of the log comes last in both.
    assert shown.err.splitlines()[-3:] == ran.err.splitlines()[-3:]


def test_a_run_is_followed_while_it_goes_on(tmp_path: Path) -> None:
    (tmp_path / "weft.yaml").write_text(GATE)
    os.mkfifo(tmp_path / "gate")
    running = started(tmp_path)
    until("early succeeded", running)
    following = started(tmp_path, "--attach", "latest")
    until("early succeeded", following)
    assert following.poll() is None
    (tmp_path / "gate").write_text("go\n")
    out, err = following.communicate()
    assert "go" in out
    assert "bad failed: exit code 3" in err
    running.communicate()
    assert (running.returncode, following.returncode) == (1, 1)


def test_who_only_looks_on_may_leave(tmp_path: Path) -> None:
    (tmp_path / "weft.yaml").write_text(GATE)
    os.mkfifo(tmp_path / "gate")
    running = started(tmp_path)
    until("early succeeded", running)
    following = started(tmp_path, "--attach")
    until("early succeeded", following)
    following.send_signal(signal.SIGINT)
    _, err = following.communicate()
    assert following.returncode == 130
    assert "goes on" in err
    assert running.poll() is None
    (tmp_path / "gate").write_text("go\n")
    running.communicate()
    assert running.returncode == 1


def test_a_run_whose_process_has_gone_is_said_to_have_no_end(tmp_path: Path) -> None:
    (tmp_path / "weft.yaml").write_text(GATE)
    os.mkfifo(tmp_path / "gate")
    running = started(tmp_path)
    until("early succeeded", running)
    running.kill()
    running.communicate()
    shown = weft("run", "--attach", cwd=tmp_path)
    assert shown.code == 1
    assert "has no end: its process has gone" in shown.err


def test_to_attach_and_to_run_do_not_go_together(tmp_path: Path) -> None:
    (tmp_path / "weft.yaml").write_text("tasks: {a: echo}")
    told = weft("run", "weft.yaml", "--attach", cwd=tmp_path)
    assert told.code == 2
    assert "what is `weft.yaml` for?" in told.err
