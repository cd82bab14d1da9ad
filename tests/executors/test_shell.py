from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from enum import StrEnum
from pathlib import Path
from threading import Thread

import pytest
from tests.executors.told import TIMEOUT_S, Told, in_a_loop

from weft.executors import result as result_module
from weft.executors.base import Spawn
from weft.executors.result import read_result
from weft.executors.shell import ShellExecutor
from weft.model.attempt import Attempt
from weft.model.outcome import Cancelled, Failed, Outcome, Succeeded
from weft.model.reason import BadResult, CancelAsked, CouldNotStart, Exited, Killed
from weft.model.work import ResultFormat

STOPPED = Cancelled(CancelAsked())
TICK_S = 0.01


class Shell:
    """A ShellExecutor at work in a folder of its own."""

    def __init__(self, folder: Path, helpers: int) -> None:
        self.folder = folder
        self.told = Told()
        self.executor = ShellExecutor(self.told, helpers=helpers, spool=f"{folder}/logs/.spool")
        self._n_started = 0

    def start(
        self,
        run: str | tuple[str, ...],
        *,
        env: dict[str, str] | None = None,
        cwd: str | None = None,
        result: ResultFormat = ResultFormat.TEXT,
    ) -> Attempt:
        attempt = Attempt(self._n_started)
        self._n_started += 1
        argv = ("/bin/sh", "-c", run) if isinstance(run, str) else run
        out, err = self.output(attempt), self.output(attempt, "err")
        job = Spawn(argv, cwd or str(self.folder), env or {}, str(out), str(err), result)
        self.executor.start(attempt, job)
        return attempt

    async def run(
        self,
        run: str | tuple[str, ...],
        *,
        env: dict[str, str] | None = None,
        cwd: str | None = None,
        result: ResultFormat = ResultFormat.TEXT,
    ) -> Outcome:
        return await self.told.of(self.start(run, env=env, cwd=cwd, result=result))

    def output(self, attempt: Attempt, kind: str = "out") -> Path:
        return self.folder / "logs" / f"{attempt.task}.{kind}"

    @property
    def spooled(self) -> list[Path]:
        return sorted(self.folder.glob("logs/.spool/*"))

    def read(self, name: str) -> str:
        return (self.folder / name).read_text()


@asynccontextmanager
async def shell(folder: Path, helpers: int = 1) -> AsyncIterator[Shell]:
    at_work = Shell(folder, helpers)
    try:
        yield at_work
    finally:
        await at_work.executor.close()


def runs(pid: int) -> bool:
    """Whether a process exists and is not a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def children() -> list[int]:
    """The spawn helpers of this process: its children but for those of the process executor."""
    pids = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return [int(pid) for pid in pids if b"multiprocessing" not in Path(f"/proc/{pid}/cmdline").read_bytes()]


def appears(path: Path) -> Callable[[], bool]:
    return lambda: path.exists() and path.read_text().endswith("\n")


async def until(true: Callable[[], bool]) -> None:
    """Other processes tell a test nothing: it has to look."""
    async with asyncio.timeout(TIMEOUT_S):
        while not true():  # noqa: ASYNC110  # there is no event to wait for
            await asyncio.sleep(TICK_S)


def write(folder: Path, data: bytes) -> str:
    path = folder / "output"
    path.write_bytes(data)
    return str(path)


def complaint(outcome: Outcome) -> str:
    assert isinstance(outcome, Failed)
    assert isinstance(outcome.because, BadResult | CouldNotStart)
    return outcome.because.message


# How commands end.


@in_a_loop
async def test_a_command_that_exits_with_0_succeeds_with_its_output(tmp_path: Path) -> None:
    async with shell(tmp_path) as sh:
        assert await sh.run("echo hello; echo noise >&2") == Succeeded("hello")
        assert sh.read("logs/0.out") == "hello\n"
        assert sh.read("logs/0.err") == "noise\n"


@in_a_loop
async def test_a_command_that_exits_otherwise_fails_with_its_code(tmp_path: Path) -> None:
    async with shell(tmp_path) as sh:
        assert await sh.run("exit 3") == Failed(Exited(3))


@in_a_loop
async def test_a_command_that_dies_of_a_signal_fails_with_the_signal(tmp_path: Path) -> None:
    async with shell(tmp_path) as sh:
        assert await sh.run("kill -SEGV $$") == Failed(Killed(signal.SIGSEGV))


@in_a_loop
async def test_a_bad_result_fails_a_command_that_exited_with_0(tmp_path: Path) -> None:
    async with shell(tmp_path) as sh:
        assert "line 1 column 7" in complaint(await sh.run("echo '{\"a\": }'", result=ResultFormat.JSON))


@in_a_loop
async def test_a_missing_program_is_named(tmp_path: Path) -> None:
    async with shell(tmp_path) as sh:
        outcome = await sh.run(("no-such-thing", "x"))
        assert outcome == Failed(CouldNotStart("no such program: no-such-thing"))


@in_a_loop
async def test_a_missing_directory_is_named(tmp_path: Path) -> None:
    async with shell(tmp_path) as sh:
        gone = str(tmp_path / "gone")
        assert await sh.run("true", cwd=gone) == Failed(CouldNotStart(f"no such directory: {gone}"))


@in_a_loop
async def test_what_can_not_be_run_is_told_apart(tmp_path: Path) -> None:
    plain, script, bare = tmp_path / "plain", tmp_path / "script", tmp_path / "bare"
    plain.write_text("data")
    script.write_text("#!/no/such/shell\n")
    bare.write_text("echo no first line\n")
    script.chmod(0o755)
    bare.chmod(0o755)
    async with shell(tmp_path) as sh:
        assert complaint(await sh.run((str(plain),))) == f"can't run {plain}: Permission denied"
        assert "interpreter in the first line" in complaint(await sh.run((str(script),)))
        assert "first line like #!/bin/sh" in complaint(await sh.run((str(bare),)))
        assert "not to be passed" in complaint(await sh.run(("echo", "a\0b")))
        assert "not to be passed" in complaint(await sh.run(()))


@in_a_loop
async def test_output_that_can_not_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("in the way")
    async with shell(tmp_path) as sh:
        assert "can't write the output" in complaint(await sh.run("true"))


# What commands see.


@in_a_loop
async def test_the_environment_is_the_inherited_one_and_what_is_added(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEFT_TEST_KEPT", "kept")
    monkeypatch.setenv("WEFT_TEST_CHANGED", "before")
    async with shell(tmp_path) as sh:
        added = {"WEFT_TEST_CHANGED": "after", "WEFT_TEST_ADDED": "é\n="}
        await sh.run(("env", "-0"), env=added)
        seen = dict(line.split("=", 1) for line in sh.read("logs/0.out").split("\0") if line)
    assert seen == {**os.environ, **added}


@in_a_loop
async def test_a_program_is_looked_up_in_the_path_of_its_task(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "tool").write_text(f"#!/bin/sh\necho {folder}\n")
        (tmp_path / folder / "tool").chmod(0o755)
    async with shell(tmp_path) as sh:
        assert await sh.run(("tool",), env={"PATH": f"{tmp_path}/a:{tmp_path}/b"}) == Succeeded("a")
        assert await sh.run(("tool",), env={"PATH": f"{tmp_path}/none:{tmp_path}/b"}) == Succeeded("b")
        assert await sh.run(("tool",), env={"PATH": "b"}) == Succeeded("b")
        assert await sh.run(("tool",)) == Failed(CouldNotStart("no such program: tool"))


@in_a_loop
async def test_a_program_that_a_command_has_just_made_is_found(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
    path = {"PATH": f"{tmp_path}/a:{tmp_path}/b:{os.environ['PATH']}"}
    make = "printf '#!/bin/sh\necho {0}\n' > {0}/tool; chmod +x {0}/tool"
    async with shell(tmp_path) as sh:
        for folder in ("b", "a"):
            await sh.run(make.format(folder))
            assert await sh.run(("tool",), env=path) == Succeeded(folder)


@in_a_loop
async def test_what_bears_the_name_of_a_program_and_is_none_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "a" / "tool").mkdir(parents=True)
    (tmp_path / "b").mkdir()
    tool = tmp_path / "b" / "tool"
    tool.write_text("#!/bin/sh\necho b\n")
    path = {"PATH": f"{tmp_path}/a:{tmp_path}/b"}
    async with shell(tmp_path) as sh:
        assert complaint(await sh.run(("tool",), env=path)) == "can't run tool: Permission denied"
        tool.chmod(0o755)
        assert await sh.run(("tool",), env=path) == Succeeded("b")


@in_a_loop
async def test_a_directory_made_anew_is_entered_anew(tmp_path: Path) -> None:
    work = tmp_path / "work"
    async with shell(tmp_path) as sh:
        for name in ("first", "second"):
            work.mkdir()
            (work / name).touch()
            assert await sh.run("ls", cwd=str(work)) == Succeeded(name)
            (work / name).unlink()
            work.rmdir()


@in_a_loop
async def test_standard_input_is_empty(tmp_path: Path) -> None:
    async with shell(tmp_path) as sh:
        assert await sh.run("wc -c; readlink /proc/self/fd/0") == Succeeded("0\n/dev/null")


@in_a_loop
async def test_a_command_holds_no_other_file_than_its_own_three(tmp_path: Path) -> None:
    async with shell(tmp_path) as sh:
        await sh.run("ls /proc/$$/fd", result=ResultFormat.LINES)
        assert await sh.run("ls /proc/$$/fd", result=ResultFormat.LINES) == Succeeded(["0", "1", "2"])


@in_a_loop
async def test_no_signal_is_ignored_or_blocked(tmp_path: Path) -> None:
    async with shell(tmp_path) as sh:
        masks = await sh.run("grep -E 'SigBlk|SigIgn' /proc/self/status", result=ResultFormat.LINES)
    assert isinstance(masks, Succeeded)
    blocked, ignored = (int(line.split()[1], 16) for line in masks.value)
    # Numbers 32 and 33 belong to the C library, which sees to it itself that nobody receives them.
    assert (blocked, ignored & ~(0b11 << 31)) == (0, 0)


@in_a_loop
async def test_a_command_leads_its_own_session_and_group(tmp_path: Path) -> None:
    async with shell(tmp_path) as sh:
        outcome = await sh.run("echo $$; cut -d' ' -f5,6 /proc/$$/stat", result=ResultFormat.LINES)
    assert isinstance(outcome, Succeeded)
    pid, group_and_session = outcome.value
    assert group_and_session == f"{pid} {pid}"


@in_a_loop
async def test_arguments_arrive_as_they_are(tmp_path: Path) -> None:
    odd = ["", "two\nlines", "a b'\"$x", "é", "\udcff", "-n", "x" * 100_000]
    echo = "import os, sys; os.write(1, b'\\0'.join(map(os.fsencode, sys.argv[1:])))"
    async with shell(tmp_path) as sh:
        attempt = sh.start((sys.executable, "-c", echo, *odd), result=ResultFormat.NONE)
        assert await sh.told.of(attempt) == Succeeded(None)
        assert sh.output(attempt).read_bytes() == b"\0".join(map(os.fsencode, odd))
        assert "not to be passed" in complaint(await sh.run(("echo", "\ud800")))
        assert complaint(await sh.run(("\udcff\n",))) == "no such program: \\udcff\n"


class Mode(StrEnum):
    """A string that is not only a string."""

    FAST = "fast"


@in_a_loop
async def test_the_members_of_an_enum_arrive_as_their_strings(tmp_path: Path) -> None:
    async with shell(tmp_path) as sh:
        said = await sh.run(("/bin/sh", "-c", 'echo "$1 $MODE"', "sh", Mode.FAST), env={"MODE": Mode.FAST})
        assert said == Succeeded("fast fast")


# Where output goes.


@in_a_loop
async def test_one_file_takes_both_outputs_in_order(tmp_path: Path) -> None:
    async with shell(tmp_path) as sh:
        both = str(tmp_path / "both")
        argv = ("/bin/sh", "-c", "echo 1; echo 2 >&2; echo 3")
        sh.executor.start(Attempt(0), Spawn(argv, str(tmp_path), {}, both, both, ResultFormat.LINES))
        assert await sh.told.of(Attempt(0)) == Succeeded(["1", "2", "3"])


@in_a_loop
async def test_much_output_is_no_trouble(tmp_path: Path) -> None:
    async with shell(tmp_path) as sh:
        attempt = sh.start("head -c 10000000 /dev/zero", result=ResultFormat.NONE)
        assert await sh.told.of(attempt) == Succeeded(None)
        assert sh.output(attempt).stat().st_size == 10_000_000


@in_a_loop
async def test_a_command_that_writes_nothing_leaves_nothing(tmp_path: Path) -> None:
    async with shell(tmp_path) as sh:
        for _ in range(10):
            assert await sh.run("true") == Succeeded("")
        assert len(sh.spooled) <= 2
        await sh.run("echo problem >&2")
        assert not sh.output(Attempt(10)).exists()
        assert sh.read("logs/10.err") == "problem\n"
    assert os.listdir(tmp_path / "logs") == ["10.err"]


@in_a_loop
async def test_output_is_seen_while_the_command_runs(tmp_path: Path) -> None:
    async with shell(tmp_path) as sh:
        attempt = sh.start("echo begun; until [ -e go ]; do sleep 0.01; done; echo ended")
        await until(appears(sh.output(attempt)))
        assert sh.output(attempt).read_text() == "begun\n"
        assert sh.output(attempt, "err").read_text() == ""
        (tmp_path / "go").touch()
        assert await sh.told.of(attempt) == Succeeded("begun\nended")
        assert sh.output(attempt).read_text() == "begun\nended\n"


@in_a_loop
async def test_what_a_command_wrote_before_it_was_killed_is_kept(tmp_path: Path) -> None:
    async with shell(tmp_path) as sh:
        assert await sh.run("echo last words; kill -KILL $$") == Failed(Killed(signal.SIGKILL))
        assert sh.read("logs/0.out") == "last words\n"


@in_a_loop
async def test_what_earlier_attempts_wrote_is_put_away(tmp_path: Path) -> None:
    out, err = str(tmp_path / "out"), str(tmp_path / "err")
    async with shell(tmp_path) as sh:
        for number, script in enumerate(["echo one; echo >&2", "echo two", ":", "echo four"], start=1):
            earlier = (f"{out}.{number - 1}", f"{err}.{number - 1}") if number > 1 else None
            argv = ("/bin/sh", "-c", script)
            job = Spawn(argv, str(tmp_path), {}, out, err, ResultFormat.TEXT, earlier)
            sh.executor.start(Attempt(0, number), job)
            assert isinstance(await sh.told.of(Attempt(0, number)), Succeeded)
        assert [sh.read(name) for name in ("out.1", "err.1", "out.2", "out")] == [
            "one\n",
            "\n",
            "two\n",
            "four\n",
        ]
    assert not {"err.2", "err.3", "out.3", "err"} & {*os.listdir(tmp_path)}


@in_a_loop
async def test_when_there_is_no_room_for_earlier_output_the_command_does_not_start(tmp_path: Path) -> None:
    (tmp_path / "out").touch()
    (tmp_path / "taken").mkdir()
    async with shell(tmp_path) as sh:
        out, taken = str(tmp_path / "out"), str(tmp_path / "taken")
        job = Spawn(("true",), str(tmp_path), {}, out, out, ResultFormat.NONE, (taken, taken))
        sh.executor.start(Attempt(0, 2), job)
        assert "can't move the output" in complaint(await sh.told.of(Attempt(0, 2)))


@in_a_loop
async def test_what_a_daemon_writes_late_stands_where_its_command_wrote(tmp_path: Path) -> None:
    async with shell(tmp_path) as sh:
        daemon = "touch gone; until [ -e go ]; do sleep 0.01; done; echo late; echo > done"
        # What has not left the group of its command by the end of that is ended with it.
        await sh.run(f"setsid -f sh -c '{daemon}'; until [ -e gone ]; do sleep 0.01; done")
        assert [await sh.run("true") for _ in range(5)] == [Succeeded("")] * 5
        (tmp_path / "go").touch()
        await until(appears(tmp_path / "done"))
        assert sh.read("logs/0.out") == "late\n"
        assert [sh.output(Attempt(n)).exists() for n in range(1, 6)] == [False] * 5


HAND_OVER = """
import socket, sys
with socket.socket(socket.AF_UNIX) as there:
    there.connect(sys.argv[1])
    socket.send_fds(there, [b"!"], [1])
"""


@in_a_loop
async def test_an_output_that_was_handed_to_a_stranger_is_given_to_nobody_else(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "socket"))
        listening.listen()
        async with shell(tmp_path) as sh:
            await sh.run((sys.executable, "-c", HAND_OVER, str(tmp_path / "socket")))
            stranger, _ = listening.accept()
            with stranger:
                _, (handed,), _, _ = socket.recv_fds(stranger, 1, 1)
            assert [await sh.run("true") for _ in range(5)] == [Succeeded("")] * 5
            os.write(handed, b"late\n")
            os.close(handed)
            assert sh.read("logs/0.out") == "late\n"
            assert [sh.output(Attempt(n)).exists() for n in range(1, 6)] == [False] * 5


@in_a_loop
async def test_a_command_that_removes_the_folder_of_its_output_harms_nobody(tmp_path: Path) -> None:
    async with shell(tmp_path) as sh:
        await sh.run("true")
        assert await sh.run("rm -r logs; echo gone") == Succeeded("gone")
        assert await sh.run("echo here") == Succeeded("here")
        assert [sh.read(f"logs/{n}.out") for n in (1, 2)] == ["gone\n", "here\n"]


@in_a_loop
async def test_output_that_can_not_be_put_in_its_place_is_told_and_kept(tmp_path: Path) -> None:
    async with shell(tmp_path) as sh:
        sh.output(Attempt(0)).mkdir(parents=True)
        message = complaint(await sh.run("echo kept"))
        (kept,) = (path for path in sh.spooled if path.stat().st_size)
        assert message == f"can't move the output from {kept} to {tmp_path}/logs/0.out: Is a directory"
        assert kept.read_text() == "kept\n"
        sh.output(Attempt(1)).mkdir(parents=True)
        assert await sh.run("echo; exit 3") == Failed(Exited(3))


# Stopping.


@in_a_loop
async def test_a_polite_stop_lets_a_command_clean_up(tmp_path: Path) -> None:
    async with shell(tmp_path) as sh:
        attempt = sh.start("trap 'echo bye > bye; exit 0' TERM; echo > begun; while :; do sleep 0.01; done")
        await until(appears(tmp_path / "begun"))
        sh.executor.stop(attempt, force=False)
        assert await sh.told.of(attempt) == STOPPED
        assert sh.read("bye") == "bye\n"


@in_a_loop
async def test_a_command_that_ignores_a_polite_stop_is_stopped_by_force(tmp_path: Path) -> None:
    async with shell(tmp_path) as sh:
        deaf = sh.start("trap '' TERM; echo > begun; while :; do sleep 0.01; done")
        await until(appears(tmp_path / "begun"))
        sh.executor.stop(deaf, force=False)
        assert await sh.run("echo still here") == Succeeded("still here")
        assert deaf not in sh.told.outcomes
        sh.executor.stop(deaf, force=True)
        assert await sh.told.of(deaf) == STOPPED


@in_a_loop
async def test_a_suspended_command_is_stopped_politely(tmp_path: Path) -> None:
    async with shell(tmp_path) as sh:
        attempt = sh.start("echo $$ > begun; kill -STOP $$; sleep 1000")
        await until(appears(tmp_path / "begun"))
        await until(lambda: " T " in Path(f"/proc/{sh.read('begun').strip()}/stat").read_text())
        sh.executor.stop(attempt, force=False)
        assert await sh.told.of(attempt) == STOPPED


@in_a_loop
async def test_a_stop_right_after_the_start_stops(tmp_path: Path) -> None:
    async with shell(tmp_path) as sh:
        attempt = sh.start("sleep 1000")
        sh.executor.stop(attempt, force=False)
        assert await sh.told.of(attempt) == STOPPED


@in_a_loop
async def test_a_stop_that_comes_too_late_changes_nothing(tmp_path: Path) -> None:
    async with shell(tmp_path) as sh:
        attempt = sh.start("true")
        assert await sh.told.of(attempt) == Succeeded("")
        sh.executor.stop(attempt, force=True)
        sh.executor.stop(Attempt(99), force=True)
        assert await sh.run("true") == Succeeded("")


@in_a_loop
async def test_a_stop_reaches_the_whole_group(tmp_path: Path) -> None:
    async with shell(tmp_path) as sh:
        attempt = sh.start("sleep 1000 & echo $! > grandchild; wait")
        await until(appears(tmp_path / "grandchild"))
        sh.executor.stop(attempt, force=False)
        await sh.told.of(attempt)
        await until(lambda: not runs(int(sh.read("grandchild"))))


# Grandchildren.


@in_a_loop
async def test_a_grandchild_that_holds_the_output_open_delays_nothing_and_goes(tmp_path: Path) -> None:
    async with shell(tmp_path) as sh:
        assert await sh.run("(trap '' TERM HUP; exec sleep 1000) & echo $!") != Succeeded("")
        await until(lambda: not runs(int(sh.read("logs/0.out"))))


@in_a_loop
async def test_a_grandchild_that_left_its_group_goes_with_the_executor(tmp_path: Path) -> None:
    async with shell(tmp_path) as sh:
        leave = "setsid -f sh -c 'echo $$ > far; exec sleep 1000'"
        assert await sh.run(f"{leave}; until [ -s far ]; do sleep 0.01; done") == Succeeded("")
        assert runs(int(sh.read("far")))
    assert not runs(int(sh.read("far")))


# It leaves its group, and the marked one its parent, too; both say who they are.
LEAVE = "setsid sh -c 'trap \"\" TERM; echo $$ > far; while :; do sleep 0.01; done'"


def mark(task: str) -> dict[str, str]:
    return {"WEFT_RUN_ID": "run", "WEFT_TASK_ID": task}


@pytest.mark.parametrize(
    "script",
    [f"trap '' TERM; {LEAVE} & wait; wait", f"trap '' TERM; ({LEAVE} &); while :; do sleep 0.01; done"],
    ids=["a child", "an orphan"],
)
@in_a_loop
async def test_force_ends_what_has_left_the_group_of_the_command(script: str, tmp_path: Path) -> None:
    async with shell(tmp_path) as sh:
        attempt = sh.start(script, env=mark("a"))
        await until(appears(tmp_path / "far"))
        sh.executor.stop(attempt, force=True)
        assert await sh.told.of(attempt) == STOPPED
        await until(lambda: not runs(int(sh.read("far"))))


@in_a_loop
async def test_what_a_politely_stopped_command_leaves_behind_is_ended(tmp_path: Path) -> None:
    async with shell(tmp_path) as sh:
        attempt = sh.start(f"{LEAVE} & wait", env=mark("a"))
        await until(appears(tmp_path / "far"))
        sh.executor.stop(attempt, force=False)
        assert await sh.told.of(attempt) == STOPPED
        await until(lambda: not runs(int(sh.read("far"))))


@in_a_loop
async def test_a_polite_stop_reaches_other_groups_of_the_session(tmp_path: Path) -> None:
    inner = "trap 'echo > bye; exit' TERM; echo \\$\\$ > pid; while :; do sleep 0.01; done"
    script = f'trap "" TERM; timeout 1000 sh -c "{inner}"; echo > over'  # `timeout` makes a group
    async with shell(tmp_path) as sh:
        attempt = sh.start(script)
        await until(appears(tmp_path / "pid"))
        sh.executor.stop(attempt, force=False)
        assert await sh.told.of(attempt) == STOPPED
        assert sh.read("bye") == sh.read("over") == "\n"


@in_a_loop
async def test_stopping_one_command_leaves_alone_what_another_has_left_behind(tmp_path: Path) -> None:
    leave = "setsid -f sh -c 'echo $$ > {0}; exec sleep 1000'; until [ -s {0} ]; do sleep 0.01; done"
    async with shell(tmp_path) as sh:
        assert await sh.run(leave.format("a"), env=mark("a")) == Succeeded("")
        stopped = sh.start(leave.format("b") + "; sleep 1000", env=mark("b"))
        await until(appears(tmp_path / "b"))
        sh.executor.stop(stopped, force=True)
        assert await sh.told.of(stopped) == STOPPED
        await until(lambda: not runs(int(sh.read("b"))))
        assert runs(int(sh.read("a")))


@in_a_loop
async def test_a_command_that_has_ended_by_itself_keeps_its_daemon(tmp_path: Path) -> None:
    async with shell(tmp_path) as sh:
        leave = "setsid -f sh -c 'echo $$ > far; exec sleep 1000'; until [ -s far ]; do sleep 0.01; done"
        assert await sh.run(f"{leave}; exit 3", env=mark("a")) == Failed(Exited(3))
        assert await sh.run("true", env=mark("a")) == Succeeded("")
        assert runs(int(sh.read("far")))


# Helper processes.


@in_a_loop
async def test_many_commands_through_two_helpers_all_end_once(tmp_path: Path) -> None:
    async with shell(tmp_path, helpers=2) as sh:
        attempts = [sh.start(f"echo {n}; exit {n % 2}") for n in range(200)]
        assert len(children()) == 2
        for n, attempt in enumerate(attempts):
            outcome = await sh.told.of(attempt)
            assert outcome == (Failed(Exited(1)) if n % 2 else Succeeded(str(n)))


@in_a_loop
async def test_a_second_helper_starts_only_when_the_first_is_busy(tmp_path: Path) -> None:
    async with shell(tmp_path, helpers=4) as sh:
        assert not children()
        for _ in range(3):
            await sh.run("true")
        assert len(children()) == 1
        sleeping = [sh.start("sleep 1000") for _ in range(2)]
        assert len(children()) == 2
        for attempt in sleeping:
            sh.executor.stop(attempt, force=True)
            await sh.told.of(attempt)


@in_a_loop
async def test_more_than_the_socket_holds_arrives(tmp_path: Path) -> None:
    async with shell(tmp_path) as sh:
        attempts = [sh.start(("true", "x" * 100_000)) for _ in range(50)]
        for attempt in attempts:
            assert await sh.told.of(attempt) == Succeeded("")


@in_a_loop
async def test_when_a_helper_is_killed_its_commands_fail_and_go_and_the_next_one_starts(
    tmp_path: Path,
) -> None:
    async with shell(tmp_path) as sh:
        attempt = sh.start("echo $$ > pid; exec sleep 1000")
        await until(appears(tmp_path / "pid"))
        (helper,) = children()
        await until(lambda: sh.executor._helpers[0].running[1].pid is not None)
        os.kill(helper, signal.SIGKILL)
        assert await sh.told.of(attempt) == Failed(Killed(signal.SIGKILL))
        await until(lambda: not runs(int(sh.read("pid"))))
        assert await sh.run("echo again") == Succeeded("again")


@in_a_loop
async def test_when_a_helper_is_killed_what_left_the_groups_of_its_commands_goes(tmp_path: Path) -> None:
    async with shell(tmp_path) as sh:
        attempt = sh.start(f"({LEAVE} &); sleep 1000", env=mark("a"))
        await until(appears(tmp_path / "far"))
        os.kill(children()[0], signal.SIGKILL)
        await sh.told.of(attempt)
        await until(lambda: not runs(int(sh.read("far"))))


@in_a_loop
async def test_a_helper_that_dies_before_it_tells_of_a_start_fails_the_start(tmp_path: Path) -> None:
    async with shell(tmp_path) as sh:
        attempt = sh.start("true")
        os.kill(children()[0], signal.SIGKILL)
        assert "died before" in complaint(await sh.told.of(attempt))


@in_a_loop
async def test_a_helper_is_deaf_to_polite_signals(tmp_path: Path) -> None:
    async with shell(tmp_path) as sh:
        await sh.run("true")
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            os.kill(children()[0], number)
        assert await sh.run("true") == Succeeded("")


@in_a_loop
async def test_without_an_interpreter_commands_can_not_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    async with shell(tmp_path) as sh:
        assert "can't start a process that starts commands" in complaint(await sh.run("true"))


@in_a_loop
async def test_closing_what_was_never_used_is_fine(tmp_path: Path) -> None:
    async with shell(tmp_path):
        pass
    assert not children()


@in_a_loop
async def test_closing_ends_what_still_runs_and_tells_so(tmp_path: Path) -> None:
    async with shell(tmp_path, helpers=2) as sh:
        deaf = sh.start("trap '' TERM; echo $$ > pid; while :; do sleep 0.01; done")
        polite = sh.start("sleep 1000")
        await until(appears(tmp_path / "pid"))
    assert sh.told.outcomes == {deaf: STOPPED, polite: STOPPED}
    assert not runs(int(sh.read("pid")))


@in_a_loop
async def test_nothing_is_left_open_after_closing(tmp_path: Path) -> None:
    before = set(os.listdir("/proc/self/fd"))
    for _ in range(3):
        async with shell(tmp_path, helpers=3) as sh:
            for attempt in [sh.start("true") for _ in range(10)]:
                await sh.told.of(attempt)
    assert set(os.listdir("/proc/self/fd")) == before
    assert not children()


def test_it_works_in_the_loop_of_another_thread(tmp_path: Path) -> None:
    outcomes: list[Outcome] = []

    @in_a_loop
    async def work() -> None:
        async with shell(tmp_path, helpers=2) as sh:
            outcomes.append(await sh.run("echo here"))

    thread = Thread(target=work)
    thread.start()
    thread.join(TIMEOUT_S)
    assert outcomes == [Succeeded("here")]


# A Weft process that is killed. It has a forked child of its own, which keeps the socket open.
DOOMED = """
import asyncio, os, time
from weft.executors.base import Spawn
from weft.executors.shell import ShellExecutor
from weft.model.attempt import Attempt

async def main():
    here = os.getcwd()
    executor = ShellExecutor(print, helpers=2, spool=f"{here}/.spool")
    scripts = [
        "echo $$ > polite; exec sleep 1000",
        "trap '' TERM; echo $$ > deaf; while :; do sleep 0.01; done",
        "sleep 1000 & echo $! > grandchild; wait",
        "setsid -f sh -c 'echo $$ > far; exec sleep 1000'; echo $$ > near; exec sleep 1000",
    ]
    for n, script in enumerate(scripts):
        argv = ("/bin/sh", "-c", script)
        executor.start(Attempt(n), Spawn(argv, here, {}, f"{here}/{n}.out", f"{here}/{n}.err"))
    await asyncio.sleep(0)
    forked = os.fork()
    if not forked:
        time.sleep(1000)
    with open("forked", "w") as told:
        print(forked, file=told)
    await asyncio.sleep(1000)

asyncio.run(main())
"""


@in_a_loop
async def test_when_weft_is_killed_everything_it_started_goes(tmp_path: Path) -> None:
    names = ["polite", "deaf", "grandchild", "far", "near", "forked"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    weft = subprocess.Popen(  # noqa: ASYNC220  # nothing else is in this loop
        [sys.executable, "-c", DOOMED], cwd=tmp_path, env=environment
    )
    try:
        for name in names:
            await until(appears(tmp_path / name))
    finally:
        weft.kill()
        weft.wait()
    pids = {name: int((tmp_path / name).read_text()) for name in names}
    try:
        await until(lambda: not any(runs(pid) for name, pid in pids.items() if name != "forked"))
    finally:
        os.kill(pids["forked"], signal.SIGKILL)


# A wish for patience.


@pytest.mark.parametrize(
    ("script", "asked_s"),
    [
        ("echo 'weft: retry-after 12' >&2; exit 1", 12.0),
        ("echo 'weft: retry-after 0.5'; exit 1", 0.5),
        ("echo 'weft: retry-after 3'; echo busy >&2; kill -KILL $$", 3.0),
        ("echo 'weft: retry-after 3'; echo 'weft: retry-after 4' >&2; exit 1", 4.0),
        ("head -c 1000000 /dev/zero; printf '\\n  weft: retry-after  7 \\r\\n\\n'; exit 1", 7.0),
        ("echo 'weft: retry-after 3'; echo more; exit 1", None),
        ("echo 'weft: retry-after soon'; exit 1", None),
        ("echo 'weft: retry-after -1'; exit 1", None),
        ("echo 'weft: retry-after inf'; exit 1", None),
        ("echo 'weft: retry-after'; exit 1", None),
        ("exit 1", None),
    ],
)
@in_a_loop
async def test_the_last_line_of_a_failure_says_when_to_try_again(
    script: str, asked_s: float | None, tmp_path: Path
) -> None:
    async with shell(tmp_path) as sh:
        outcome = await sh.run(script)
    assert isinstance(outcome, Failed)
    assert outcome.retry_after_s == asked_s


# Results.


@pytest.mark.parametrize(
    ("output", "text", "lines"),
    [
        (b"", "", []),
        (b"\n", "", [""]),
        (b"one", "one", ["one"]),
        (b"one\n", "one", ["one"]),
        (b"one\n\n", "one\n", ["one", ""]),
        (b"one\r\ntwo\r\n", "one\r\ntwo", ["one", "two"]),
        ("a\u2028b\x0cc\n".encode(), "a\u2028b\x0cc", ["a\u2028b\x0cc"]),
    ],
)
def test_text_and_lines_lose_the_last_line_break_only(
    output: bytes, text: str, lines: list[str], tmp_path: Path
) -> None:
    path = write(tmp_path, output)
    assert read_result(path, ResultFormat.TEXT) == Succeeded(text)
    assert read_result(path, ResultFormat.LINES) == Succeeded(lines)


def test_json_is_one_document(tmp_path: Path) -> None:
    document = {"names": ["é", None, True], "big": 10**40, "small": 1.5}
    path = write(tmp_path, json.dumps(document, indent=1).encode() + b"\n")
    assert read_result(path, ResultFormat.JSON) == Succeeded(document)


@pytest.mark.parametrize(
    ("output", "message"),
    [
        (b"", "is empty"),
        (b"\n", "is empty"),
        (b'{"a": 1\n"b": 2}', "line 2 column 1"),
        (b"1 2", "line 1 column 3"),
        (b"NaN", "invalid character"),
        (b"[" * 100_000, "nested too deeply"),
        (b'"\xff"', "not UTF-8"),
    ],
)
def test_json_that_is_broken_is_told_with_the_place(output: bytes, message: str, tmp_path: Path) -> None:
    assert message in complaint(read_result(write(tmp_path, output), ResultFormat.JSON))


@pytest.mark.parametrize("format", [ResultFormat.TEXT, ResultFormat.LINES, ResultFormat.JSON])
def test_output_that_is_not_utf8_is_a_bad_result_with_the_line(format: ResultFormat, tmp_path: Path) -> None:
    message = complaint(read_result(write(tmp_path, b"fine\n\xe9t\xe9"), format))
    assert message == "the output is not UTF-8: byte 0xe9 in line 2"


def test_without_a_format_the_output_is_not_read(tmp_path: Path) -> None:
    assert read_result(str(tmp_path / "missing"), ResultFormat.NONE) == Succeeded(None)


def test_without_a_file_there_was_no_output(tmp_path: Path) -> None:
    path = str(tmp_path / "missing")
    assert read_result(path, ResultFormat.TEXT) == Succeeded("")
    assert read_result(path, ResultFormat.LINES) == Succeeded([])
    assert "is empty" in complaint(read_result(path, ResultFormat.JSON))


def test_output_that_can_not_be_read_is_a_bad_result(tmp_path: Path) -> None:
    assert "can't read" in complaint(read_result(str(tmp_path), ResultFormat.TEXT))


def test_the_largest_result_is_read_and_one_byte_more_is_not(tmp_path: Path) -> None:
    path = tmp_path / "output"
    for size, message in ((result_module.LARGEST_BYTES, ""), (result_module.LARGEST_BYTES + 1, "64 MiB")):
        with path.open("wb") as output:
            output.truncate(size)
        outcome = read_result(str(path), ResultFormat.TEXT)
        if message:
            assert message in complaint(outcome)
        else:
            assert isinstance(outcome, Succeeded)
