"""What a task has changed in its workspace, and what of the plan that stands for. Pure."""

from __future__ import annotations

from collections.abc import Container

from weft.disk.entry import Entry, Kind
from weft.workspaces.manifest import Manifest, above, alike


def changed(
    origin: Manifest, start: Manifest, end: Manifest, seen: Container[str]
) -> tuple[Manifest, Manifest]:
    """Return the base of what the task has changed, and what it has left, at the same paths.

    A path that the task did not see, because it was not copied, counts as replaced if the plan has
    something of the same kind there: as if it had been written over. If the plan has something of
    another kind there, it counts as new, and so will be in conflict. The directories above a path are told
    with it, for they may have to be made.

    Args:
        origin: what the plan's directory held when the workspace was opened.
        start: what the workspace held when the task began.
        end: what it holds now.
        seen: the paths that were copied.
    """
    base: dict[str, Entry] = {}
    task: dict[str, Entry] = {}
    for path in sorted(start.entries.keys() | end.entries.keys()):
        after = end.entries.get(path)
        if alike(start.entries.get(path), after):
            continue
        before = origin.entries.get(path)
        if path not in seen and before is not None:
            if after is None:
                continue  # the set-up had made it, and the task has removed it
            if after.kind is not before.kind:
                before = None
            elif after.kind is Kind.DIRECTORY:
                after = before
        for folder in above(path):
            if folder not in task and folder in end.entries:
                _tell_folder(folder, origin, end, base, task)
        _set(base, path, before)
        _set(task, path, after)
    return Manifest(base, origin.taken_ns), Manifest(task, end.taken_ns)


def _tell_folder(
    folder: str, origin: Manifest, end: Manifest, base: dict[str, Entry], task: dict[str, Entry]
) -> None:
    """Tell of a directory that the task has not changed itself: there, or to be made."""
    before = origin.entries.get(folder)
    if before is not None and before.kind is Kind.DIRECTORY:
        base[folder] = task[folder] = before
    else:
        task[folder] = end.entries[folder]


def _set(entries: dict[str, Entry], path: str, entry: Entry | None) -> None:
    if entry is not None:
        entries[path] = entry
