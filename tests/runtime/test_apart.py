"""Tasks that work in places of their own, through whole runs: real files, real commands."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.executors.told import in_a_loop
from tests.runtime.places import COPY, DIRECTORY, calls, does, open_below, run
from tests.workspaces.trees import make, seen, texts

import weft
from weft.model.group import Group
from weft.model.outcome import Cancelled, Failed, Skipped, Succeeded
from weft.model.policy import Policy
from weft.model.reason import (
    CancelAsked,
    Exited,
    GroupLost,
    Interrupted,
    MergeConflict,
    NotMerged,
    ReadonlyChanged,
    SetupFailed,
    TimedOut,
    WroteUndeclared,
)
from weft.model.refusal import InUse
from weft.model.retry import Retry
from weft.model.timeout import Timeout
from weft.model.work import Command, Where
from weft.model.workspace import Merge, MergeAt, MergePolicy, Workspace, WorkspaceKind
from weft.runtime.engine import Engine
from weft.scheduling.facts import AttemptStarted, Fact, MergeStarted
from weft.scheduling.states import RunState
from weft.workspaces.left import Left
from weft.workspaces.record import State

HASTY = Policy(grace_s=0.2)


async def until(is_so: Callable[[], object]) -> None:
    while not is_so():  # noqa: ASYNC110  # there is no event to wait for
        await asyncio.sleep(0.001)


KINDS = [WorkspaceKind.COPY, WorkspaceKind.DIRECTORY]
every_kind = pytest.mark.parametrize("kind", WorkspaceKind)
private_kinds = pytest.mark.parametrize("kind", KINDS)


# What all kinds promise, through a run


@every_kind
def test_what_a_task_writes_is_in_the_plan_when_its_followers_start(
    kind: WorkspaceKind, tmp_path: Path
) -> None:
    ran = run(
        tmp_path,
        does("a", "mkdir -p d && echo new > d/x", Workspace(kind), writes="d/x"),
        does("b", "cat d/x > y", None, reads="d/x", writes="y"),
    )
    assert ran.report.state is RunState.SUCCEEDED
    assert texts(tmp_path) == {"d/x": "new\n", "y": "new\n"}


@every_kind
def test_a_command_begins_in_its_workspace_and_is_told_of_it(kind: WorkspaceKind, tmp_path: Path) -> None:
    ran = run(tmp_path, does("a", 'pwd > told; echo "$WEFT_WORKSPACE" >> told', Workspace(kind)))
    told = (tmp_path / "told").read_text().split()
    place = tmp_path if kind is WorkspaceKind.SHARED else ran.folder / "a/workspace"
    assert told == [str(place), str(place)]


@every_kind
def test_what_fails_leaves_the_plan_alone_if_it_worked_apart(kind: WorkspaceKind, tmp_path: Path) -> None:
    ran = run(tmp_path, does("a", "echo new > x; exit 3", Workspace(kind)), files={"x": "old"})
    assert ran.report.outcomes["a"] == Failed(Exited(3))
    assert (texts(tmp_path)["x"] == "old") is (kind is not WorkspaceKind.SHARED)


@private_kinds
def test_what_failed_is_kept(kind: WorkspaceKind, tmp_path: Path) -> None:
    ran = run(tmp_path, does("a", "echo new > x; exit 3", Workspace(kind)))
    assert (ran.folder / "a/workspace/x").read_text() == "new\n"
    assert ran.state("a") is State.UNMERGED


@private_kinds
def test_of_two_that_write_the_same_the_second_fails_and_both_are_kept(
    kind: WorkspaceKind, tmp_path: Path
) -> None:
    place = Workspace(kind)
    ran = run(
        tmp_path, *(does(name, f"echo {name} > x", place, writes="x") for name in "ab"), files={"x": "old"}
    )
    where = f".weft/runs/{ran.folder.name}/b/workspace"
    assert ran.report.outcomes == {"a": Succeeded(), "b": Failed(MergeConflict(("x",), where))}
    assert (tmp_path / "x").read_text() == "a\n"
    assert (tmp_path / where / "x").read_text() == "b\n"
    assert (ran.state("a"), ran.state("b")) == (State.MERGED, State.CONFLICTED)


@every_kind
@pytest.mark.parametrize("where", Where)
def test_a_function_is_told_where_it_works(kind: WorkspaceKind, where: Where, tmp_path: Path) -> None:
    function = write_in_the_loop if where is Where.LOOP else write_by_function
    ran = run(tmp_path, does("a", calls(function, where), Workspace(kind)))
    place = tmp_path if kind is WorkspaceKind.SHARED else ran.folder / "a/workspace"
    assert ran.report.outcomes["a"] == Succeeded(str(place))
    assert texts(tmp_path) == {"by": "a function"}


def write_by_function() -> str:
    place = weft.current().workspace
    (place / "by").write_text("a function")
    return str(place)


async def write_in_the_loop() -> str:
    return write_by_function()


# Policies, each through a run

LINES = "".join(f"{number}\n" for number in range(9))


@pytest.mark.parametrize(
    ("how", "left"),
    [
        (Merge(MergePolicy.FIRST), {"x": "one\n"}),
        (Merge(MergePolicy.LAST), {"x": "two\n"}),
        (Merge(MergePolicy.KEEP_BOTH), {"x": "one\n", "x.b": "two\n"}),
        (Merge(MergePolicy.UNION), {"x": "one\ntwo\n"}),
        (Merge(MergePolicy.COMMAND, 'cat "$WEFT_MERGE_OURS" "$WEFT_MERGE_THEIRS" > "$WEFT_MERGE_RESULT"'),
         {"x": "one\ntwo\n"}),
    ],
    ids=lambda value: value.policy if isinstance(value, Merge) else "",
)  # fmt: skip
def test_a_policy_decides_what_becomes_of_conflicts(how: Merge, left: dict[str, str], tmp_path: Path) -> None:
    tasks = [
        does("a", "echo one > x", writes="x", merge=how),
        does("b", "echo two > x", writes="x", merge=how),
    ]
    ran = run(tmp_path, *tasks)
    assert ran.report.state is RunState.SUCCEEDED
    assert texts(tmp_path) == left


def test_changes_in_different_places_of_a_text_are_merged(tmp_path: Path) -> None:
    tasks = [
        does(name, f"sed -i s/{line}/{name}/ x", writes="x", merge=MergePolicy.THREE_WAY)
        for name, line in (("a", 0), ("b", 8))
    ]
    ran = run(tmp_path, *tasks, files={"x": LINES})
    assert ran.report.state is RunState.SUCCEEDED
    assert (tmp_path / "x").read_text() == LINES.replace("0", "a").replace("8", "b")


def test_texts_that_can_not_be_merged_are_a_conflict(tmp_path: Path) -> None:
    tasks = [does(name, f"sed -i s/4/{name}/ x", writes="x", merge=MergePolicy.THREE_WAY) for name in "ab"]
    ran = run(tmp_path, *tasks, files={"x": LINES})
    assert isinstance(ran.report.outcomes["b"], Failed)
    assert (tmp_path / "x").read_text() == LINES.replace("4", "a")


def test_those_that_declare_nothing_are_merged_in_the_order_of_the_plan(tmp_path: Path) -> None:
    tasks = [
        does(name, f"sleep 0.{5 - n}; echo {name} > x", merge=MergePolicy.LAST)
        for n, name in enumerate("abcd")
    ]
    run(tmp_path, *tasks)
    assert (tmp_path / "x").read_text() == "d\n"


# Set-up


def with_setup(setup: str, kind: WorkspaceKind = WorkspaceKind.COPY) -> Workspace:
    return Workspace(kind, setup=setup)


@every_kind
def test_a_set_up_runs_where_the_task_will_and_has_logs_of_its_own(
    kind: WorkspaceKind, tmp_path: Path
) -> None:
    place = with_setup("echo said; echo cried >&2; echo made > tool", kind)
    ran = run(tmp_path, does("a", "cat tool > x; echo worked", place))
    assert (tmp_path / "x").read_text() == "made\n"
    assert (tmp_path / "tool").exists() is (kind is WorkspaceKind.SHARED)  # else it is not brought back
    logs = {path.name: path.read_text() for path in (ran.folder / "a").glob("*.log")}
    assert logs["setup.stdout.log"] == "said\n"
    assert logs["setup.stderr.log"] == "cried\n"
    assert logs["stdout.log"] == "worked\n"


@every_kind
def test_a_set_up_that_fails_fails_the_task_which_never_begins(kind: WorkspaceKind, tmp_path: Path) -> None:
    ran = run(tmp_path, does("a", "echo ran > x", with_setup("exit 3", kind)))
    outcome = ran.report.outcomes["a"]
    assert isinstance(outcome, Failed)
    assert isinstance(outcome.because, SetupFailed)
    assert "3" in outcome.because.message
    assert texts(tmp_path) == {}
    assert not (ran.folder / "a/workspace").exists()


def test_a_set_up_that_fails_is_tried_again_with_the_task(tmp_path: Path) -> None:
    place = with_setup(f"mkdir {tmp_path}/once && exit 1; exit 0")
    ran = run(tmp_path, does("a", "echo ran > x", place, retry=Retry(max_attempts=2, base_s=0.01)))
    assert ran.report.outcomes["a"] == Succeeded()


def test_set_ups_of_different_tasks_run_side_by_side(tmp_path: Path) -> None:
    """Each waits for the others to have begun."""
    wait = f"touch {tmp_path}/$WEFT_TASK_ID; "
    wait += f"while [ $(ls {tmp_path} | grep -c '^t') -lt 3 ]; do sleep 0.02; done"
    place = with_setup(wait, WorkspaceKind.DIRECTORY)
    ran = run(tmp_path, *(does(f"t{n}", "true", place, timeout=Timeout(20.0)) for n in range(3)))
    assert ran.report.state is RunState.SUCCEEDED


# Read-only


@pytest.mark.parametrize(
    "doing", ["echo 2 > data/in", "rm data/in", "echo 2 > data/new", "mv data/in data/out"]
)
@every_kind
def test_what_was_to_be_left_alone_fails_the_task_that_did_not(
    kind: WorkspaceKind, doing: str, tmp_path: Path
) -> None:
    if kind is WorkspaceKind.DIRECTORY:
        doing = doing.replace("data", str(tmp_path / "data"))  # its own place is empty
    place = Workspace(kind, readonly=("data/",))
    ran = run(
        tmp_path,
        does("a", f"chmod -R u+w {tmp_path}/data data; {doing}; echo 1 > x", place),
        files={"data/in": "1"},
    )
    outcome = ran.report.outcomes["a"]
    assert isinstance(outcome, Failed)
    assert isinstance(outcome.because, ReadonlyChanged)
    assert outcome.because.path in ("data/in", "data/new", "data/out")
    assert (tmp_path / "x").exists() is (kind is WorkspaceKind.SHARED)


@every_kind
def test_who_leaves_it_alone_is_none_the_worse(kind: WorkspaceKind, tmp_path: Path) -> None:
    place = Workspace(kind, readonly=("data/",))
    ran = run(tmp_path, does("a", "touch x", place), does("b", "touch y", place), files={"data/in": "1"})
    assert ran.report.state is RunState.SUCCEEDED
    assert seen(tmp_path)["data/in"] == ("file", 0o644, b"1")


def test_a_breach_is_no_reason_for_a_task_that_failed_anyway(tmp_path: Path) -> None:
    place = Workspace(WorkspaceKind.SHARED, readonly=("in",))
    ran = run(tmp_path, does("a", "echo 2 > in; exit 4", place), files={"in": "1"})
    assert ran.report.outcomes["a"] == Failed(Exited(4))


# Ports


@every_kind
def test_ports_are_a_tasks_own_while_it_lives(kind: WorkspaceKind, tmp_path: Path) -> None:
    place = Workspace(kind, ports=("http", "admin-api"))
    tell = f'echo "$WEFT_PORT_HTTP $WEFT_PORT_ADMIN_API" > {tmp_path}/told-$WEFT_TASK_ID'
    tell += f"; while [ $(ls {tmp_path} | grep -c told) -lt 3 ]; do sleep 0.02; done"
    ran = run(tmp_path, *(does(name, tell, place, timeout=Timeout(20.0)) for name in "abc"))
    assert ran.report.state is RunState.SUCCEEDED
    ports = [int(port) for path in tmp_path.glob("told-*") for port in path.read_text().split()]
    assert len(set(ports)) == 6
    for port in ports:  # all of them are free again
        with socket.socket() as bound:
            bound.bind(("127.0.0.1", port))


def test_a_set_up_knows_the_ports_too(tmp_path: Path) -> None:
    place = Workspace(WorkspaceKind.COPY, setup="echo $WEFT_PORT_HTTP > port", ports=("http",))
    ran = run(tmp_path, does("a", 'test "$(cat port)" = "$WEFT_PORT_HTTP"', place))
    assert ran.report.state is RunState.SUCCEEDED


def test_ports_are_given_back_by_tasks_that_fail_or_never_begin(tmp_path: Path) -> None:
    ports = Workspace(WorkspaceKind.COPY, ports=("http",))
    never = Workspace(WorkspaceKind.COPY, setup="exit 1", ports=("http",))
    run(tmp_path, does("a", "exit 1", ports), does("b", "true", never))
    assert [path for path in open_files() if "weft-ports" in path] == []


def open_files() -> list[str]:
    found = []
    for fd in os.listdir("/proc/self/fd"):
        try:
            found.append(os.readlink(f"/proc/self/fd/{fd}"))
        except OSError:
            continue
    return found


# Trying again


@private_kinds
def test_each_attempt_has_a_fresh_place_and_what_was_there_is_kept(
    kind: WorkspaceKind, tmp_path: Path
) -> None:
    script = 'test ! -e half && echo "$WEFT_ATTEMPT" > half && test "$WEFT_ATTEMPT" = 3'
    ran = run(tmp_path, does("a", script, Workspace(kind), retry=Retry(max_attempts=3, base_s=0.01)))
    assert ran.report.outcomes["a"] == Succeeded()
    assert texts(tmp_path) == {"half": "3\n"}
    kept = sorted((tmp_path / ".weft/quarantine").rglob("half"))
    assert [path.read_text() for path in kept] == ["1\n", "2\n"]


def test_after_a_conflict_another_attempt_begins_with_what_is_there_now(tmp_path: Path) -> None:
    """The first attempt at `b` is in conflict with `a`, the second one has seen what `a` has made."""
    slow = "cat x >> log; echo b >> x; test $WEFT_ATTEMPT = 2 || sleep 0.3"
    tasks = [
        does("a", "sleep 0.1; echo a >> x", writes="x"),
        does("b", slow, writes=["x", "log"], retry=Retry(max_attempts=2, base_s=0.01)),
    ]
    ran = run(tmp_path, *tasks, files={"x": "old\n"})
    assert ran.report.outcomes["b"] == Succeeded()
    assert (tmp_path / "x").read_text() == "old\na\nb\n"


# Atomic groups

TOGETHER = Group(atomic=True, workspace=COPY)


def test_members_of_an_atomic_group_share_a_place_and_are_brought_back_as_a_whole(tmp_path: Path) -> None:
    tasks = [
        does("a", "echo a > x", None, writes="x", group="g"),
        does("b", f"cat x x > y; test ! -e {tmp_path}/x", None, reads="x", writes="y", group="g"),
    ]
    ran = run(tmp_path, *tasks, groups={"g": TOGETHER})
    assert list(ran.report.outcomes) == ["a", "b", "merge of g"]
    assert ran.report.state is RunState.SUCCEEDED
    assert texts(tmp_path) == {"x": "a\n", "y": "a\na\n"}
    assert ran.state("merge of g") is State.MERGED


def test_if_one_member_fails_nothing_is_brought_back_and_all_is_kept(tmp_path: Path) -> None:
    tasks = [does("a", "echo a > x", None, group="g"), does("b", "echo b > y; exit 1", None, group="g")]
    ran = run(tmp_path, *tasks, groups={"g": TOGETHER})
    skipped = ran.report.outcomes["merge of g"]
    assert isinstance(skipped, Skipped)
    assert isinstance(skipped.because, GroupLost)
    assert texts(tmp_path) == {}
    assert texts(ran.folder / "merge of g/workspace") == {"x": "a\n", "y": "b\n"}
    assert ran.state("merge of g") is State.UNMERGED
    assert open_below(tmp_path) == []


def test_a_conflict_of_one_file_keeps_back_all_of_an_atomic_group(tmp_path: Path) -> None:
    tasks = [
        does("other", "sleep 0.2; echo other > x", None),
        does("a", "echo a > x", None, group="g"),
        does("b", "echo b > y; sleep 0.4", None, group="g"),
    ]
    ran = run(tmp_path, *tasks, groups={"g": TOGETHER}, files={"x": "old"})
    outcome = ran.report.outcomes["merge of g"]
    assert isinstance(outcome, Failed)
    assert isinstance(outcome.because, MergeConflict)
    assert texts(tmp_path) == {"x": "other\n"}


def test_a_set_up_of_an_atomic_group_runs_once(tmp_path: Path) -> None:
    place = Workspace(WorkspaceKind.COPY, setup=f"echo set up >> {tmp_path}/log; sleep 0.1")
    tasks = [does(name, f"echo {name} > {name}", None, group="g") for name in "abc"]
    ran = run(tmp_path, *tasks, groups={"g": Group(atomic=True, workspace=place)})
    assert ran.report.state is RunState.SUCCEEDED
    assert texts(tmp_path) == {"a": "a\n", "b": "b\n", "c": "c\n", "log": "set up\n"}


def test_a_set_up_that_failed_does_not_let_other_members_begin_without_it(tmp_path: Path) -> None:
    place = Workspace(WorkspaceKind.COPY, setup=f"echo tried >> {tmp_path}/log; exit 1")
    tasks = [does(name, f"echo ran >> {tmp_path}/log", None, group="g") for name in "ab"]
    ran = run(tmp_path, *tasks, groups={"g": Group(atomic=True, workspace=place)})
    assert all(isinstance(outcome, Failed | Skipped) for outcome in ran.report.outcomes.values())
    assert set((tmp_path / "log").read_text().split()) == {"tried"}


# Later merges


@pytest.mark.parametrize("at", [MergeAt.GROUP, MergeAt.RUN])
def test_what_is_merged_later_is_merged_in_the_order_of_the_plan(at: MergeAt, tmp_path: Path) -> None:
    how = Merge(MergePolicy.LAST, at=at)
    tasks = [
        does(name, f"sleep 0.{3 - n}; echo {name} > x", group="g", merge=how) for n, name in enumerate("abc")
    ]
    check = does("check", "test ! -e x", None, reads=[])
    ran = run(tmp_path, check, *tasks, groups={"g": Group()})
    assert ran.report.state is RunState.SUCCEEDED
    assert (tmp_path / "x").read_text() == "c\n"
    name = "merge of the run" if at is MergeAt.RUN else "merge of g"
    assert ran.report.outcomes[name] == Succeeded({"changed": 3, "workspaces": 3})


def test_of_what_is_merged_at_the_end_only_what_conflicts_is_left(tmp_path: Path) -> None:
    tasks = [does(name, f"echo {name} > x; echo {name} > {name}", merge=MergeAt.RUN) for name in "abc"]
    tasks[2] = does("c", "echo c > c", merge=MergeAt.RUN)
    ran = run(tmp_path, *tasks)
    outcome = ran.report.outcomes["merge of the run"]
    assert isinstance(outcome, Failed)
    assert isinstance(outcome.because, MergeConflict)
    assert outcome.because.paths == ("x",)
    assert texts(tmp_path) == {"a": "a\n", "c": "c\n", "x": "a\n"}
    assert [ran.state(name) for name in "abc"] == [State.MERGED, State.CONFLICTED, State.MERGED]


def test_work_that_came_too_late_is_not_merged_at_the_end(tmp_path: Path) -> None:
    came = threading.Event()

    def late() -> None:
        came.wait()
        (weft.current().workspace / "late").write_text("late")

    tasks = [
        does("a", calls(late), timeout=Timeout(0.05), merge=MergeAt.RUN),
        does("b", "sleep 0.3", None),
        does("c", calls(came.set), None, needs=["b"]),
    ]
    ran = run(tmp_path, *tasks)
    assert ran.report.outcomes["a"] == Failed(TimedOut(0.05))
    assert texts(tmp_path) == {}
    assert ran.state("a") is State.UNMERGED


# What was not declared


def test_what_a_task_writes_and_does_not_declare_is_told(tmp_path: Path) -> None:
    ran = run(tmp_path, does("a", "mkdir d; echo 1 > d/x; echo 2 > y; rm z", writes=["d/"]), files={"z": "z"})
    assert ran.report.state is RunState.SUCCEEDED
    assert ran.report.undeclared == {"a": ("y", "z")}
    assert texts(tmp_path) == {"d/x": "1\n", "y": "2\n"}


def test_in_a_strict_plan_it_fails_and_is_not_brought_back(tmp_path: Path) -> None:
    ran = run(tmp_path, does("a", "echo 1 > x; echo 2 > y", writes="x"), strict=True)
    assert ran.report.outcomes["a"] == Failed(WroteUndeclared(("y",)))
    assert texts(tmp_path) == {}


def test_who_declares_nothing_has_nothing_undeclared(tmp_path: Path) -> None:
    ran = run(tmp_path, does("a", "echo 1 > x"), strict=True)
    assert ran.report.outcomes["a"] == Succeeded()
    assert ran.report.undeclared == {}


# Stopping


@pytest.mark.parametrize("stage", ["set-up", "work"])
@in_a_loop
async def test_a_task_that_is_cancelled_at_any_stage_ends_and_changes_nothing(
    stage: str, tmp_path: Path
) -> None:
    waits = f"echo half > half; touch {tmp_path}/begun; sleep 1000"
    place = Workspace(WorkspaceKind.COPY, setup=waits if stage == "set-up" else None, ports=("http",))
    async with Engine(root=tmp_path, policy=HASTY) as engine:
        handle = engine.submit(Command(waits if stage == "work" else "true"), id="a", workspace=place)
        await until((tmp_path / "begun").exists)
        handle.cancel()
        assert await handle.wait() == Cancelled(CancelAsked())
        folder = engine.open_folder()
    assert texts(tmp_path) == {"begun": ""}
    assert (folder.task("a") / "workspace").exists() is (stage == "work")
    assert open_below(tmp_path) == []
    assert [path for path in open_files() if "weft-ports" in path] == []


@in_a_loop
async def test_a_task_that_is_cancelled_while_its_place_is_made_never_begins(tmp_path: Path) -> None:
    make(tmp_path, {f"d/{n}": "x" * 1000 for n in range(2_000)})
    async with Engine(root=tmp_path) as engine:
        handle = engine.submit(Command("echo 1 > x"), id="a", workspace=COPY)
        await until((engine.open_folder().task("a") / "workspace").exists)
        handle.cancel()
        assert await handle.wait() == Cancelled(CancelAsked())
        folder = engine.open_folder()
    assert not (tmp_path / "x").exists()
    assert not (folder.task("a") / "workspace").exists()


@pytest.mark.parametrize("stage", ["set-up", "work"])
def test_a_timeout_counts_from_when_the_place_is_made(stage: str, tmp_path: Path) -> None:
    place = Workspace(WorkspaceKind.COPY, setup="sleep 1000" if stage == "set-up" else None)
    work = "sleep 1000" if stage == "work" else "true"
    ran = run(tmp_path, does("a", work, place, timeout=Timeout(0.5)), policy=HASTY)
    assert ran.report.outcomes["a"] == Failed(TimedOut(0.5))


@in_a_loop
async def test_an_interrupted_run_completes_the_merge_that_is_under_way(tmp_path: Path) -> None:
    facts: list[Fact] = []
    async with Engine(root=tmp_path, policy=HASTY) as engine:
        merges = Merge(
            MergePolicy.COMMAND,
            f"touch {tmp_path}/merging; sleep 0.3; cp $WEFT_MERGE_THEIRS $WEFT_MERGE_RESULT",
        )
        engine.listen(facts.extend)
        handle = engine.submit(
            Command(f"echo mine > x; while [ ! -e {tmp_path}/x ]; do sleep 0.01; done"),
            id="a", workspace=DIRECTORY, merge=merges,
        )  # fmt: skip
        await until(lambda: any(isinstance(fact, AttemptStarted) for fact in facts))
        await until(lambda: list(tmp_path.rglob("workspace/x")))
        (tmp_path / "x").write_text("theirs")
        await until((tmp_path / "merging").exists)
        engine.interrupt()
        engine.interrupt(force=True)
        assert await handle.wait() == Succeeded()
    assert (tmp_path / "x").read_text() == "mine\n"
    assert any(isinstance(fact, MergeStarted) for fact in facts)


@in_a_loop
async def test_an_interrupted_run_leaves_what_it_has_not_brought_back_to_be_seen(tmp_path: Path) -> None:
    async with Engine(root=tmp_path, policy=HASTY) as engine:
        done = engine.submit(Command("echo 1 > x"), id="a", workspace=COPY, merge=Merge(at=MergeAt.RUN))
        await done.wait()
        runs = engine.submit(Command("echo 1 > part; mv part y; sleep 1000"), id="b", workspace=COPY)
        folder = engine.open_folder()
        await until((folder.task("b") / "workspace/y").exists)
        engine.interrupt()
    assert runs.outcome == Cancelled(Interrupted())
    assert texts(tmp_path) == {}
    assert texts(folder.task("a") / "workspace") == {"x": "1\n"}
    assert texts(folder.task("b") / "workspace") == {"y": "1\n"}


# Work that spoils its own place


@pytest.mark.parametrize(
    "doing",
    ["echo garbage > ../workspace.json", "rm ../workspace.json", 'rm -rf "$WEFT_WORKSPACE"',
     'rm -rf "$WEFT_WORKSPACE"; ln -s /etc "$WEFT_WORKSPACE"',
     'rm -rf "$WEFT_WORKSPACE"; touch "$WEFT_WORKSPACE"'],
)  # fmt: skip
def test_who_spoils_its_own_place_fails_alone(doing: str, tmp_path: Path) -> None:
    ran = run(tmp_path, does("a", f"echo 1 > x; {doing}"), does("b", "echo 2 > y"))
    outcome = ran.report.outcomes["a"]
    assert isinstance(outcome, Failed)
    assert isinstance(outcome.because, NotMerged)
    assert ran.report.outcomes["b"] == Succeeded()
    assert texts(tmp_path) == {"y": "2\n"}
    assert open_below(tmp_path) == []


def test_a_late_merge_of_what_was_spoilt_meanwhile_fails(tmp_path: Path) -> None:
    spoil = does("b", f"echo garbage > {tmp_path}/.weft/runs/latest/a/workspace.json", None, needs=["a"])
    ran = run(tmp_path, does("a", "echo 1 > x", merge=MergeAt.RUN), spoil)
    assert isinstance(ran.report.outcomes["merge of the run"], Failed)
    assert texts(tmp_path) == {}


def test_what_weft_keeps_for_itself_is_never_brought_back(tmp_path: Path) -> None:
    ran = run(tmp_path, does("a", "mkdir -p .weft/runs && echo 1 > .weft/runs/x && echo 2 > y"))
    assert ran.report.outcomes["a"] == Succeeded()
    assert texts(tmp_path) == {"y": "2\n"}
    assert not (tmp_path / ".weft/runs/x").exists()


def test_what_can_not_be_brought_back_is_left_where_it_is(tmp_path: Path) -> None:
    ran = run(tmp_path, does("a", "mkfifo pipe; echo 1 > x"))
    assert ran.report.outcomes["a"] == Succeeded()
    assert texts(tmp_path) == {"x": "1\n"}


# Where things are


ODD = [
    "..",
    ".",
    "a/b",
    "../../up",
    "x" * 300,
    "😀",
    "new\nline",
    ".spool",
    "latest",
    "-rf",
    " ",
    "workspaces.json",
]


@pytest.mark.parametrize("name", ODD)
def test_a_task_may_be_called_anything(name: str, tmp_path: Path) -> None:
    root = tmp_path / "plan"
    ran = run(root, does(name, "echo said; echo 1 > x"))
    assert ran.report.outcomes == {name: Succeeded()}
    assert texts(root) == {"x": "1\n"}
    assert [path.name for path in tmp_path.iterdir()] == ["plan"]
    (folder,) = [path for path in ran.folder.iterdir() if not path.name.startswith(".")]
    assert ran.left(folder.name).task_id == name
    assert {"workspace", "stdout.log"} <= {path.name for path in folder.iterdir()}


def test_all_of_a_task_lies_in_its_folder_of_the_latest_run(tmp_path: Path) -> None:
    ran = run(tmp_path, does("a", "echo said; echo cried >&2; echo 1 > x"))
    assert ran.folder.parent == tmp_path / ".weft/runs"
    folder = tmp_path / ".weft/runs/latest/a"
    assert (folder / "stdout.log").read_text() == "said\n"
    assert (folder / "stderr.log").read_text() == "cried\n"
    assert (folder / "workspace/x").read_text() == "1\n"


# Nothing is left behind


def test_a_run_leaves_no_descriptor_and_no_thread(tmp_path: Path) -> None:
    run(tmp_path / "first", does("a", "true"))  # what is opened once, and kept
    files, threads = len(os.listdir("/proc/self/fd")), threading.active_count()
    place = Workspace(WorkspaceKind.COPY, setup="true", readonly=("in",), ports=("http",))
    tasks = [does(f"t{n}", f"echo {n} > f{n % 3}; exit {n % 2}", place) for n in range(8)]
    tasks += [does(f"m{n}", "echo 1 > m; false", None, group="g") for n in range(2)]
    tasks += [does(f"l{n}", f"echo {n} > l", merge=MergeAt.RUN) for n in range(2)]
    run(tmp_path / "plan", *tasks, groups={"g": TOGETHER}, files={"in": "1"})
    assert open_below(tmp_path) == []
    assert len(os.listdir("/proc/self/fd")) == files
    assert threading.active_count() == threads


@in_a_loop
async def test_a_place_of_a_task_that_runs_is_in_use(tmp_path: Path) -> None:
    async with Engine(root=tmp_path, policy=HASTY) as engine:
        handle = engine.submit(Command("echo 1 > x; sleep 1000"), id="a", workspace=COPY)
        folder = engine.open_folder().task("a")
        await until((folder / "workspace/x").exists)
        left = Left.at(folder, tmp_path / ".weft")
        assert left.state is State.RUNNING
        assert isinstance(left.remove(), InUse)
        handle.cancel()


def test_a_run_in_which_nobody_works_apart_opens_none_of_this(tmp_path: Path) -> None:
    before = {thread.name for thread in threading.enumerate()}
    names: set[str] = set()

    def look() -> None:
        names.update(thread.name for thread in threading.enumerate())

    run(tmp_path, does("a", calls(look), None), does("b", "true", None))
    assert not {name for name in names - before if "places" in name or "merges" in name}
    assert not (tmp_path / ".weft/publish").exists()


# Tasks that come one by one


@in_a_loop
async def test_tasks_that_are_submitted_while_others_run_are_merged_in_their_order(tmp_path: Path) -> None:
    how = Merge(MergePolicy.LAST)
    async with Engine(root=tmp_path, workspace=COPY, merge=how) as engine:
        first = engine.submit(Command("sleep 0.3; echo a > x"), id="a", writes=["x"])
        second = engine.submit(Command("echo b > x"), id="b", writes=["x"])
        third = engine.submit(Command("cat x > y"), id="c", reads=["x"], writes=["y"])
        await third
        assert [handle.outcome for handle in (first, second)] == [Succeeded(), Succeeded()]
    assert texts(tmp_path) == {"x": "b\n", "y": "b\n"}


@in_a_loop
async def test_groups_and_the_run_are_merged_when_no_more_tasks_can_come(tmp_path: Path) -> None:
    groups = {"g": Group(merge=Merge(at=MergeAt.GROUP)), "whole": Group(atomic=True)}
    async with Engine(root=tmp_path, groups=groups, workspace=COPY, merge=Merge(at=MergeAt.RUN)) as engine:
        for name, group in (("a", "g"), ("b", None), ("c", "whole"), ("d", "whole")):
            await engine.submit(Command(f"echo {name} > {name}"), id=name, group=group)
        assert texts(tmp_path) == {}
    assert texts(tmp_path) == {name: f"{name}\n" for name in "abcd"}
