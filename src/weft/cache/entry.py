"""What is kept of a task that has succeeded, and whether it still holds, given what there is now."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from weft.cache.inputs import States
from weft.cache.state import State, difference
from weft.disk.entry import Kind
from weft.model.miss import Expired, InputAppeared, InputChanged, InputGone, OutputChanged, OutputGone

FORMAT = 1  # of entries and keys: another one makes all earlier entries void


class Entry(msgspec.Struct, frozen=True, omit_defaults=True):
    """One result.

    ``fields`` are digests of what the task consisted of, by their names as people know them. ``result`` and
    ``logs`` are digests of files of the cache, as are those of the outputs if it ``has_copies`` of these.
    Moments are in seconds since 1970.
    """

    format: int
    key: str
    task: str
    fields: dict[str, str]
    stored_at: float
    expires_at: float | None = None
    inputs: dict[str, State] = {}
    outputs: dict[str, State] = {}
    has_copies: bool = False
    logs: dict[str, str] = {}
    result: str | None = None

    @property
    def file_mtimes(self) -> dict[str, int]:
        """When each input was last written to, in nanoseconds since 1970."""
        return {path: state.mtime_ns for path, state in self.inputs.items()}

    def blobs(self) -> dict[str, str]:
        """Return the digests of all files of the cache that belong to it, and what each of them is."""
        found = {digest: f"the log `{name}`" for name, digest in self.logs.items()}
        if self.result is not None:
            found[self.result] = "the result"
        if self.has_copies:
            for path, state in self.outputs.items():
                if state.kind is Kind.FILE and state.digest is not None:
                    found.setdefault(state.digest, f"`{path}`")
        return found


def is_cache_valid(entry: Entry, file_mtimes: Mapping[str, int], now: float) -> bool:
    """Tell whether ``entry`` holds by its age and by the times of its inputs alone.

    Args:
        entry: what is kept.
        file_mtimes: when each file was last written to, in nanoseconds since 1970.
        now: in seconds since 1970.

    >>> is_cache_valid(Entry(1, "k", "t", {}, stored_at=0.0, expires_at=9.0), {}, now=9.0)
    True
    >>> is_cache_valid(Entry(1, "k", "t", {}, stored_at=0.0, expires_at=9.0), {}, now=9.1)
    False
    """
    if entry.expires_at is not None and entry.expires_at < now:
        return False
    return all(file_mtimes.get(path) == mtime_ns for path, mtime_ns in entry.file_mtimes.items())


def expired(entry: Entry, ttl_s: float | None, now: float) -> Expired | None:
    """Tell whether ``entry`` is too old: for what was promised when it was stored, or for ``ttl_s``."""
    ends = [] if entry.expires_at is None else [entry.expires_at]
    if ttl_s is not None:
        ends.append(entry.stored_at + ttl_s)
    if not ends or min(ends) >= now:
        return None
    return Expired(age_s=now - entry.stored_at, ttl_s=min(ends) - entry.stored_at)


def input_reason(entry: Entry, now: States) -> InputChanged | InputGone | InputAppeared | None:
    """Return what is different about the inputs, None if nothing is."""
    for path, was in entry.inputs.items():
        if path not in now:
            return InputGone(path)
        if what := difference(was, now[path]):
            return InputChanged(path, what)
    appeared = next((path for path in now if path not in entry.inputs), None)
    return None if appeared is None else InputAppeared(appeared)


def output_reasons(entry: Entry, now: States) -> dict[str, OutputChanged | OutputGone]:
    """Return what is different about the outputs, by their paths.

    A file that merely stands where an output could is nobody's business: to run again would not remove it.
    """
    found: dict[str, OutputChanged | OutputGone] = {}
    for path, was in entry.outputs.items():
        if path not in now:
            found[path] = OutputGone(path)
        elif what := difference(was, now[path]):
            found[path] = OutputChanged(path, what)
    return found


def moved(before: States, after: States) -> str | None:
    """Return an input that was written to between two looks, None if none was.

    A file that has the same content again may have had another one in between, and was then written to. But
    a new link to it, or its mode given anew, moves only the time that nobody can choose.
    """
    for path, was in before.items():
        now = after.get(path)
        if now is None or difference(was, now):
            return path
        if (was.size, was.mtime_ns, was.inode) != (now.size, now.mtime_ns, now.inode):
            return path
    return next((path for path in after if path not in before), None)
