"""What stands at a path, and whether it still does: by size and times first, by content where those moved.

A file that was written to a moment before the look may be written to again without a trace (`disk.entry`).
Such a file is *young*, and is compared by its content until a later look.

Knows single paths. Which paths belong to a task is told by `inputs`.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable

from weft.disk.content import digest_of
from weft.disk.entry import Entry, Kind, is_young, kind_of, stamp_of
from weft.model.miss import Unreadable


class State(Entry, frozen=True, omit_defaults=True):
    """What stood at a path at some moment.

    Size, times, mode and ``digest`` of a link are those of the file that it leads to, if it does: who reads
    it reads that. A directory has a mode only: what it holds has paths of its own.
    """

    is_young: bool = False


class CannotLook(Exception):
    """``reason`` names the path."""

    def __init__(self, path: str, error: OSError) -> None:
        self.reason = Unreadable(path, error.strerror or str(error))
        super().__init__(path)


def difference(one: State, other: State) -> str | None:
    """Return what makes these two things different, None if nothing does.

    >>> difference(State(Kind.FILE, 0o644, digest="a"), State(Kind.FILE, 0o644, mtime_ns=5, digest="a"))
    """
    if one.kind is not other.kind:
        return "kind"
    if one.target != other.target:
        return "target"
    if one.digest != other.digest:
        return "content"
    return None if one.mode == other.mode else "mode"


def look_at(
    path: str, *, shown: str, known: State | None = None, clock_ns: Callable[[], int] = time.time_ns
) -> State | None:
    """Return what stands at ``path``, None if nothing does.

    Args:
        path: where to look.
        shown: the path as people know it.
        known: what stood there earlier. If it has not moved since, the file is not read.
        clock_ns: tells the moment, in nanoseconds since 1970, as the file system does.

    Raises:
        CannotLook: it can't be read.
    """
    now_ns = clock_ns()
    try:
        return _looked(path, known, now_ns)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise CannotLook(shown, error) from error


def _looked(path: str, known: State | None, now_ns: int) -> State:
    status = os.lstat(path)
    kind = kind_of(status)
    if kind is Kind.FILE:
        return _file(path, status, known, now_ns, kind)
    if kind is not Kind.LINK:
        return State(kind, stat.S_IMODE(status.st_mode))
    target = os.readlink(path)
    try:
        behind = os.stat(path)
    except OSError:
        return State(kind, target=target)  # it leads nowhere
    if kind_of(behind) is Kind.FILE:
        return _file(path, behind, known, now_ns, kind, target)
    return State(kind, target=target)


def _file(
    path: str, status: os.stat_result, known: State | None, now_ns: int, kind: Kind, target: str | None = None
) -> State:
    """A file that is written to while it is read has moved on from this stamp, and won't be taken for it."""
    stamp = stamp_of(status)
    if known is not None and known.digest is not None and not known.is_young and known.stamp == stamp:
        digest = known.digest
    else:
        digest = digest_of(path)
    young = is_young(status.st_ctime_ns, now_ns)
    return State(kind, stat.S_IMODE(status.st_mode), *stamp, target=target, digest=digest, is_young=young)
