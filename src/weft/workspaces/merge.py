"""Merge: what is brought back of a task's work, and what stands against it. Pure.

Three manifests are compared: what the task began with (the base), what the plan's directory holds now, and
what the task's workspace holds now. What only one of the two has changed is taken over. What both have
changed alike is there already; of a file, one may have changed the content and the other the mode. The rest
is in conflict: a path that both have changed differently, or one that is no directory any more for one of
them, while the other has changed something below it. A rename is a deletion and something new.

Whose version wins is up to the policy. `last` leaves what the task would have left, had it run after the
others; `first`, had it run before them. Nothing is done here: `publish` carries a decision out, and the
contents of texts are merged in `texts`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum

import msgspec

from weft.disk.entry import Entry, Kind
from weft.model.workspace import MergePolicy
from weft.workspaces.kept import kept_name
from weft.workspaces.manifest import Manifest, above, alike, same_content

_TEXT_POLICIES = frozenset({MergePolicy.THREE_WAY, MergePolicy.UNION, MergePolicy.COMMAND})

Tree = Mapping[str, Entry]
Delta = dict[str, Entry | None]  # by path what stands there after the change, None for nothing


class Origin(StrEnum):
    """Where the bytes of a file come from."""

    TASK = "task"  # its workspace
    SETTLED = "settled"  # the folder with what came of merging texts


class Source(msgspec.Struct, frozen=True):
    """The file at ``path`` of one of the origins."""

    origin: Origin
    path: str


class Change(msgspec.Struct, frozen=True):
    """At ``path`` of the plan's directory, ``was`` becomes ``to``; ``source`` has the new bytes, if any."""

    path: str
    was: Entry | None
    to: Entry | None
    source: Source | None = None


class Conflict(msgspec.Struct, frozen=True):
    """Two versions of ``path``: the ``plan``'s and the ``task``'s; None where one has removed it.

    ``below`` names what one of them has changed below a path that for the other one is no directory.
    ``note`` is what a merge of the two texts has met with.
    """

    path: str
    plan: Entry | None
    task: Entry | None
    below: tuple[str, ...] = ()
    note: str | None = None


class Contested(msgspec.Struct, frozen=True):
    """A file that both have changed, and whose contents are to be merged; ``mode`` is settled."""

    path: str
    base: Entry | None
    plan: Entry
    task: Entry
    mode: int


class Decision(msgspec.Struct, frozen=True):
    """What is to be done.

    Attributes:
        changes: to the plan's directory, by path. None while there are ``conflicts``.
        conflicts: keep the task's work from being brought back.
        overruled: conflicts that the policy has decided.
        contested: files whose contents must be merged first, by `texts.settle`.
        left_out: paths in the workspace that are no file, directory or link, and stay there.
    """

    changes: tuple[Change, ...] = ()
    conflicts: tuple[Conflict, ...] = ()
    overruled: tuple[Conflict, ...] = ()
    contested: tuple[Contested, ...] = ()
    left_out: tuple[str, ...] = ()


def merge(
    base: Manifest,
    plan: Manifest,
    task: Manifest,
    policy: MergePolicy = MergePolicy.FAIL,
    *,
    label: str = "task",
    is_taken: Callable[[str], bool] | None = None,
) -> Decision:
    """Decide what is brought back.

    Args:
        base: what the task began with. It and ``task`` may leave out what the task has not changed,
            as long as the directories above what it has are there.
        plan: what the plan's directory holds now, at the paths of the other two and below them.
        task: what the task's workspace holds now.
        policy: decides conflicts.
        label: the task, as part of a file name.
        is_taken: tells of a path whether something stands there in the plan's directory.
    """
    left_out = tuple(
        path
        for path, entry in task.entries.items()
        if entry.kind is Kind.OTHER and not alike(entry, base.entries.get(path))
    )
    sides = _Sides(base.entries, plan.entries, _without(task.entries, plan.entries, left_out))
    conflicts = sides.conflicts()
    over = sides.by_task
    contested: tuple[Contested, ...] = ()
    moved: dict[str, str] = {}
    if conflicts:
        match policy:
            case MergePolicy.FAIL:
                return Decision(conflicts=conflicts, left_out=left_out)
            case MergePolicy.FIRST:
                over = {path: entry for path, entry in over.items() if not sides.is_disputed(path)}
            case MergePolicy.KEEP_BOTH:
                over, moved = _KeepBoth(sides, label, is_taken or sides.plan.__contains__).chosen()
            case MergePolicy.THREE_WAY | MergePolicy.UNION | MergePolicy.COMMAND:
                contested = tuple(filter(None, map(sides.contested, conflicts)))
                if len(contested) < len(conflicts):
                    return Decision(conflicts=conflicts, left_out=left_out)
                for file in contested:
                    del over[file.path]
            case MergePolicy.LAST:
                pass
    merged = overlaid(sides.plan, over, sides.folders(moved))
    overruled = () if policy in _TEXT_POLICIES else conflicts
    return Decision(_changes(sides.plan, merged, moved), (), overruled, contested, left_out)


def overlaid(under: Tree, over: Delta, folders: Tree) -> dict[str, Entry]:
    """Return ``under`` with the changes ``over`` made to it, by force: what is in their way is gone.

    ``folders`` has the directories above those changes.
    """
    gone = {path for path, entry in over.items() if entry is None or entry.kind is not Kind.DIRECTORY}
    tree = {
        path: entry
        for path, entry in under.items()
        if path not in gone and not any(folder in gone for folder in above(path))
    }
    for path in sorted(over):
        entry = over[path]
        if entry is not None:
            for folder in above(path):
                if not _is_directory(tree.get(folder)):
                    tree[folder] = folders[folder]
            tree[path] = entry
    return tree


def _without(task: Tree, plan: Tree, left_out: Iterable[str]) -> Tree:
    """Return ``task`` with the plan's own entries at the paths that are ``left_out``."""
    entries = dict(task)
    for path in left_out:
        entries.pop(path)
        if path in plan:
            entries[path] = plan[path]
    return entries


def _delta(base: Tree, tree: Tree) -> Delta:
    paths = sorted(base.keys() | tree.keys())
    return {path: tree.get(path) for path in paths if not alike(base.get(path), tree.get(path))}


def _is_directory(entry: Entry | None) -> bool:
    return entry is not None and entry.kind is Kind.DIRECTORY


def _below(delta: Delta, other: Delta) -> dict[str, list[str]]:
    """Return by path, which for ``delta`` is no directory any more, what ``other`` has put below it."""
    found: dict[str, list[str]] = {}
    for path, entry in other.items():
        if entry is not None:
            for folder in above(path):
                if folder in delta and not _is_directory(delta[folder]):
                    found.setdefault(folder, []).append(path)
    return found


class _Sides:
    """What the plan has changed since the base, what the task has, and where that does not go together."""

    def __init__(self, base: Tree, plan: Tree, task: Tree) -> None:
        self.base, self.plan, self.task = base, plan, task
        self.by_plan, self.by_task = _delta(base, plan), _delta(base, task)
        for path in self.by_plan.keys() & self.by_task.keys():
            combined = _combined(base.get(path), plan.get(path), task.get(path))
            if combined is not None:
                self.by_plan[path] = self.by_task[path] = combined
        self._twice = {
            path
            for path in self.by_task
            if path in self.by_plan and not alike(self.by_plan[path], self.by_task[path])
        }
        self.below_plan = _below(self.by_plan, self.by_task)  # where the plan has no directory any more
        self.below_task = _below(self.by_task, self.by_plan)  # where the task has none

    def conflicts(self) -> tuple[Conflict, ...]:
        found = []
        for path in sorted(self._twice | self.below_plan.keys() | self.below_task.keys()):
            below = tuple(sorted({*self.below_plan.get(path, ()), *self.below_task.get(path, ())}))
            if path in self._twice or not self._is_told_below(path, below):
                found.append(Conflict(path, self.plan.get(path), self.task.get(path), below))
        return tuple(found)

    def is_disputed(self, path: str) -> bool:
        """Whether what the task has changed at ``path`` stands against something that the plan has."""
        if path in self._twice or path in self.below_task:
            return True
        return self.by_task[path] is not None and any(folder in self.below_plan for folder in above(path))

    def contested(self, conflict: Conflict) -> Contested | None:
        """Return the contents that would have to be merged; None if those are not what it is about."""
        base = self.base.get(conflict.path)
        plan, task = conflict.plan, conflict.task
        if not plan or not task or conflict.below or {plan.kind, task.kind} != {Kind.FILE}:
            return None
        if base is not None and base.kind is not Kind.FILE:
            base = None
        mode = _one_of(base.mode if base else None, plan.mode, task.mode)
        if mode is None or same_content(plan, task):
            return None
        return Contested(conflict.path, base, plan, task, mode)

    def folders(self, moved: Mapping[str, str]) -> Tree:
        """Return the task's directories, also by the names to which they were ``moved``."""
        return {**self.task, **{to: self.task[path] for to, path in moved.items()}}

    def _is_told_below(self, path: str, below: Iterable[str]) -> bool:
        """A directory was removed by one side only because all in it was, which is in conflict itself."""
        is_removed = self.plan.get(path) is None or self.task.get(path) is None
        return is_removed and all(inner in self._twice for inner in below)


def _combined(base: Entry | None, plan: Entry | None, task: Entry | None) -> Entry | None:
    """Return the entry with the changes of both, where one has changed the mode and one the content."""
    if base is None or plan is None or task is None or alike(plan, task):
        return None
    if not base.kind is plan.kind is task.kind or base.kind not in (Kind.FILE, Kind.DIRECTORY):
        return None
    mode = _one_of(base.mode, plan.mode, task.mode)
    if mode is None:
        return None
    if same_content(base, task) or same_content(plan, task):
        return msgspec.structs.replace(plan, mode=mode)
    return msgspec.structs.replace(task, mode=mode) if same_content(base, plan) else None


def _one_of(base: int | None, plan: int, task: int) -> int | None:
    """Return what a three-way merge of single values gives, if it gives one."""
    if task in (base, plan):
        return plan
    return task if plan == base else None


def _changes(plan: Tree, merged: Tree, moved: Mapping[str, str]) -> tuple[Change, ...]:
    changes = []
    for path in sorted(plan.keys() | merged.keys()):
        was, to = plan.get(path), merged.get(path)
        if alike(was, to):
            continue
        has_bytes = to is not None and to.kind is Kind.FILE
        if has_bytes and was is not None and to is not None and was.kind is to.kind:
            has_bytes = not same_content(was, to)
        source = Source(Origin.TASK, moved.get(path, path)) if has_bytes else None
        changes.append(Change(path, was, to, source))
    return tuple(changes)


class _KeepBoth:
    """Chooses which of the task's changes are made, under which names; removals yield to what is there."""

    def __init__(self, sides: _Sides, label: str, is_taken: Callable[[str], bool]) -> None:
        self._sides = sides
        self._label = label
        self._is_taken = is_taken
        self._names: dict[str, str] = {}  # by path, the name beside it
        self._moved: dict[str, str] = {}  # by the new path, the old one

    def chosen(self) -> tuple[Delta, dict[str, str]]:
        over: Delta = {}
        for path, entry in self._sides.by_task.items():
            if entry is None:
                if not self._sides.is_disputed(path):
                    over[path] = None
            else:
                place = self._place(path, entry)
                if place is not None:
                    over[place] = entry
        return over, self._moved

    def _place(self, path: str, entry: Entry) -> str | None:
        """Return where the task's version of ``path`` goes, None if the plan's says it all."""
        plan = self._sides.plan
        for folder in above(path):
            if folder in plan and folder in self._sides.below_plan:
                return self._beside(folder, path)
        if path not in plan or not self._sides.is_disputed(path):
            return path
        if _is_directory(entry) and _is_directory(plan[path]):
            return None  # they differ in their modes only
        return self._beside(path, path)

    def _beside(self, occupied: str, path: str) -> str:
        """Move ``path``, and with it the directories from ``occupied`` on, to a name beside that."""
        if occupied not in self._names:
            self._names[occupied] = kept_name(occupied, self._label, self._is_used)
        for part in (*above(path), path):
            if part == occupied or part.startswith(f"{occupied}/"):
                self._moved[self._names[occupied] + part[len(occupied) :]] = part
        return self._names[occupied] + path[len(occupied) :]

    def _is_used(self, path: str) -> bool:
        return path in self._sides.task or path in self._names.values() or self._is_taken(path)
