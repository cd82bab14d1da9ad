"""Fills a workspace with copies of the plan's files, and gets links right that would lead elsewhere.

A copy keeps mode and modification time. A link with an absolute path into the plan's directory leads into
the workspace; a relative one that leaves the plan's directory leads to where it led. Owners, access lists
and extended attributes are not copied, two names of one file become two files.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from weft.disk.clone import copy_bytes
from weft.disk.content import digest_of_open
from weft.disk.entry import Entry, Kind, stamp_of
from weft.workspaces.inside import opened
from weft.workspaces.manifest import Manifest


class Links(msgspec.Struct, frozen=True):
    """Where links lead, in the plan's directory ``root`` and in the workspace ``tree``."""

    root: str
    tree: str

    def to_workspace(self, path: str, target: str) -> str:
        """Return the target in the workspace of the plan's link at ``path`` to ``target``.

        >>> Links("/plan", "/w").to_workspace("a/l", "/plan/b")
        '/w/b'
        >>> Links("/plan", "/w").to_workspace("a/l", "../../data")
        '/data'
        """
        if target.startswith("/"):
            return _moved(target, self.root, self.tree)
        place = os.path.normpath(os.path.join(os.path.dirname(path), target))
        if place == ".." or place.startswith("../"):
            return os.path.normpath(os.path.join(self.root, place))
        return target

    def to_plan(self, target: str) -> str:
        """Return the target in the plan's directory of a link that was made in the workspace."""
        return _moved(target, self.tree, self.root)


class Filled(msgspec.Struct, frozen=True):
    """What was copied: ``origin`` has what each copy holds, ``turned`` where each link leads there."""

    origin: Manifest
    turned: Mapping[str, str]


def fill(root: Path, tree: Path, origin: Manifest, paths: Iterable[str], links: Links) -> Filled:
    """Copy ``paths`` of ``root`` into the empty directory ``tree``.

    Args:
        root: the plan's directory.
        tree: the workspace.
        origin: what was seen in ``root``; what is copied is told anew if it has changed since.
        paths: of the manifest, with the directories above each.
        links: where links lead.

    Raises:
        OSError: something can't be read or written.
    """
    entries = dict(origin.entries)
    turned = {}
    folders = []
    with opened(root) as source, opened(tree) as target, source.folder() as at, target.folder() as to:
        for path in sorted(paths):
            entry = entries[path]
            if entry.kind is Kind.DIRECTORY:
                os.mkdir(path, 0o700, dir_fd=to)
                folders.append((path, entry.mode))
            elif entry.kind is Kind.LINK and entry.target is not None:
                turned[path] = links.to_workspace(path, entry.target)
                os.symlink(turned[path], path, dir_fd=to)
            elif entry.kind is Kind.FILE:
                copied = _copy(at, to, path, entry)
                if copied is None:
                    del entries[path]
                else:
                    entries[path] = copied
        for path, mode in reversed(folders):
            target.set_mode(path, mode)
    return Filled(Manifest(entries, origin.taken_ns), turned)


def _copy(at: int, to: int, path: str, entry: Entry) -> Entry | None:
    """Copy one file, and return what the copy holds; None if there is no such file any more."""
    try:
        source = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=at)
    except FileNotFoundError:
        return None
    try:
        target = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=to)
        try:
            copy_bytes(source, target)
            after = os.fstat(source)
            if stamp_of(after) != entry.stamp:
                # It is being written to: what counts is what the task sees.
                os.lseek(target, 0, os.SEEK_SET)
                size = os.fstat(target).st_size
                entry = Entry(Kind.FILE, entry.mode, size, digest=digest_of_open(os.dup(target)))
            os.fchmod(target, entry.mode)
            os.utime(target, ns=(after.st_atime_ns, after.st_mtime_ns))
        finally:
            os.close(target)
    finally:
        os.close(source)
    return entry


def _moved(target: str, above: str, to: str) -> str:
    return to + target[len(above) :] if target == above or target.startswith(f"{above}/") else target
