"""Trees of files for tests: made, changed by force, and read back."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from weft.model.workspace import Merge, MergePolicy, Workspace, WorkspaceKind
from weft.workspaces.left import Left
from weft.workspaces.merging import Brought, Merging
from weft.workspaces.private import Private, PrivatePlace
from weft.workspaces.publish import Publisher

Seen = dict[str, tuple[Any, ...]]
Doing = Callable[[Path], Any]

COPY = Workspace(WorkspaceKind.COPY)
DIRECTORY = Workspace(WorkspaceKind.DIRECTORY)


def make(root: Path, files: Mapping[str, str | None]) -> Path:
    """Make files with these texts; None is an empty directory, `-> x` a link to x."""
    root.mkdir(parents=True, exist_ok=True)
    for path, text in files.items():
        put(root, path, text)
    return root


def put(root: Path, path: str, text: str | None) -> None:
    """Put a file, a directory (None) or a link there, whatever is in the way; a directory may be there."""
    place = root / path
    for folder in reversed(place.relative_to(root).parents[:-1]):
        if not (root / folder).is_dir() or (root / folder).is_symlink():
            remove(root, str(folder))
            (root / folder).mkdir()
    if text is None and place.is_dir() and not place.is_symlink():
        return
    remove(root, path)
    if text is None:
        place.mkdir()
    elif text.startswith("-> "):
        place.symlink_to(text.removeprefix("-> "))
    else:
        place.write_bytes(os.fsencode(text))


def remove(root: Path, path: str) -> None:
    """Remove what is there, if anything is; no link is followed on the way."""
    place = root / path
    if any((root / folder).is_symlink() for folder in place.relative_to(root).parents[:-1]):
        return
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(place)
    elif os.path.lexists(place):
        place.unlink()


def seen(root: Path) -> Seen:
    """Return all that stands below ``root`` but Weft's own folder: kinds, modes, contents, targets."""
    found: Seen = {}
    for folder, folders, names in os.walk(root):
        if Path(folder) == root and ".weft" in folders:
            folders.remove(".weft")
        for name in (*folders, *names):
            path = Path(folder, name)
            mode = path.lstat().st_mode
            key = str(path.relative_to(root))
            if stat.S_ISLNK(mode):
                found[key] = ("link", os.readlink(path))
            elif stat.S_ISDIR(mode):
                found[key] = ("folder", stat.S_IMODE(mode))
            elif stat.S_ISREG(mode):
                found[key] = ("file", stat.S_IMODE(mode), path.read_bytes())
            else:
                found[key] = ("other",)
    return dict(sorted(found.items()))


def texts(root: Path) -> dict[str, str]:
    """Return the texts of all files, and `-> x` for links to x."""
    return {
        path: f"-> {told[1]}" if told[0] == "link" else os.fsdecode(told[2])
        for path, told in seen(root).items()
        if told[0] in ("file", "link")
    }


class Plan:
    """A plan's directory, in which tasks are given places to work and are brought back."""

    def __init__(self, root: Path, files: Mapping[str, str | None] | None = None) -> None:
        self.root = make(root, files or {})
        self.home = root / ".weft"
        self.publisher = Publisher(root, self.home / "publish")

    def folder_of(self, task_id: str) -> Path:
        return self.home / "runs" / "r1" / task_id

    def open(self, task_id: str, workspace: Workspace = COPY, *, keep_base: bool = False) -> PrivatePlace:
        return Private(self.root, self.folder_of, workspace, keep_base=keep_base).open(task_id)

    def left(self, task_id: str) -> Left:
        return Left.at(self.folder_of(task_id), self.home)

    def bring(self, place: PrivatePlace | Left, how: Merge | MergePolicy = MergePolicy.FAIL) -> Brought:
        how = Merge(how) if isinstance(how, MergePolicy) else how
        return Merging(self.root, self.publisher, how).bring(place, place.task_id)

    def together(
        self, how: Merge | MergePolicy, *doings: Doing, workspace: Workspace = COPY, keep_base: bool = True
    ) -> list[Brought]:
        """Open a place for each task, let each work in it, and bring all back; they are t1, t2 …"""
        places = [
            self.open(f"t{number}", workspace, keep_base=keep_base) for number in range(1, len(doings) + 1)
        ]
        for place, doing in zip(places, doings, strict=True):
            doing(place.path)
        return [self.bring(place, how) for place in places]


def writes(path: str, text: str | None) -> Doing:
    """Return a task that puts this there."""
    return lambda root: put(root, path, text)


def removes(path: str) -> Doing:
    """Return a task that removes this."""
    return lambda root: remove(root, path)
