"""Do workspaces make sense? What is wrong with those of one task, and with who would see what when."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from weft.errors import Problem
from weft.model.group import Group
from weft.model.plan import Plan
from weft.model.task import Task
from weft.model.workspace import MergeAt, MergePolicy, Workspace, WorkspaceKind
from weft.planning.conflicts import Hazard
from weft.planning.merges import shares_place
from weft.planning.patterns import pattern_problem

_PORT = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")


def of_task(entry: str, task: Task, groups: Mapping[str, Group]) -> Iterator[Problem]:
    """Yield what is wrong with the workspace of ``task``, which stands under ``entry``."""
    path = ("tasks", entry)
    place, merge = task.workspace, task.merge
    if place is not None:
        yield from _of_workspace((*path, "workspace"), entry, place)
    if merge is None:
        return
    if place is None or not place.is_private:
        hint = "give it a workspace of its own, `workspace: copy` or `workspace: directory`"
        message = f"task `{entry}` has a `merge`, and works in the plan's own directory"
        yield Problem((*path, "merge"), message, hint)
    elif shares_place(task, groups) and task.group is not None:
        theirs = groups[task.group].workspace
        if theirs is not None and theirs != place:
            message = f"task `{entry}` has a workspace of its own, and is in the atomic group `{task.group}`"
            hint = "its members share one workspace, so that all or nothing is brought back"
            yield Problem((*path, "workspace"), message, hint)
    has_command = merge.command is not None
    if has_command and merge.policy is not MergePolicy.COMMAND:
        message = f"the merge of task `{entry}` has a command, and its policy is `{merge.policy}`"
        yield Problem((*path, "merge", "command"), message, "take it out, or write `policy: command`")
    if merge.policy is MergePolicy.COMMAND and not has_command:
        message = f"the merge of task `{entry}` has the policy `command`, and no command"
        yield Problem((*path, "merge", "policy"), message, "add `command:`, which merges two files")


def _of_workspace(path: tuple[str, ...], entry: str, place: Workspace) -> Iterator[Problem]:
    if place.include and place.kind is not WorkspaceKind.COPY:
        message = f"task `{entry}` includes files in a workspace that is no copy"
        yield Problem((*path, "include"), message, "write `kind: copy`")
    for key, patterns in (("include", place.include), ("readonly", place.readonly)):
        for number, pattern in enumerate(patterns):
            if problem := pattern_problem(pattern):
                yield Problem((*path, key, number), f"in `{key}` of task `{entry}`: {problem}")
    variables: dict[str, str] = {}
    for number, name in enumerate(place.ports):
        if not _PORT.fullmatch(name):
            message = f"in `ports` of task `{entry}`: `{name}` is no name; expected letters, digits, `-`, `_`"
            yield Problem((*path, "ports", number), message)
        other = variables.setdefault(name.upper().replace("-", "_"), name)
        if other != name or name in place.ports[:number]:
            message = f"in `ports` of task `{entry}`: `{other}` and `{name}` would be told by one variable"
            yield Problem((*path, "ports", number), message, "name each port differently")


def of_plan(plan: Plan, unseen: Iterable[Hazard]) -> Iterator[Problem]:
    """Yield who reads what another has written before that is brought back."""
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
