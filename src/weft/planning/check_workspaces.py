"""Do workspaces make sense? What is wrong with those of one task, and with who would see what when."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from weft.errors import Problem
from weft.model.group import Group
from weft.model.plan import Plan
from weft.model.task import SHARED, Task
from weft.model.workspace import Merge, MergeAt, MergePolicy, Workspace, WorkspaceKind
from weft.planning.conflicts import Hazard
from weft.planning.merges import shares_place
from weft.planning.names import groups_around
from weft.planning.patterns import pattern_problem

_PORT = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")


def of_all(
    groups: Mapping[str, Group], workspace: Workspace | None = None, merge: Merge | None = None
) -> Iterator[Problem]:
    """Yield what is wrong with what holds for tasks that say nothing else: of the plan, and of groups."""
    yield from _of_declared((), "the plan", workspace, merge)
    for name, group in groups.items():
        yield from _of_declared(("groups", name), f"group `{name}`", group.workspace, group.merge)


def of_task(
    entry: str,
    task: Task,
    groups: Mapping[str, Group],
    workspace: Workspace | None = None,
    merge: Merge | None = None,
) -> Iterator[Problem]:
    """Yield what is wrong with the workspace of ``task``, which stands under ``entry``.

    What it has from its groups, or from the plan's ``workspace`` and ``merge``, is told by `of_all`.
    """
    yield from _of_declared(("tasks", entry), f"task `{entry}`", *_own(task, groups, workspace, merge))
    if task.merge is not None:
        yield from _of_place(("tasks", entry), entry, task, groups)


def _own(
    task: Task, groups: Mapping[str, Group], workspace: Workspace | None, merge: Merge | None
) -> tuple[Workspace | None, Merge | None]:
    """Return what the task has not from others; a merge may have got another moment from them."""
    if task.group is None and workspace is None and merge is None:
        return task.workspace, task.merge
    others = [groups[name] for name in groups_around(task.group, groups)]
    is_own = task.workspace not in (workspace, *(group.workspace for group in others))
    hows = [_how(merge), *(_how(group.merge) for group in others)]
    return task.workspace if is_own else None, task.merge if _how(task.merge) not in hows else None


def _how(merge: Merge | None) -> object:
    return merge and (merge.policy, merge.command)


def _of_place(
    path: tuple[str, ...], entry: str, task: Task, groups: Mapping[str, Group]
) -> Iterator[Problem]:
    place = task.workspace
    if place is None or not place.is_private:
        hint = "give it a workspace of its own, `workspace: copy` or `workspace: directory`"
        message = f"task `{entry}` has a `merge`, and works in the plan's own directory"
        yield Problem((*path, "merge"), message, hint)
    elif shares_place(task, groups) and task.group is not None:
        yield from _of_member((*path, "workspace"), entry, place, task.group, groups[task.group])


def _of_declared(
    path: tuple[str, ...], owner: str, place: Workspace | None, merge: Merge | None
) -> Iterator[Problem]:
    if place is not None:
        yield from _of_workspace((*path, "workspace"), owner, place)
    if merge is not None:
        yield from _of_merge((*path, "merge"), owner, merge)


def _of_merge(path: tuple[str, ...], owner: str, merge: Merge) -> Iterator[Problem]:
    has_command = merge.command is not None
    if has_command and merge.policy is not MergePolicy.COMMAND:
        message = f"the merge of {owner} has a command, and its policy is `{merge.policy}`"
        yield Problem((*path, "command"), message, "take it out, or write `policy: command`")
    if merge.policy is MergePolicy.COMMAND and not has_command:
        message = f"the merge of {owner} has the policy `command`, and no command"
        yield Problem((*path, "policy"), message, "add `command:`, which merges two files")


def _of_member(
    path: tuple[str, ...], entry: str, place: Workspace, name: str, group: Group
) -> Iterator[Problem]:
    hint = "its members share one workspace, so that all or nothing is brought back"
    if group.workspace is not None and group.workspace != place:
        message = f"task `{entry}` has a workspace of its own, and is in the atomic group `{name}`"
        yield Problem(path, message, hint)
    if group.min_required is not None:
        message = f"group `{name}` is atomic, has a workspace, and wants no more than some of its members"
        yield Problem(("groups", name, "min_required"), message, hint)


def _of_workspace(path: tuple[str, ...], owner: str, place: Workspace) -> Iterator[Problem]:
    if place.include and place.kind is not WorkspaceKind.COPY:
        message = f"{owner} includes files in a workspace that is no copy"
        yield Problem((*path, "include"), message, "write `kind: copy`")
    if place.exclude and not place.is_private:
        message = f"{owner} excludes files from a workspace in which all files are"
        yield Problem((*path, "exclude"), message, "write `kind: copy`, or `kind: directory`")
    for key, patterns in (("include", place.include), ("readonly", place.readonly)):
        for number, pattern in enumerate(patterns):
            if problem := pattern_problem(pattern):
                yield Problem((*path, key, number), f"in `{key}` of {owner}: {problem}")
    yield from _of_ports((*path, "ports"), owner, place.ports)


def _of_ports(path: tuple[str, ...], owner: str, ports: Sequence[str]) -> Iterator[Problem]:
    variables: dict[str, str] = {}
    for number, name in enumerate(ports):
        if not _PORT.fullmatch(name):
            message = f"in `ports` of {owner}: `{name}` is no name; expected letters, digits, `-`, `_`"
            yield Problem((*path, number), message)
        other = variables.setdefault(name.upper().replace("-", "_"), name)
        if other != name or name in ports[:number]:
            message = f"in `ports` of {owner}: `{other}` and `{name}` would be told by one variable"
            yield Problem((*path, number), message, "name each port differently")


def of_plan(plan: Plan, unseen: Iterable[Hazard]) -> Iterator[Problem]:
    """Yield what is merged in vain, which groups work in several places, and who reads too early."""
    yield from _in_vain(plan)
    yield from _of_groups(plan)
    for hazard in unseen:
        writer, reader = plan.tasks[hazard.before], plan.tasks[hazard.after]
        when = (
            "with its group"
            if writer.merge is not None and writer.merge.at is MergeAt.GROUP
            else "at the end"
        )
        message = f"`{reader.id}` reads `{hazard.path}`, which `{writer.id}` writes and brings back {when}"
        hint = f"merge `{writer.id}` when it has ended (`at: task`), or move `{reader.id}` behind the merge"
        yield Problem(("tasks", reader.family or reader.id, "reads"), message, hint)


def _in_vain(plan: Plan) -> Iterator[Problem]:
    """Yield the merges of the plan and of groups in which nobody works in a place of its own."""
    private = dict.fromkeys(task.group for task in plan.tasks if task.is_private)
    hint = "say where they work, `workspace: copy` or `workspace: directory`"
    if plan.merge is not None and not private:
        yield Problem(("merge",), "the plan has a `merge`, and no task works in a place of its own", hint)
    used = {name for group in private for name in groups_around(group, plan.groups)}
    for name, group in plan.groups.items():
        if group.merge is not None and name not in used:
            message = f"group `{name}` has a `merge`, and none of its tasks works in a place of its own"
            yield Problem(("groups", name, "merge"), message, hint)


def _of_groups(plan: Plan) -> Iterator[Problem]:
    places = AtomicPlaces(plan.groups)
    for task in plan.tasks:
        if problem := places.problem(task):
            yield problem
        places.add(task)


class AtomicPlaces:
    """Where the members of each atomic group work, if not where the group says: all in one place."""

    def __init__(self, groups: Mapping[str, Group]) -> None:
        # With a workspace of the group, that of each member is compared with it.
        self._groups = {name for name, group in groups.items() if group.atomic and group.workspace is None}
        self._firsts: dict[str, tuple[str, Workspace]] = {}

    def add(self, task: Task) -> None:
        """Take in the next task."""
        if task.group in self._groups:
            self._firsts.setdefault(task.group, (task.id, task.workspace or SHARED))

    def problem(self, task: Task) -> Problem | None:
        """Return what is wrong with ``task`` as the next one."""
        if task.group not in self._firsts:
            return None
        first, place = self._firsts[task.group]
        if place == (task.workspace or SHARED):
            return None
        message = f"tasks `{first}` and `{task.id}` of the atomic group `{task.group}` work apart"
        hint = f"its members share one workspace: declare it for the group, under `groups: {task.group}:`"
        return Problem(("tasks", task.family or task.id), message, hint)
