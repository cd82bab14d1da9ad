"""Which workspace suits an entry, and how what is made there is brought back, as far as commands show it.

What is written anew replaces (`merge: last`), what is added to is joined line by line (`merge: union`): that
is what running one after the other leaves. Of a file that others write too, and of which neither can be seen,
the wrong one of the two would lose something: that choice is the user's.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from functools import partial

from weft.model.work import Command
from weft.model.workspace import MergePolicy, WorkspaceKind
from weft.planning.patterns import parse
from weft.planning.recommend.evidence import IsFunction, OutOfReach, Removes, WantedFile
from weft.planning.recommend.network import HARMLESS
from weft.planning.recommend.subject import Subject, entry_of

# What needs no file of the plan, besides those that it names.
_NEEDS_NOTHING = HARMLESS | {"curl", "wget"}
_REMOVE = ("rm", "rmdir", "mv", "unlink", "shred", "find")

Keys = dict[str, str]


def own_place(subject: Subject, name: str) -> Keys | IsFunction | OutOfReach | Removes | WantedFile:
    """Return the keys of the entry called ``name``, or what stands against them."""
    policies: dict[MergePolicy, None] = {}
    for at in subject.entries[name]:
        task = subject.tasks[at]
        if not isinstance(task.work, Command):
            return IsFunction(name)
        removing = [call.program for call in subject.scripts[at].calls if call.program in _REMOVE]
        if removing:
            return Removes(name, removing[0])
        for text in task.accesses.writes if task.accesses else ():
            if any(branch.segments[0] != "." for branch in parse(text).branches):
                return OutOfReach(name, text)
        for path in subject.written[at]:
            others = [other for other in subject.writers[path] if other != at]
            if others:
                policy = _policy(subject, path, at, others)
                if policy is None or (policies and policy not in policies):
                    return WantedFile(entry_of(subject.tasks[others[0]]), name, path)
                policies[policy] = None
    return keys_for(subject, name, next(iter(policies), None))


def keys_for(subject: Subject, name: str, policy: MergePolicy | None) -> Keys:
    """Return the keys of the entry called ``name`` for a way to merge, or for the plain one.

    An empty directory is enough for what needs none of the plan's files; adding to a file takes the file.
    """
    is_enough = policy is not MergePolicy.UNION
    needs_nothing = partial(_needs_nothing, subject)
    empty = is_enough and all(map(needs_nothing, subject.entries[name]))
    kind = WorkspaceKind.DIRECTORY if empty else WorkspaceKind.COPY
    return {"workspace": kind.value} | ({"merge": policy.value} if policy else {})


def ways(subject: Subject, path: str, positions: Iterable[int]) -> Collection[bool]:
    """Return in which ways commands write ``path``: they add lines, or not; nothing where that is unseen."""
    shown = [[output for output in subject.scripts[at].outputs if output.path == path] for at in positions]
    if not all(shown) or any(output.adds and not output.lines for outputs in shown for output in outputs):
        return set()
    return {output.adds for outputs in shown for output in outputs}


def _policy(subject: Subject, path: str, at: int, others: Collection[int]) -> MergePolicy | None:
    if ways(subject, path, [at]) == {False}:
        return MergePolicy.LAST
    return MergePolicy.UNION if ways(subject, path, [at, *others]) == {True} else None


def _needs_nothing(subject: Subject, at: int) -> bool:
    """Tell whether a task can work in an empty directory, without files and folders of the plan."""
    task, script = subject.tasks[at], subject.scripts[at]
    seen = {output.path for output in script.outputs}
    declared = task.accesses.writes if task.accesses else ()
    return (
        isinstance(task.work, Command)
        and task.work.cwd == "."
        and not (task.accesses and task.accesses.reads)
        and seen.issuperset(declared)
        and not any("/" in path for path in seen)
        and all(call.program in _NEEDS_NOTHING and not call.folder for call in script.calls)
        and not any("." in word or "/" in word for word in script.named)
    )
