from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest
from msgspec.structs import replace

from weft.sharing.owner import Owner, is_alive, this_process


def owner_of(process: subprocess.Popen[bytes]) -> Owner:
    status = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return replace(this_process(), pid=process.pid, started=int(status[19]))


def test_we_are_alive() -> None:
    assert this_process().pid == os.getpid()
    assert is_alive(this_process())


def test_a_process_that_was_killed_is_dead_before_its_parent_has_looked_and_after() -> None:
    with subprocess.Popen(["sleep", "60"]) as process:
        owner = owner_of(process)
        assert is_alive(owner)
        process.send_signal(signal.SIGKILL)
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert is_alive(owner) is False
        process.wait()
        assert is_alive(owner) is False


def test_a_later_process_with_the_same_id_is_not_taken_for_it() -> None:
    assert is_alive(replace(this_process(), started=this_process().started - 1)) is False


@pytest.mark.parametrize("elsewhere", [{"host": "other"}, {"boot": "other"}, {"pids": "other"}])
def test_of_a_process_that_can_not_be_seen_from_here_nothing_is_said(elsewhere: dict[str, str]) -> None:
    assert is_alive(replace(this_process(), **elsewhere)) is None


def test_where_no_start_time_is_known_any_process_of_the_id_counts() -> None:
    assert is_alive(replace(this_process(), started=0)) is True


def test_the_name_of_a_program_can_not_fool_us(tmp_path: Path) -> None:
    program = tmp_path / "a) Z 1 ("
    program.symlink_to("/bin/sleep")
    with subprocess.Popen([program, "60"]) as process:
        assert is_alive(owner_of(process))
        process.kill()
