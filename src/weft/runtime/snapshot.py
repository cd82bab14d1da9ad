"""What stands on the disk: all files below a directory, how they have changed, and what they hold.

Weft's own folder and that of git are left out. Knows files, not the tasks that made them.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from weft.disk.content import digest_of
from weft.disk.entry import YOUNG_NS, Entry, Kind, kind_of, stamp_of
from weft.planning.observed import Change
from weft.runtime.layout import STATE_FOLDER

LEFT_OUT = frozenset({STATE_FOLDER, ".git"})


def look(root: Path, last: Mapping[str, Entry] | None = None) -> dict[str, Entry]:
    """Return the files below ``root`` by their paths, which are relative to it and sorted.

    Digests are told where size and times may not tell of the next change. ``last`` is what was seen at the
    last look: a file that was young then is read again.
    """
    young_since = time.time_ns() - YOUNG_NS
    young = {name for name, seen in (last or {}).items() if seen.digest is not None}
    return {
        name: _seen(path, status, is_read=name in young or status.st_mtime_ns >= young_since)
        for name, path, status in _files(root)
    }


def changes(before: Mapping[str, Entry], after: Mapping[str, Entry]) -> dict[str, Change]:
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


def _has_changed(before: Entry, after: Entry) -> bool:
    if before.digest is not None and after.digest is not None and before.digest != after.digest:
        return True
    return before.stamp != after.stamp


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


def _seen(path: str, status: os.stat_result, *, is_read: bool) -> Entry:
    digest = _digest(path, status) if is_read else None
    return Entry(kind_of(status), stat.S_IMODE(status.st_mode), *stamp_of(status), digest=digest)


def _digest(path: str, status: os.stat_result) -> str:
    try:
        match kind_of(status):
            case Kind.FILE:
                return digest_of(path)
            case Kind.LINK:
                return os.readlink(path)
        return ""  # a pipe or a socket holds nothing
    except OSError as error:
        return f"can't be read: {error.strerror}"
