from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from weft.journal.encoding import NotKept
from weft.journal.fingerprint import fingerprints
from weft.journal.resume import Earlier, Resumption, resume
from weft.model.group import Group
from weft.model.outcome import Cancelled, Failed, Outcome, Skipped, Succeeded
from weft.model.reason import (
    DependencyFailed,
    Exited,
    FailedBefore,
    FollowsOther,
    Interrupted,
    Needs,
    NeedsGroup,
    NeverFinished,
    NewTask,
    NotComparable,
    ReadAfterWrite,
    ResultNotKept,
    TaskChanged,
    WriteAfterRead,
    WriteAfterWrite,
    WrittenOver,
)
from weft.model.task import Task
from weft.model.work import Call, Command
from weft.model.workspace import Workspace, WorkspaceKind
from weft.planning.prepare import PreparedTask, prepare
from weft.testing import plan, task

APART = Workspace(WorkspaceKind.COPY)
NOTHING_DONE = Resumption({}, {})
FAILED, SKIPPED = Failed(Exited(1)), Skipped(DependencyFailed("x"))


def tasks_of(*tasks: Task, **more: Any) -> tuple[PreparedTask, ...]:
    return prepare(plan(*tasks, **more)).tasks


def after(
    tasks: Iterable[PreparedTask], outcomes: Mapping[str, Outcome] | None = None, *, in_flight: str = ""
) -> Earlier:
    """A run of ``tasks`` in which all succeeded, save those of which something else is said."""
    tasks = list(tasks)
    ends: dict[str, Outcome] = {each.task.id: Succeeded(each.task.id) for each in tasks} | dict(
        outcomes or {}
    )
    ends = {id: end for id, end in ends.items() if id not in in_flight.split()}
    started = [id for id, end in ends.items() if not isinstance(end, Skipped)] + in_flight.split()
    return Earlier(ends, frozenset(started), fingerprints(tasks))


def resumed(earlier: Earlier, tasks: tuple[PreparedTask, ...]) -> Resumption:
    return resume(earlier, tasks, fingerprints(tasks))


def changing(id: str, **more: Any) -> Task:
    return task(id, work=Command("other"), **more)


def test_what_has_succeeded_stays_with_its_result() -> None:
    tasks = tasks_of(task("a"), task("b", needs=["a"]))
    assert resumed(after(tasks), tasks) == Resumption({"a": Succeeded("a"), "b": Succeeded("b")}, {})


def test_what_was_in_flight_and_what_never_began_run_again() -> None:
    tasks = tasks_of(task("a"), task("b", needs=["a"]), task("c", needs=["b"]))
    earlier = after(tasks, {"c": SKIPPED}, in_flight="b")
    found = resumed(earlier, tasks)
    assert found.done == {"a": Succeeded("a")}
    assert found.again == {"b": NeverFinished(), "c": NeverFinished()}


def test_what_failed_or_was_stopped_runs_again() -> None:
    tasks = tasks_of(task("a"), task("b"))
    earlier = after(tasks, {"a": FAILED, "b": Cancelled(Interrupted())})
    assert resumed(earlier, tasks).again == {"a": FailedBefore(Exited(1)), "b": NeverFinished()}


def test_a_changed_task_runs_again_and_what_depends_on_it() -> None:
    old = tasks_of(task("a"), task("b", needs=["a"]), task("c", needs=["b"]), task("d"))
    new = tasks_of(changing("a"), task("b", needs=["a"]), task("c", needs=["b"]), task("d"))
    found = resumed(after(old), new)
    assert found.again == {
        "a": TaskChanged(("command", "result")),
        "b": FollowsOther("a", Needs("a")),
        "c": FollowsOther("b", Needs("b")),
    }
    assert list(found.done) == ["d"]


def test_new_tasks_run_and_those_that_have_gone_are_named() -> None:
    found = resumed(after(tasks_of(task("a"), task("old"))), tasks_of(task("new"), task("a")))
    assert (list(found.done), found.again, found.gone) == (["a"], {"new": NewTask()}, ("old",))


def test_a_result_that_was_not_kept_is_made_again() -> None:
    tasks = tasks_of(task("a"))
    earlier = after(tasks, {"a": Succeeded(NotKept("tuple"))})
    assert resumed(earlier, tasks).again == {"a": ResultNotKept("tuple")}


def test_a_call_that_can_not_be_compared_runs_again() -> None:
    tasks = tasks_of(task("a", work=Call(print, ({1, 2},))))
    assert resumed(after(tasks), tasks).again == {"a": NotComparable("set")}


def test_what_reads_a_file_that_is_written_again_runs_again_and_what_writes_over_it() -> None:
    rest = (task("b", reads="x"), task("c", writes="x"))
    old, new = tasks_of(task("a", writes="x"), *rest), tasks_of(changing("a", writes="x"), *rest)
    again = resumed(after(old), new).again
    assert again["b"] == FollowsOther("a", ReadAfterWrite("a", "b", "x"))
    assert isinstance(again["c"], FollowsOther)


def test_the_last_to_write_a_file_writes_it_again_after_one_before_it() -> None:
    tasks = tasks_of(task("a", writes="x"), task("b", writes="x"))
    earlier = after(tasks, {"a": FAILED})
    assert resumed(earlier, tasks).again["b"] == FollowsOther("a", WriteAfterWrite("a", "b", "x"))


def test_what_has_been_written_over_is_made_again_for_one_that_reads_it_again() -> None:
    tasks = tasks_of(task("a", writes="x"), task("b", reads="x"), task("c", writes="x"))
    assert resumed(after(tasks, {"b": FAILED}), tasks).again == {
        "a": WrittenOver("b", "x"),
        "b": FailedBefore(Exited(1)),
        "c": FollowsOther("b", WriteAfterRead("b", "c", "x")),
    }


def test_what_one_that_has_gone_wrote_over_is_made_again_for_those_that_read_it() -> None:
    first, reader = task("a", writes="x"), task("c", reads="x")
    found = resumed(after(tasks_of(first, task("b", writes="x"), reader)), tasks_of(first, reader))
    assert found.again == {"a": WrittenOver("c", "x"), "c": TaskChanged(("sources",))}
    assert found.gone == ("b",)
    failed = after(tasks_of(first, task("b", writes="x"), reader), {"c": FAILED})
    assert resumed(failed, tasks_of(first, reader)).again["a"] == WrittenOver("c", "x")


def test_one_that_writes_over_it_is_dangerous_as_soon_as_it_was_started() -> None:
    tasks = tasks_of(task("a", writes="x"), task("b", reads="x"), task("c", writes="x"))
    assert list(resumed(after(tasks, {"b": FAILED}, in_flight="c"), tasks).again) == ["a", "b", "c"]
    assert list(resumed(after(tasks, {"b": FAILED, "c": SKIPPED}), tasks).again) == ["b", "c"]


def test_what_was_written_in_a_run_before_is_dangerous_until_it_is_written_again() -> None:
    tasks = tasks_of(task("a", writes="x"), task("c", writes="x"))
    first = after(tasks)
    changed = tasks_of(task("a", writes="x"), changing("c", writes="x"))
    second = resumed(first, changed)
    assert (list(second.done), *second.written) == (["a"], "c")
    cut_off = Earlier(second.done, frozenset(), fingerprints(changed), written=second.written)
    third = resumed(cut_off, tasks_of(task("a", writes="x"), task("b", reads="x"), changing("c", writes="x")))
    assert third.again["a"] == WrittenOver("b", "x")


def test_what_writes_apart_runs_again_after_those_that_it_is_brought_back_after() -> None:
    first, apart = task("a", writes="x"), task("b", writes="x", workspace=APART)
    found = resumed(after(tasks_of(first, apart)), tasks_of(changing("a", writes="x"), apart))
    assert found.again["b"] == FollowsOther("a", WriteAfterWrite("a", "b", "x"))
    swapped = resumed(after(tasks_of(first, apart)), tasks_of(apart, first))
    assert swapped.again["a"] == TaskChanged(("sources",))
    back = resumed(after(tasks_of(apart, first)), tasks_of(first, apart))
    assert back.again["b"] == TaskChanged(("sources",))


def test_a_task_that_had_to_do_without_a_member_of_a_group_stays() -> None:
    members = [task("a", group="g"), task("b", group="g")]
    groups = {"g": Group(min_required=1)}
    tasks = tasks_of(*members, task("sum", needs=["g"]), groups=groups)
    assert list(resumed(after(tasks, {"a": FAILED}), tasks).again) == ["a"]
    changed = tasks_of(changing("a", group="g"), members[1], task("sum", needs=["g"]), groups=groups)
    assert resumed(after(tasks), changed).again["sum"] == FollowsOther("a", NeedsGroup("g", "a"))


PATHS = ("x", "y", "z")


@st.composite
def programs(draw: st.DrawFn) -> list[Task]:
    """Tasks that read what some of them have written before, and write something else."""
    written: list[str] = []
    tasks = []
    for number in range(draw(st.integers(1, 7))):
        writes = draw(st.lists(st.sampled_from(PATHS), unique=True, max_size=2))
        readable = [path for path in written if path not in writes]
        reads = draw(st.lists(st.sampled_from(readable), unique=True)) if readable else []
        place = draw(st.sampled_from([None, None, APART]))
        tasks.append(task(f"t{number}", reads=reads, writes=writes, workspace=place))
        written += [path for path in writes if path not in written]
    return tasks


Files = dict[str, object]


def carry_out(task: Task, files: Files, *, torn: bool = False) -> object:
    """Make of what is read something that tells the task and all that it has read."""
    assert task.accesses is not None
    made = (task.work, tuple(files.get(path) for path in task.accesses.reads))
    if not torn or not task.is_private:  # what is made apart is brought back whole
        files.update(dict.fromkeys(task.accesses.writes, "torn" if torn else made))
    return made


def carried_out(program: Iterable[Task]) -> tuple[dict[str, object], Files]:
    """What the tasks come to, one by one from the beginning, and the files that they leave."""
    files: Files = {}
    return {each.id: carry_out(each, files) for each in program}, files


def broken_run(
    data: st.DataObject, tasks: Iterable[PreparedTask], files: Files, taken_up: Resumption = NOTHING_DONE
) -> Earlier:
    """A run in which some tasks fail, and some are never begun or are killed while they write."""
    ends: dict[str, Outcome] = {}
    started = set[str]()
    by_position: dict[int, str] = {}
    for prepared in tasks:
        id = by_position[prepared.position] = prepared.task.id
        if id in taken_up.done:
            ends[id] = taken_up.done[id]
            continue
        required = [by_position[edge.before] for edge in prepared.edges if edge.required]
        if not all(by_position[edge.before] in ends for edge in prepared.edges):
            continue  # what it waits for has not ended
        if not all(isinstance(ends[before], Succeeded) for before in required):
            ends[id] = SKIPPED
            continue
        fate = data.draw(st.sampled_from(["succeeds"] * 3 + ["fails", "is killed", "is not begun"]))
        if fate == "is not begun":
            continue
        started.add(id)
        if not all(by_position[edge.before] in ends for edge in prepared.merges_after):
            continue  # it is killed while it waits until it can be brought back
        made = carry_out(prepared.task, files, torn=fate != "succeeds")
        if fate != "is killed":
            ends[id] = Succeeded(made) if fate == "succeeds" else FAILED
    return Earlier(ends, frozenset(started), fingerprints(tasks), written=taken_up.written)


@st.composite
def edits(draw: st.DrawFn, program: list[Task], name: str = "new") -> list[Task]:
    """The program with some tasks changed, perhaps one put in between, and two that have changed places."""
    edited = []
    for each in program:
        changes: dict[str, object] = {}
        if draw(st.integers(0, 5)) == 0:
            changes["work"] = Command(draw(st.sampled_from(["one", "two"])))
        if draw(st.integers(0, 9)) == 0:
            changes["workspace"] = None if each.is_private else APART
        edited.append(msgspec.structs.replace(each, **changes))
    if draw(st.booleans()):
        place = draw(st.integers(0, len(edited)))
        before = [each.accesses.writes for each in edited[:place] if each.accesses is not None]
        writes = draw(st.lists(st.sampled_from(PATHS), max_size=1))
        readable = sorted({path for paths in before for path in paths} - {*writes})
        reads = draw(st.lists(st.sampled_from(readable), unique=True)) if readable else []
        edited.insert(place, task(name, reads=reads, writes=writes))
    one, other = draw(st.integers(0, len(edited) - 1)), draw(st.integers(0, len(edited) - 1))
    moved = [*edited]
    moved[one], moved[other] = edited[other], edited[one]
    return moved if reads_what_was_written(moved) else edited


def reads_what_was_written(program: list[Task]) -> bool:
    written = set[str]()
    for each in program:
        assert each.accesses is not None
        if not written.issuperset(each.accesses.reads):
            return False
        written |= {*each.accesses.writes}
    return True


@given(st.data())
def test_the_last_of_runs_that_take_up_each_other_leaves_what_an_undisturbed_run_would_have_left(
    data: st.DataObject,
) -> None:
    program = data.draw(programs())
    files: Files = {}
    earlier = broken_run(data, tasks_of(*program), files)
    for number in range(data.draw(st.integers(0, 2))):
        program = data.draw(edits(program, f"new{number}"))
        tasks = tasks_of(*program)
        earlier = broken_run(data, tasks, files, resumed(earlier, tasks))
    program = data.draw(edits(program))
    found = resumed(earlier, tasks_of(*program))
    results: dict[str, object] = {id: end.value for id, end in found.done.items()}
    for each in program:
        if each.id in found.again:
            results[each.id] = carry_out(each, files)
    assert (results, files) == carried_out(program)


@given(st.data())
def test_if_nothing_has_changed_and_nothing_failed_nothing_that_has_succeeded_runs_again(
    data: st.DataObject,
) -> None:
    tasks = tasks_of(*data.draw(programs()))
    taken_up = NOTHING_DONE
    for _ in range(data.draw(st.integers(1, 3))):
        earlier = broken_run(data, tasks, {}, taken_up)
        taken_up = resumed(earlier, tasks)
        if any(isinstance(end, Failed) for end in earlier.outcomes.values()):
            break
        assert set(taken_up.done) == {
            id for id, end in earlier.outcomes.items() if isinstance(end, Succeeded)
        }
