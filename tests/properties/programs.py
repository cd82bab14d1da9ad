"""Random programs: tasks that read some files, mix them with their own name, and write to others.

What a task touches is drawn from what it declares, by a table that was made by hand: nothing of Weft
says what a pattern covers. Some programs work apart: tasks in places of their own, the later of which wins,
and atomic groups in one place.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import NamedTuple

import msgspec

from weft.errors import PlanError, Problem
from weft.model.access import Accesses
from weft.model.group import Group
from weft.model.limits import MAX_CONCURRENT, Pool
from weft.model.plan import Plan
from weft.model.priority import Priority
from weft.model.task import Task
from weft.model.work import Bring
from weft.model.workspace import Merge, MergeAt, MergePolicy, Workspace, WorkspaceKind
from weft.planning.graph import program_order
from weft.planning.merges import brought_by, with_workspaces
from weft.planning.names import Names
from weft.planning.prepare import PreparedPlan, prepare
from weft.planning.units import one_by_one, units_of
from weft.testing import task

FILES = ("a.txt", "b.csv", "d/a.txt", "d/b.csv", "d/e/a.txt", "d/e/x1", "o/x1", "o/x2", "o/[y]")

# What one may touch who declares this.
COVERED = {
    "a.txt": ["a.txt"],
    "./d//../a.txt": ["a.txt"],
    "b.csv": ["b.csv"],
    "*.txt": ["a.txt"],
    "*.{txt,csv}": ["a.txt", "b.csv"],
    "d/": ["d/a.txt", "d/b.csv", "d/e/a.txt", "d/e/x1"],
    "d/**": ["d/a.txt", "d/b.csv", "d/e/a.txt", "d/e/x1"],
    "d/a.txt": ["d/a.txt"],
    "d/b.csv": ["d/b.csv"],
    "d/*": ["d/a.txt", "d/b.csv"],
    "d/?.txt": ["d/a.txt"],
    "d/[ab].*": ["d/a.txt", "d/b.csv"],
    "d/[!a].csv": ["d/b.csv"],
    "d/e/": ["d/e/a.txt", "d/e/x1"],
    "d/e/*": ["d/e/a.txt", "d/e/x1"],
    "d/**/a.txt": ["d/a.txt", "d/e/a.txt"],
    "**/*.txt": ["a.txt", "d/a.txt", "d/e/a.txt"],
    "**/x1": ["d/e/x1", "o/x1"],
    "{d/e,o}/x1": ["d/e/x1", "o/x1"],
    "{b.csv,o/}": ["b.csv", "o/x1", "o/x2", "o/[y]"],
    "o/x1": ["o/x1"],
    "o/x?": ["o/x1", "o/x2"],
    "o/x[12]": ["o/x1", "o/x2"],
    "o/x[!1]": ["o/x2"],
    "o/[[]y]": ["o/[y]"],
    "o/\\[y]": ["o/[y]"],
    "**": list(FILES),
}
WIDE = ("**", "d/", "d/**", "{b.csv,o/}", "**/*.txt")  # few of these, or all would wait for all
NARROW = tuple(text for text in COVERED if text not in WIDE)
GROUPS = ("g", "h")
LAST = Merge(MergePolicy.LAST)


class Write(NamedTuple):
    """One thing done to a file: it is replaced by what was read, that is appended, or it is removed."""

    file: str
    how: str


class Doing(msgspec.Struct, frozen=True):
    """What a task really does: it reads all of ``reads``, then makes its ``writes``, and may fail."""

    reads: tuple[str, ...]
    writes: tuple[Write, ...]
    fails: bool


class Program(msgspec.Struct, frozen=True):
    """A plan that can run, what its tasks do, and the order in which they would be done one by one."""

    prepared: PreparedPlan
    doings: tuple[Doing, ...]
    order: tuple[int, ...]

    @property
    def names(self) -> list[str]:
        return [prepared.task.id for prepared in self.prepared.tasks]

    def is_skipped(self, position: int, succeeded: set[int]) -> bool:
        """Tell whether a task has no use for a run in which only these before it have ``succeeded``."""
        edges = self.prepared.tasks[position].edges
        if any(edge.required and edge.before not in succeeded for edge in edges):
            return True
        brings_a_group = self.task(position).brings_back and self.task(position).needs
        return bool(brings_a_group) and not succeeded.issuperset(self.brought_by(position))

    def task(self, position: int) -> Task:
        return self.prepared.tasks[position].task

    def brought_by(self, position: int) -> list[int]:
        """Return those whose work the task at ``position`` brings back."""
        work = self.task(position).work
        assert isinstance(work, Bring)
        return brought_by(work.group, self.prepared.plan.tasks)

    def place_of(self, position: int) -> str | None:
        """Return the name of the place where a task works: its own, its group's, or that of all."""
        task = self.task(position)
        return (task.group or task.id) if task.is_private else None


def random_program(seed: int, *, max_tasks: int = 12, apart: bool = False) -> Program:
    """Return a program of up to ``max_tasks`` tasks; the same one for the same seed.

    If it works ``apart``, some of its tasks do so in places of their own.
    """
    chance = Random(seed)
    while True:
        plan = _plan(chance, max_tasks)
        if apart:
            plan = with_workspaces(_apart(chance, plan))
        doings = tuple(_doing(chance, task.accesses or Accesses()) for task in plan.tasks)
        if apart:
            doings = tuple(map(_done_apart, plan.tasks, doings))
        try:
            return program_of(plan, doings)
        except PlanError as error:
            if not all(_is_no_matter(problem) for problem in error.problems):
                raise


def _is_no_matter(problem: Problem) -> bool:
    """Tell whether another plan will do: needs tear a group apart, or one reads what is not there yet."""
    return "atomic group" in (problem.hint or "") or "brings back" in problem.message


def program_of(plan: Plan, doings: Sequence[Doing]) -> Program:
    """Prepare ``plan``, in which the tasks do this."""
    return Program(prepare(plan), tuple(doings), tuple(one_by_one_in(plan)))


def one_by_one_in(plan: Plan) -> list[int]:
    """Return the order in which one would do the tasks, from `needs` and groups alone."""
    names = Names(plan.tasks, plan.groups)
    before = [names.positions(task.needs) for task in plan.tasks]
    for position, each in enumerate(plan.tasks):
        if each.brings_back and not each.needs:
            before[position] = [other for other in range(len(plan.tasks)) if other != position]
    order = program_order(before)
    assert order is not None
    return one_by_one(units_of(plan.tasks, plan.groups, before, order), before, order)


def without_one_access(program: Program, chance: Random) -> Program | None:
    """Return the program with an access less, so that some task touches what it does not declare.

    None, if what is touched is still declared in another way.
    """
    plan = program.prepared.plan
    at = chance.choice([at for at, task in enumerate(plan.tasks) if task.accesses != Accesses()] or [0])
    task, doing = plan.tasks[at], program.doings[at]
    accesses = task.accesses or Accesses()
    key = chance.choice([key for key in ("reads", "writes") if getattr(accesses, key)] or ["reads"])
    texts = list(getattr(accesses, key))
    if texts:
        texts.remove(chance.choice(texts))
    touched = doing.reads if key == "reads" else [write.file for write in doing.writes]
    if all(any(file in COVERED[text] for text in texts) for file in touched):
        return None
    fewer = msgspec.structs.replace(accesses, **{key: tuple(texts)})
    tasks = list(plan.tasks)
    tasks[at] = msgspec.structs.replace(task, accesses=fewer)
    return program_of(msgspec.structs.replace(plan, tasks=tuple(tasks)), program.doings)


def without_merge_order(program: Program) -> Program | None:
    """Return the program in which work is brought back in any order; None if there is no order to keep."""
    prepared = program.prepared
    if not any(task.merges_after for task in prepared.tasks):
        return None
    tasks = tuple(msgspec.structs.replace(task, merges_after=()) for task in prepared.tasks)
    return msgspec.structs.replace(program, prepared=msgspec.structs.replace(prepared, tasks=tasks))


def _plan(chance: Random, max_tasks: int) -> Plan:
    n_tasks = chance.randint(2, max_tasks)
    pools = {"disk": Pool(chance.randint(1, 3))} if chance.random() < 0.3 else {}
    in_groups = chance.choice((0.0, 0.0, 0.3, 0.6))
    # Program order, shaken: a task needs what comes before it in this order.
    shake = chance.choice((0.0, 0.0, 2.0))
    ranks = [position + chance.gauss(0, shake) for position in range(n_tasks)]
    tasks = [
        task(
            f"t{position}",
            needs=_needs(chance, position, ranks),
            limits={"disk": 1} if pools and chance.random() < 0.4 else {},
            priority=chance.choice(tuple(Priority)),
            duration_s=chance.choice((None, 0.0, 0.5, 1.0, 3.0)),
            reads=_texts(chance),
            writes=_texts(chance),
            group=chance.choice(GROUPS) if chance.random() < in_groups else None,
        )
        for position in range(n_tasks)
    ]
    if chance.random() < 0.2:
        tasks[0] = msgspec.structs.replace(tasks[0], limits={MAX_CONCURRENT: 3})
    return Plan(tuple(tasks), pools, max_concurrent=8, groups={name: Group(atomic=True) for name in GROUPS})


def _apart(chance: Random, plan: Plan) -> Plan:
    """Return the plan with some tasks in places of their own, and some atomic groups in one."""
    places = {name: _place(chance) for name in plan.groups}
    groups = {
        name: msgspec.structs.replace(group, workspace=place, merge=LAST if place.is_private else None)
        for (name, place), group in zip(places.items(), plan.groups.values(), strict=True)
    }
    tasks = [
        task if task.group is not None or chance.random() < 0.4 else _in_own_place(chance, task)
        for task in plan.tasks
    ]
    used = {task.group for task in tasks}
    return msgspec.structs.replace(
        plan,
        tasks=tuple(tasks),
        groups={name: group for name, group in groups.items() if name in used},
    )


def _in_own_place(chance: Random, task: Task) -> Task:
    at = chance.choice((MergeAt.TASK, MergeAt.TASK, MergeAt.TASK, MergeAt.RUN))
    return msgspec.structs.replace(
        task, workspace=Workspace(WorkspaceKind.COPY), merge=Merge(MergePolicy.LAST, at=at)
    )


def _place(chance: Random) -> Workspace:
    return Workspace(chance.choice((WorkspaceKind.COPY, WorkspaceKind.COPY, WorkspaceKind.SHARED)))


def _done_apart(task: Task, doing: Doing) -> Doing:
    """Return what a task can do that sees, of all before it, only what it has said that it reads.

    To append to a file, or to remove one, has another meaning where others have not yet brought theirs back.
    """
    if task.brings_back:
        return Doing((), (), fails=False)
    if task.is_private and task.group is None:
        return msgspec.structs.replace(
            doing, writes=tuple(Write(write.file, "replace") for write in doing.writes)
        )
    return doing


def _needs(chance: Random, position: int, ranks: Sequence[float]) -> list[str]:
    earlier = [f"t{other}" for other, rank in enumerate(ranks) if rank < ranks[position]]
    return chance.sample(earlier, min(len(earlier), chance.choice((0, 0, 0, 1, 2))))


def _texts(chance: Random) -> list[str]:
    count = chance.choice((0, 1, 1, 2))
    return [chance.choice(WIDE if chance.random() < 0.1 else NARROW) for _ in range(count)]


def _doing(chance: Random, accesses: Accesses) -> Doing:
    """Return something that a task may do who has declared this."""
    reads = [file for text in accesses.reads for file in _some(chance, COVERED[text])]
    writes = [file for text in accesses.writes for file in _some(chance, COVERED[text])]
    hows = [chance.choice(("replace", "replace", "append", "append", "remove")) for _ in writes]
    done = {file: Write(file, how) for file, how in zip(writes, hows, strict=True)}
    return Doing(tuple(dict.fromkeys(reads)), tuple(done.values()), chance.random() < 0.1)


def _some(chance: Random, files: Sequence[str]) -> Sequence[str]:
    return chance.choice((files, chance.sample(files, chance.randint(1, len(files)))))
