"""What a publish makes ready before its first step: new files, and names for old ones.

Both lie in the folder of the publish, or beside the place where they belong if that is on another disk: only
so can they be moved there in one go.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path

from weft.disk.clone import copy_bytes
from weft.disk.entry import Entry, Kind, stamp_of
from weft.workspaces.inside import Inside, is_real_folder, opened
from weft.workspaces.merge import Change, Origin
from weft.workspaces.sequence import has_new_file, is_folder
from weft.workspaces.steps import Mark, Put, Spot, Steps, Take, mark_of

Trees = Mapping[Origin, Path]  # the directories that new files are copied from


def is_still(root: Inside, path: str, entry: Entry | None) -> bool:
    """Tell whether at ``path`` is what ``entry`` says, without reading it."""
    status = root.status(path)
    if status is None or entry is None:
        return status is None and entry is None
    if entry.kind is Kind.DIRECTORY:
        return stat.S_ISDIR(status.st_mode) and stat.S_IMODE(status.st_mode) == entry.mode
    return not stat.S_ISDIR(status.st_mode) and stamp_of(status) == entry.stamp


class Staging:
    """Makes ready what one publish needs, in its folder ``room``."""

    def __init__(self, root: Inside, room: Inside, steps: Steps, trees: Trees) -> None:
        self._root = root
        self._steps = steps
        self._trees = trees
        self._stem = f".weft-{room.root.name}"
        self._files: dict[str, tuple[Change, Spot]] = {}
        self._saved: dict[str, Spot] = {}
        self._marks: dict[str, Mark] = {}
        with room.folder() as fd:
            self._disk = _disk(fd)
        self._gone: set[str] = set()
        self._besides: dict[str, str | None] = {}

    def plan(self, changes: Sequence[Change]) -> list[Spot]:
        """Choose the names."""
        self._gone = {each.path for each in changes if is_folder(each.was) and not is_folder(each.to)}
        for number, change in enumerate(changes):
            beside = self._beside(change.path.rpartition("/")[0])
            if change.was is not None and not is_folder(change.was):
                self._saved[change.path] = Spot(f"{self._stem}-{number}-old", beside)
            if has_new_file(change):
                self._files[change.path] = (change, Spot(f"{self._stem}-{number}-new", beside))
        return [*self._saved.values(), *(spot for _, spot in self._files.values())]

    def fill(self) -> tuple[str, ...]:
        """Write the new files, and return those that are not what they were when that was decided."""
        moved = [change.path for change, spot in self._files.values() if not self._write(change, spot)]
        if not moved:
            # All were written before the first is waited for: the disk takes them together.
            for change, spot in self._files.values():
                self._flush(change, spot)
        return tuple(moved)

    def put(self, change: Change) -> Put:
        """Return the step that puts the new file in place."""
        _, spot = self._files[change.path]
        saved = self._saved.get(change.path)
        was = self._was(change) if saved else None
        return Put(change.path, spot, self._marks[change.path], saved, was)

    def take(self, change: Change) -> Take:
        """Return the step that takes the old file away."""
        return Take(change.path, self._saved[change.path], self._was(change))

    def _was(self, change: Change) -> Mark:
        assert change.was is not None, change
        return Mark(change.was.inode, change.was.size, change.was.mtime_ns)

    def _write(self, change: Change, spot: Spot) -> bool:
        assert change.to is not None, change
        with self._steps.folder_of(spot) as fd:
            if change.to.kind is Kind.LINK:
                assert change.to.target is not None, change
                os.symlink(change.to.target, spot.name, dir_fd=fd)
                return True
            target = os.open(spot.name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=fd)
            try:
                return self._copy(change, target)
            finally:
                os.close(target)

    def _copy(self, change: Change, target: int) -> bool:
        """Copy the bytes, and tell whether they are those of which was decided."""
        assert change.source is not None, change
        with opened(self._trees[change.source.origin]) as tree:
            if not is_still(tree, change.source.path, change.to):
                return False
            with tree.parent(change.source.path) as (fd, name):
                source = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=fd)
            try:
                copy_bytes(source, target)
            finally:
                os.close(source)
            return is_still(tree, change.source.path, change.to)

    def _flush(self, change: Change, spot: Spot) -> None:
        with self._steps.folder_of(spot) as fd:
            if change.source is not None and change.to is not None:
                file = os.open(spot.name, os.O_RDWR | os.O_NOFOLLOW, dir_fd=fd)
                try:
                    os.fchmod(file, change.to.mode)
                    os.fsync(file)
                finally:
                    os.close(file)
            mark = mark_of(os.stat(spot.name, dir_fd=fd, follow_symlinks=False))
            assert mark is not None, spot
            self._marks[change.path] = mark

    def _beside(self, folder: str) -> str | None:
        """Return the directory for what belongs into ``folder``; None for the publish's own."""
        while folder and (folder in self._gone or not is_real_folder(self._root.status(folder))):
            folder = folder.rpartition("/")[0]
        if folder not in self._besides:
            with self._root.folder(folder) as fd:
                self._besides[folder] = None if _disk(fd) == self._disk else folder
        return self._besides[folder]


def _disk(fd: int) -> tuple[int, str]:
    """Return what two directories have in common between which files can be moved."""
    with open(f"/proc/self/fdinfo/{fd}", encoding="ascii") as info:
        mount = next((line for line in info if line.startswith("mnt_id:")), "")
    return os.fstat(fd).st_dev, mount
