"""`weft locks`: who holds what, as people and programs are told."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import msgspec
import pytest
from tests.cli.process import TIMEOUT_S, Ended, environment, start, weft

from weft.model.lock import Hold
from weft.sharing.locks import FileLocks
from weft.sharing.owner import this_process

US = re.escape(str(this_process()))


@pytest.fixture(autouse=True)
def locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FileLocks]:
    """The locks of a user."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    held = FileLocks(tmp_path / "weft/sharing/locks")
    yield held
    held.release_all()


def told(folder: Path, *args: str, **env: str) -> Ended:
    return weft("locks", *args, cwd=folder, env=env)


def lines(folder: Path, *args: str) -> list[str]:
    ended = told(folder, *args)
    assert ended.code == 0, ended.err
    return ended.out.splitlines()


def test_holders_come_first_then_those_who_wait(locks: FileLocks, tmp_path: Path) -> None:
    locks.take("a", {"deploy": Hold.EXCLUSIVE, "index": Hold.SHARED})
    locks.take("b", {"deploy": Hold.SHARED})
    locks.take("c", {"deploy": Hold.EXCLUSIVE})
    patterns = [
        rf"deploy: held by {US} for [\d.]+ s, exclusive, token 1",
        rf"deploy: {US} has waited for [\d.]+ s, shared",
        rf"deploy: {US} has waited for [\d.]+ s, exclusive",
        rf"index: held by {US} for [\d.]+ s, shared, token 1",
    ]
    found = lines(tmp_path)
    assert len(found) == len(patterns)
    for line, pattern in zip(found, patterns, strict=True):
        assert re.fullmatch(pattern, line), line


def test_where_there_is_none_that_is_told(tmp_path: Path) -> None:
    assert lines(tmp_path) == ["no lock is held, and nobody waits for one"]
    assert lines(tmp_path, "--json") == ["[]"]


def test_names_choose_and_those_that_nobody_holds_are_free(locks: FileLocks, tmp_path: Path) -> None:
    locks.take("a", {"deploy": Hold.EXCLUSIVE, "in\ndex": Hold.SHARED})
    assert [line.partition(" for ")[0] for line in lines(tmp_path, "other", "deploy")] == [
        f"deploy: held by {this_process()}",
        "other: free",
    ]


def test_a_name_can_not_write_to_the_terminal(locks: FileLocks, tmp_path: Path) -> None:
    locks.take("a", {"in\n\x1b[31mdex": Hold.SHARED})
    (line,) = lines(tmp_path)
    assert "\x1b" not in line


def test_what_a_killed_process_has_left_is_told_as_that(tmp_path: Path) -> None:
    script = "import os, weft\nwith weft.lock('deploy'):\n  os.kill(os.getpid(), 9)"
    ended = subprocess.run([sys.executable, "-c", script], env=environment(), check=False)
    assert ended.returncode == -signal.SIGKILL
    for _ in range(2):  # to look changes nothing
        (line,) = lines(tmp_path)
        assert re.fullmatch("deploy: left behind by process .*, which has ended; it keeps nobody out", line)
    assert lines(tmp_path, "deploy", "--wait")[-1] == "deploy: free"
    (left,) = json.loads(told(tmp_path, "--json").out)
    assert (left["state"], left["alive"]) == ("left", False)


def test_a_holder_that_can_not_be_read_or_has_ended_holds_it_nevertheless(
    locks: FileLocks, tmp_path: Path
) -> None:
    locks.take("a", {"deploy": Hold.EXCLUSIVE})
    (owner,) = tmp_path.glob("weft/sharing/locks/deploy/*.owner")
    owner.write_bytes(b"{")
    assert "held by a process whose name can't be read for" in lines(tmp_path)[0]
    gone = msgspec.structs.replace(this_process(), started=1)
    owner.write_bytes(msgspec.json.encode(gone))
    assert "that has ended, but for what it has started" in lines(tmp_path)[0]


def test_programs_are_told_all_of_it(locks: FileLocks, tmp_path: Path) -> None:
    locks.take("a", {"deploy": Hold.EXCLUSIVE})
    locks.take("b", {"deploy": Hold.SHARED})
    held, wanted = json.loads(told(tmp_path, WEFT_JSON="1").out)
    assert datetime.fromisoformat(held.pop("since")) <= datetime.fromisoformat(wanted.pop("since"))
    us = {"host": this_process().host, "pid": os.getpid(), "alive": True}
    assert held == {"lock": "deploy", "state": "held", "mode": "exclusive", "token": 1, **us}
    assert wanted == {"lock": "deploy", "state": "wanted", "mode": "shared", "token": None, **us}


def test_wait_returns_when_it_is_free(locks: FileLocks, tmp_path: Path) -> None:
    locks.take("a", {"deploy": Hold.EXCLUSIVE, "other": Hold.EXCLUSIVE})
    with start("locks", "--wait", "deploy", cwd=tmp_path) as waiting:
        assert waiting.stderr is not None
        assert waiting.stderr.readline().startswith("deploy: held by")
        assert waiting.poll() is None
        locks.release("a")
        out, err = waiting.communicate(timeout=TIMEOUT_S)
    assert (out, err, waiting.returncode) == ("deploy: free\n", "", 0)


def test_wait_ends_when_a_holder_is_killed_and_by_ctrl_c(locks: FileLocks, tmp_path: Path) -> None:
    locks.take("a", {"deploy": Hold.EXCLUSIVE})
    with start("locks", "--wait", "deploy", cwd=tmp_path) as waiting:
        assert waiting.stderr is not None
        waiting.stderr.readline()
        waiting.send_signal(signal.SIGINT)
        assert waiting.wait(TIMEOUT_S) == 130


def test_wait_without_a_name_is_a_mistake(tmp_path: Path) -> None:
    ended = told(tmp_path, "--wait")
    assert ended.code == 2
    assert "--wait needs the name of a lock" in ended.err
    assert told(tmp_path, WEFT_WAIT="1").code == 0
