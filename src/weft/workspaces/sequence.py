"""The order of the steps of a publish, from the changes that it is to make.

First directories are opened, so that names in them can be changed; then what is in the way goes, the
innermost first; then what is new comes, the outermost first; last the modes of directories are set.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol, TypeGuard

from weft.disk.entry import Entry, Kind
from weft.workspaces.merge import Change
from weft.workspaces.steps import NEW_FOLDER, MakeFolder, Put, RemoveFolder, SetMode, Step, Take

# The owner may change names in a directory.
OPEN = 0o300


class Ready(Protocol):
    """Knows where new files lie, and where old ones go."""

    def put(self, change: Change) -> Put:
        """Return the step that puts the new file in place."""
        ...

    def take(self, change: Change) -> Take:
        """Return the step that takes the old file away."""
        ...


def in_order(changes: Sequence[Change], above: Mapping[str, int], ready: Ready) -> Iterator[Step]:
    """Yield the steps.

    Args:
        changes: sorted by path.
        above: the modes of the directories that are there before, and in which names change.
        ready: what was made ready.
    """
    modes = dict(_folder_modes(changes, above))
    for folder, mode in above.items():
        if folder in modes or mode | OPEN != mode:
            yield SetMode(folder, True, mode, mode | OPEN)
    for change in reversed(changes):
        if is_folder(change.was) and not is_folder(change.to):
            yield RemoveFolder(change.path, _opened(change.path, change.was.mode, above))
        elif (
            change.was is not None
            and (change.to is None or is_folder(change.to))
            and not is_folder(change.was)
        ):
            yield ready.take(change)
    for change in changes:
        if has_new_file(change):
            yield ready.put(change)
        elif is_folder(change.to) and not is_folder(change.was):
            yield MakeFolder(change.path)
        elif change.was is not None and change.to is not None and not is_folder(change.to):
            yield SetMode(change.path, False, change.was.mode, change.to.mode)
    for folder, (before, after) in sorted(modes.items(), reverse=True):
        yield SetMode(folder, True, before, after)


def is_folder(entry: Entry | None) -> TypeGuard[Entry]:
    """Tell whether there is a directory."""
    return entry is not None and entry.kind is Kind.DIRECTORY


def has_new_file(change: Change) -> bool:
    """Tell whether a new file or link is put in place; if not, it may yet get another mode."""
    if change.to is None or is_folder(change.to):
        return False
    return change.to.kind is Kind.LINK or change.source is not None


def _folder_modes(
    changes: Sequence[Change], above: Mapping[str, int]
) -> Iterator[tuple[str, tuple[int, int]]]:
    """Yield the directories whose modes are set in the end, with the modes before and after that."""
    for folder, mode in above.items():
        if mode | OPEN != mode:
            yield folder, (mode | OPEN, mode)
    for change in changes:
        if is_folder(change.to):
            before = _opened(change.path, change.was.mode, above) if is_folder(change.was) else NEW_FOLDER
            yield change.path, (before, change.to.mode)


def _opened(folder: str, mode: int, above: Mapping[str, int]) -> int:
    return mode | OPEN if folder in above else mode
