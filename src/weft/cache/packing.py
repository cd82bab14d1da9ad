"""Gathers what is known when a run has ended in which each result held, or was kept: see `unchanged`.

All of it is looked at once more in the end, for a task may have written to what an earlier one had read.
What can't be told by stamps alone is not packed, and the next run goes the long way: a file that was written
to a moment ago, a pipe, a name that is no text.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress

import msgspec

from weft.cache.entry import Entry, input_reason, output_reasons
from weft.cache.inputs import Look, plain_paths
from weft.cache.saved import KEYS, Shelf
from weft.cache.state import CannotLook, State
from weft.cache.store import Hit, Kept
from weft.cache.unchanged import Stamp, Unchanged, digest_of_plan, place_of, stamp
from weft.disk.entry import Kind, is_young
from weft.model.cache import Cache
from weft.model.plan import Plan
from weft.model.task import Task
from weft.model.work import Command, ResultFormat


class _CannotPack(Exception):
    """Something is not what it was, or can't be told by a stamp."""


class Source:
    """The text of a plan file, and the directories that its `each` have listed, as they were just before.

    One that was written to a moment before has no stamp: it may get another entry without a trace.
    """

    def __init__(self) -> None:
        self.plan: str | None = None
        self.stamps: dict[str, Stamp | None] = {}

    def text(self, content: bytes) -> None:
        """Take in the text of the plan file."""
        self.plan = digest_of_plan(content)

    def directory(self, path: str) -> None:
        """Take in that the directory ``path`` is about to be listed."""
        if path not in self.stamps:
            self.stamps[path] = _fresh(path, time.time_ns())


def may_pack(plan: Plan) -> bool:
    """Tell whether nothing may be left to do in a run of ``plan``, and nothing to be told of it."""
    return bool(plan.tasks) and not plan.aggregates and all(task.cache is not None for task in plan.tasks)


class Packing:
    """Takes in which results hold, and packs that in the end.

    Args:
        root: the plan's directory.
        environment: the variables that tasks inherit.
        version: that of Weft.
        clock_ns: tells the moment, in nanoseconds since 1970, as the file system does.
    """

    def __init__(
        self,
        root: str,
        environment: Mapping[str, str],
        version: str,
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._clock_ns = clock_ns
        self._version = version
        self._root = root
        self._environment = environment
        self._entries: dict[str, Entry] = {}

    def holds(self, task: Task, hit: Hit) -> None:
        """The last result of ``task`` holds."""
        self._entries[task.id] = msgspec.structs.replace(hit.entry, inputs=hit.inputs)

    def made(self, task: Task, kept: Kept) -> None:
        """What ``task`` has made is kept."""
        self._entries[task.id] = kept.entry

    def save(self, shelf: Shelf, tasks: Sequence[Task], name: str, source: Source) -> bool:
        """Keep what is known of the plan; tell whether that can be done.

        Args:
            shelf: of the cache.
            tasks: all of the plan.
            name: that of the plan file.
            source: where the tasks come from.
        """
        place = place_of(self._root, name)
        try:
            packed = msgspec.msgpack.encode(self._packed(tasks, source))
            keys = "\n".join(self._entries[task.id].key for task in tasks).encode()
            shelf.make()
            shelf.write_bytes(place + KEYS, keys)
            shelf.write_bytes(place, packed)
        except (_CannotPack, CannotLook, OSError, UnicodeEncodeError):
            with suppress(OSError):
                os.unlink(place)
            return False
        return True

    def _packed(self, tasks: Sequence[Task], source: Source) -> Unchanged:
        if source.plan is None:
            raise _CannotPack("it was not read from a file")
        made = _Made(self._root, self._clock_ns)
        for path, was in source.stamps.items():
            made.listed(path, was)
        ends: list[float] = []
        variables: set[str] = set()
        logs = []
        for task in tasks:
            entry = self._entries.get(task.id)
            if entry is None or task.cache is None or not isinstance(task.work, Command):
                raise _CannotPack(task.id)
            cache = task.cache.filled(task.accesses)
            made.task(entry, cache)
            ends += _ends(entry, cache)
            variables.update(set(cache.env) - set(task.work.env))
            shown = {name: entry.logs.get(name) for name in ("stdout", "stderr")}
            if task.work.result is not ResultFormat.NONE:
                shown["stdout"] = None
            if any(shown.values()):
                logs.append((task.id, shown["stdout"], shown["stderr"]))
        return Unchanged(
            version=self._version,
            plan=source.plan,
            n_tasks=len(tasks),
            expires_at=min(ends, default=None),
            environment={name: self._environment.get(name) for name in sorted(variables)},
            missing=sorted(made.missing),
            files=list(made.files),
            stamps=list(made.files.values()),
            behind=list(made.behind),
            stamps_behind=list(made.behind.values()),
            modes={path: mode for path, mode in made.modes.items() if path not in made.behind},
            logs=logs,
        )


class _Made:
    """Looks at what tasks have looked at, and gathers the stamps."""

    def __init__(self, root: str, clock_ns: Callable[[], int]) -> None:
        self._clock_ns = clock_ns
        self.files: dict[str, Stamp] = {}
        self.behind: dict[str, Stamp] = {}
        self.modes: dict[str, int] = {}
        self.missing: set[str] = set()
        self._root = root
        self._look = Look(root, clock_ns, self._scanned)

    def task(self, entry: Entry, cache: Cache) -> None:
        inputs = self._look.inputs(cache.inputs or (), entry.inputs)
        found = {path: self._look.at(path, state) for path, state in entry.outputs.items()}
        outputs = {path: state for path, state in found.items() if state is not None}
        if input_reason(entry, inputs) or output_reasons(entry, outputs):
            raise _CannotPack(entry.task)
        for path, state in (*inputs.items(), *outputs.items()):
            self._add(path, state)
        self.missing.update(path for path in plain_paths(cache.inputs or ()) if path not in inputs)

    def listed(self, path: str, was: Stamp | None) -> None:
        if was is None or was != _fresh(path, self._clock_ns()):
            raise _CannotPack(path)
        self.behind[os.path.relpath(path, self._root or ".")] = was

    def _scanned(self, path: str) -> None:
        if path not in self.behind:
            place = self._look.place(path)
            if os.path.isdir(place):
                self.listed(place, _fresh(place, self._clock_ns()))
            elif not os.path.lexists(place):
                self.missing.add(path)
            # else it is no directory, and what it is counts as what it is

    def _add(self, path: str, state: State) -> None:
        if state.is_young:
            raise _CannotPack(path)
        was = (state.inode, state.size, state.mtime_ns, state.ctime_ns)
        match state.kind:
            case Kind.FILE:
                self.files[path] = (stat.S_IFREG | state.mode, *was)
            case Kind.DIRECTORY:
                self.modes[path] = stat.S_IFDIR | state.mode
            case Kind.LINK if state.digest is not None:
                self.behind[path] = (stat.S_IFREG | state.mode, *was)
                self.files[path] = self._of_link(path, state)
            case _:
                raise _CannotPack(path)

    def _of_link(self, path: str, state: State) -> Stamp:
        place = self._look.place(path)
        status = os.lstat(place)
        if is_young(status.st_ctime_ns, self._clock_ns()) or os.readlink(place) != state.target:
            raise _CannotPack(path)
        return stamp(status)


def _ends(entry: Entry, cache: Cache) -> Iterable[float]:
    if entry.expires_at is not None:
        yield entry.expires_at
    if cache.ttl_s is not None:
        yield entry.stored_at + cache.ttl_s


def _fresh(path: str, now_ns: int) -> Stamp | None:
    """Return the stamp of a directory, None if it may change without a trace, or is none."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return None if is_young(status.st_ctime_ns, now_ns) else stamp(status)
