"""What stands on the disk: all files below a directory, how they have changed, and what they hold.

Weft's own folder and that of git are left out. Knows files, not the tasks that made them.
"""

from __future__ import annotations

import hashlib
import os
import stat
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from weft.planning.observed import Change
from weft.runtime.layout import STATE_FOLDER

LEFT_OUT = frozenset({STATE_FOLDER, ".git"})

# A file this young may be written again and look the same: the clocks of file systems tick every few
# milliseconds, those of some every tenth of a second.
YOUNG_NS = 100_000_000


class Seen(msgspec.Struct, frozen=True):
    """A file as it was seen. ``digest`` is known where size and times may not tell of the next change."""

    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int
    digest: str | None


def look(root: Path, last: Mapping[str, Seen] | None = None) -> dict[str, Seen]:
    """Return the files below ``root`` by their paths, which are relative to it and sorted.

    ``last`` is what was seen at the last look: a file that was young then is read again.
    """
    young_since = time.time_ns() - YOUNG_NS
    young = {name for name, seen in (last or {}).items() if seen.digest is not None}
    return {
        name: _seen(path, status, is_read=name in young or status.st_mtime_ns >= young_since)
        for name, path, status in _files(root)
    }


def changes(before: Mapping[str, Seen], after: Mapping[str, Seen]) -> dict[str, Change]:
    """Return what was done to which file between two looks."""
    found = {name: Change.DELETED for name in before if name not in after}
    for name, seen in after.items():
        if name not in before:
            found[name] = Change.CREATED
        elif _has_changed(before[name], seen):
            found[name] = Change.CHANGED
    return dict(sorted(found.items()))


def contents(root: Path) -> dict[str, str]:
    """Return for each file below ``root`` a text that is the same for the same content, kind and mode."""
    return {
        name: f"{stat.filemode(status.st_mode)} {_digest(path, status)}"
        for name, path, status in _files(root)
    }


def _has_changed(before: Seen, after: Seen) -> bool:
    if before.digest is not None and after.digest is not None and before.digest != after.digest:
        return True
    times = (before.size, before.mtime_ns, before.ctime_ns, before.inode)
    return times != (after.size, after.mtime_ns, after.ctime_ns, after.inode)


def _files(root: Path) -> Iterator[tuple[str, str, os.stat_result]]:
    for folder, folders, names in os.walk(root):
        if Path(folder) == root:
            folders[:] = [name for name in folders if name not in LEFT_OUT]
        links = [name for name in folders if os.path.islink(os.path.join(folder, name))]
        folders.sort()
        for name in sorted([*names, *links]):
            path = os.path.join(folder, name)
            try:
                yield os.path.relpath(path, root), path, os.lstat(path)
            except FileNotFoundError:
                continue  # a task has left something behind that is still at work


def _seen(path: str, status: os.stat_result, *, is_read: bool) -> Seen:
    digest = _digest(path, status) if is_read else None
    return Seen(status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino, digest)


def _digest(path: str, status: os.stat_result) -> str:
    try:
        if stat.S_ISLNK(status.st_mode):
            return os.readlink(path)
        if not stat.S_ISREG(status.st_mode):
            return ""  # a pipe or a socket holds nothing
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "blake2b").hexdigest()
    except OSError as error:
        return f"can't be read: {error.strerror}"
