"""Whether anything has changed since a run of a plan in which nothing was left to do.

What that run has found out is kept as one file for each plan, beside the results: which files were looked
at, and by what it would be seen that one was written to, or that a directory has other entries. If all of
it is as it was, each task would find that its last result holds. So nothing else of Weft is needed, which
this file takes care of: it loads no more than it must.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping

import msgspec

from weft.model.files import STATE_FOLDER

Stamp = tuple[int, int, int, int, int]


class Unchanged(msgspec.Struct, frozen=True, array_like=True):
    """What must be as it was.

    ``version`` and ``plan`` are those of Weft and the digest of the plan file. ``expires_at`` is when the
    first of the results is too old, in seconds since 1970. Paths are relative to the plan. Those in
    ``missing`` are not there; ``files`` have stamps of their own, ``behind`` those of what links lead to;
    of ``modes`` nothing else counts. ``logs`` are the digests of what each task has written, where it has.
    """

    version: str
    plan: str
    n_tasks: int
    expires_at: float | None
    environment: dict[str, str | None]
    missing: list[str]
    files: list[str]
    stamps: list[Stamp]
    behind: list[str]
    stamps_behind: list[Stamp]
    modes: dict[str, int]
    logs: list[tuple[str, str | None, str | None]]


def stamp(status: os.stat_result) -> Stamp:
    """Return what differs if a file is written to, or a directory gets or loses an entry."""
    return (status.st_mode, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def place_of(root: str, plan: str) -> str:
    """Return where this is kept of the plan file called ``plan`` in the directory ``root``."""
    return f"{root}/{STATE_FOLDER}/cache/plans/{plan}"


def blob_of(root: str, digest: str) -> str:
    """Return where a file with the content that ``digest`` names is kept."""
    return f"{root}/{STATE_FOLDER}/cache/blobs/{digest[:2]}/{digest}"


def digest_of_plan(content: bytes) -> str:
    """Return the digest of the text of a plan file."""
    return hashlib.blake2b(content, digest_size=32).hexdigest()


def load(root: str, plan: str, content: bytes, version: str) -> Unchanged | None:
    """Return what is known of a plan, None if nothing is that holds for this very text, and Weft."""
    try:
        with open(place_of(root, plan), "rb") as file:
            known = msgspec.msgpack.decode(file.read(), type=Unchanged)
    except (OSError, msgspec.DecodeError):
        return None
    is_same = known.version == version and known.plan == digest_of_plan(content)
    return known if is_same else None


def holds(known: Unchanged, root: str, environment: Mapping[str, str], now: float) -> bool:
    """Tell whether all is as it was.

    Args:
        known: what was.
        root: the directory of the plan.
        environment: the variables of this process.
        now: in seconds since 1970.
    """
    if known.expires_at is not None and known.expires_at < now:
        return False
    if any(environment.get(name) != value for name, value in known.environment.items()):
        return False
    above = "" if root in ("", ".") else f"{root}/"
    try:
        return _files_hold(known, above)
    except (OSError, ValueError):
        return False


def _files_hold(known: Unchanged, above: str) -> bool:
    lstat = os.lstat
    for path, was in zip(known.files, known.stamps, strict=True):
        if stamp(lstat(above + path if path[0] != "/" else path)) != was:
            return False
    for path, was in zip(known.behind, known.stamps_behind, strict=True):
        if stamp(os.stat(os.path.join(above, path))) != was:
            return False
    for path, mode in known.modes.items():
        if lstat(os.path.join(above, path)).st_mode != mode:
            return False
    return not any(os.path.lexists(os.path.join(above, path)) for path in known.missing)
