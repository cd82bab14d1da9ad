"""Removes workspaces, and nothing else.

Before anything is removed, all that speaks against it is looked for: work that was not brought back, somebody
who is in there, a way that leads out of Weft's own folder. What is not merged can be put into quarantine
instead. Removing itself goes from directory to directory and never through a link.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from weft.disk.mounts import plain
from weft.model.refusal import (
    ChangedSince,
    InUse,
    IsMountPoint,
    NotMerged,
    OutsideHome,
    Refusal,
    ThroughLink,
)
from weft.workspaces.inside import Inside, opened
from weft.workspaces.record import Room, State, seal_of

QUARANTINE = "quarantine"


class Cleaner:
    """Removes what lies in ``home``, Weft's own folder."""

    def __init__(self, home: Path) -> None:
        self._home = home.absolute()

    def refusal(self, room: Room) -> Refusal | None:
        """Return why the workspace can't be removed now, None if it can."""
        return self._misplaced(room.folder) or self._in_use(room) or _unmerged(room)

    def remove(self, room: Room) -> Refusal | None:
        """Remove the workspace, unless something speaks against it; the rest of its folder stays.

        Raises:
            OSError: the file system refuses. The next time goes on from there.
        """
        refusal = self.refusal(room)
        if refusal is None:
            self._remove(room)
        return refusal

    def discard(self, room: Room) -> Refusal | None:
        """Remove the workspace even if it was not merged: for one whose task has never begun.

        Raises:
            OSError: as above.
        """
        refusal = self._misplaced(room.folder)
        if refusal is None:
            self._remove(room)
        return refusal

    def quarantine(self, room: Room) -> Room | Refusal:
        """Move the workspace out of the way, with all that is known of it; return where it is now.

        Raises:
            OSError: the file system refuses.
        """
        refusal = self._misplaced(room.folder) or self._in_use(room)
        if refusal is not None:
            return refusal
        to = Room(self._free(self._home / QUARANTINE / room.folder.absolute().relative_to(self._home)))
        to.folder.mkdir(mode=0o700, parents=True)
        # The record comes last: a workspace without one is never taken for merged.
        for name, place in ((room.tree, to.tree), (room.pristine, to.pristine), (room.record, to.record)):
            if os.path.lexists(name):
                name.rename(place)
        room.lock.unlink(missing_ok=True)
        return to

    def _remove(self, room: Room) -> None:
        if os.path.lexists(room.tree) and not os.path.lexists(room.gone):
            room.tree.rename(room.gone)  # from now on it is known to be rubbish
        with opened(self._home) as home:
            for path in (room.gone, room.tree, room.pristine, room.record, room.lock):
                _remove(home, str(path.absolute().relative_to(self._home)))

    def _free(self, folder: Path) -> Path:
        number = 1
        free = folder
        while os.path.lexists(free):
            number += 1
            free = folder.with_name(f"{folder.name}.{number}")
        return free

    def _misplaced(self, folder: Path) -> Refusal | None:
        """Return why ``folder`` is no place in which Weft may remove anything."""
        path = folder.absolute()
        n_home = len(self._home.parts)
        inner = path.parts[n_home:]
        if path.parts[:n_home] != self._home.parts or not inner or ".." in path.parts:
            return OutsideHome(str(folder), str(self._home))
        way = [self._home, *(Path(*path.parts[: n_home + at + 1]) for at in range(len(inner)))]
        for part in way:
            if part.is_symlink():
                return ThroughLink(str(folder), str(part))
        real, home = os.path.realpath(path), os.path.realpath(self._home)
        for mount in _mounts():
            if f"{mount}/".startswith(f"{real}/") or (_is_below(real, mount) and _is_below(mount, home)):
                return IsMountPoint(str(folder), mount)
        return None

    def _in_use(self, room: Room) -> Refusal | None:
        if room.is_held():
            return InUse(str(room.folder))
        place = os.path.realpath(room.tree)
        for pid, folder in _working_folders():
            if folder == place or _is_below(folder, place):
                return InUse(str(room.folder), pid)
        return None


def _unmerged(room: Room) -> Refusal | None:
    folder = str(room.folder)
    if not os.path.lexists(room.tree):
        return None  # it was being removed, or there is none
    try:
        record = room.read()
    except FileNotFoundError:
        return NotMerged(folder, "without a record")
    except ValueError:
        return NotMerged(folder, "with a record that can't be read")
    if record.state is not State.MERGED:
        return NotMerged(folder, State.UNMERGED if record.state is State.RUNNING else record.state)
    return None if record.seal == seal_of(room.tree) else ChangedSince(folder)


def _is_below(path: str, folder: str) -> bool:
    return path.startswith(f"{folder.rstrip('/')}/")


def _mounts() -> Iterator[str]:
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as lines:
        for line in lines:
            yield plain(line.split(" ")[4])


def _working_folders() -> Iterator[tuple[int, str]]:
    """Yield the working directories of all processes that can be looked at."""
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                yield int(name), os.readlink(f"/proc/{name}/cwd")
            except OSError:
                continue  # it is somebody else's, or has ended


def _remove(home: Inside, path: str) -> None:
    """Remove what stands at ``path``, whatever rights a task has left on what is in it."""
    status = home.status(path)
    if status is None:
        return
    folders = [path] if stat.S_ISDIR(status.st_mode) else []
    if not folders:
        _unlink(home, path)
    for folder in folders:  # which grows on the way
        home.set_mode(folder, stat.S_IRWXU)
        for inner, is_directory in _listed(home, folder):
            if is_directory:
                folders.append(inner)
            else:
                _unlink(home, inner)
    for folder in reversed(folders):
        with home.parent(folder) as (fd, name):
            os.rmdir(name, dir_fd=fd)


def _unlink(home: Inside, path: str) -> None:
    with home.parent(path) as (fd, name):
        os.unlink(name, dir_fd=fd)


def _listed(home: Inside, folder: str) -> list[tuple[str, bool]]:
    with home.folder(folder) as fd:
        listed = os.open(".", os.O_RDONLY | os.O_DIRECTORY, dir_fd=fd)
    try:
        with os.scandir(listed) as names:
            return [(f"{folder}/{name.name}", name.is_dir(follow_symlinks=False)) for name in names]
    finally:
        os.close(listed)
