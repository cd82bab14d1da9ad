"""Hazards: which tasks touch the same thing, one of them writing, in program order.

What is promised of the hazards that are found, for tasks x and y with x earlier:

- If x and y conflict, a chain of hazards leads from x to y. So whoever keeps each hazard's order
  keeps program order; hazards that follow from others are left out where that is cheap to see.
- If y may read what x wrote, a chain of read-after-write hazards leads from x to y, and no
  read-after-write hazard is found else. It may, if something that x writes overlaps something that
  y reads, unless a task between them writes one of the two, being a plain path, as a whole. A task
  writes a plain path as a whole unless it, or an earlier one, names something below that path.

Each known pattern has registers: the tasks that still have to be looked at when the next task
comes. A task that covers a pattern, and must come after those in its register, stands for them
from then on: this is how registers of a processor are tracked, with patterns in their place.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from enum import Enum
from itertools import product
from typing import assert_never

import msgspec

from weft.model.access import Accesses
from weft.model.reason import ReadAfterWrite, WriteAfterRead, WriteAfterWrite
from weft.planning.overlap import covers, goes_through, overlaps
from weft.planning.patterns import Branch, Names, Pattern, Resolve, parse, path_text
from weft.planning.places import Places
from weft.planning.segments import Segment

Segments = tuple[Segment, ...]


class HazardKind(Enum):
    """What the later task does after the earlier."""

    READ_AFTER_WRITE = "read-after-write"
    WRITE_AFTER_READ = "write-after-read"
    WRITE_AFTER_WRITE = "write-after-write"


class Hazard(msgspec.Struct, frozen=True, gc=False):
    """The task at ``after`` must wait for the one at ``before``, because of ``path``.

    ``path`` is what both touch, or two globs that have paths in common.
    """

    before: int
    after: int
    kind: HazardKind
    path: str

    @property
    def required(self) -> bool:
        """Whether the later task can't do without the earlier one's success."""
        return self.kind is HazardKind.READ_AFTER_WRITE

    def reason(self, before: str, after: str) -> ReadAfterWrite | WriteAfterRead | WriteAfterWrite:
        """Return why the task called ``after`` comes after the one called ``before``."""
        match self.kind:
            case HazardKind.READ_AFTER_WRITE:
                return ReadAfterWrite(writer=before, reader=after, path=self.path)
            case HazardKind.WRITE_AFTER_READ:
                return WriteAfterRead(reader=before, writer=after, path=self.path)
            case HazardKind.WRITE_AFTER_WRITE:
                return WriteAfterWrite(first=before, second=after, path=self.path)
            case _:
                assert_never(self.kind)


class Conflicts:
    """Takes tasks in program order, and tells of each which earlier ones it must wait for.

    Args:
        root, resolve: how paths are read, as told in `patterns.parse`.

    >>> conflicts = Conflicts()
    >>> conflicts.add(0, Accesses(writes=("out/a.json",)))
    []
    >>> for hazard in conflicts.add(1, Accesses(reads=("out/",))):
    ...     print(hazard.before, hazard.kind.value, hazard.path)
    0 read-after-write out/a.json
    """

    def __init__(self, root: str | None = None, resolve: Resolve | None = None) -> None:
        self._root = root
        self._resolve = resolve
        # By the texts in which they occur. Most texts are one pattern; a list for each would be many.
        self._reads: dict[str, _Read | list[_Read]] = {}
        self._writes: dict[str, _Write | list[_Write]] = {}
        self._known_reads: dict[Segments, _Read] = {}
        self._known_writes: dict[Segments, _Write] = {}
        self._read_places: Places[_Read] = Places()
        self._write_places: Places[_Write] = Places()
        self._last = -1

    def add(self, position: int, accesses: Accesses) -> list[Hazard]:
        """Take in the next task; return its hazards with earlier ones, one for each of them.

        Where a task reads what another wrote, that is the hazard that is told.

        Raises:
            UsageError: when an access is no pattern.
        """
        assert position > self._last, f"task {position} comes after task {self._last}"
        self._last = position
        reads = [read for text in accesses.reads for read in self._read(text)]
        writes = [write for text in accesses.writes for write in self._written(text)]
        found: dict[int, Hazard] = {}
        required = [register for read in reads for register in read.follow(position, found)]
        for write in writes:
            write.follow(position, found, required)
        for read in reads:
            read.pending.add(position)
        for write in writes:
            write.pending.add(position)
            write.reaching.add(position)
        return [found[before] for before in sorted(found)] if len(found) > 1 else list(found.values())

    def _read(self, text: str) -> list[_Read]:
        reads = self._reads.get(text)
        if reads is None:
            pattern = parse(text, self._root, self._resolve)
            known = [self._known_read(pattern, branch) for branch in pattern.branches]
            reads = self._reads[text] = known if len(known) > 1 else known[0]
        return reads if isinstance(reads, list) else [reads]

    def _written(self, text: str) -> list[_Write]:
        writes = self._writes.get(text)
        if writes is None:
            pattern = parse(text, self._root, self._resolve)
            known = [self._known_write(pattern, branch) for branch in pattern.branches]
            writes = self._writes[text] = known if len(known) > 1 else known[0]
        return writes if isinstance(writes, list) else [writes]

    def _known_read(self, pattern: Pattern, branch: Branch) -> _Read:
        known = self._known_reads.get(branch.segments)
        if known is None:
            known = self._known_reads[branch.segments] = _Read(pattern, branch)
            for write in self._write_places.overlapping(branch):
                _introduce(known, write)
            self._read_places.add(known)
        return known

    def _known_write(self, pattern: Pattern, branch: Branch) -> _Write:
        known = self._known_writes.get(branch.segments)
        if known is None:
            known = self._known_writes[branch.segments] = _Write(pattern, branch)
            for other in self._write_places.overlapping(branch):
                known.meet(other)
                other.meet(known)
            for read in self._read_places.overlapping(branch):
                _introduce(read, known)
            self._write_places.add(known)
        return known


def between(
    earlier: Accesses, later: Accesses, root: str | None = None, resolve: Resolve | None = None
) -> list[tuple[HazardKind, str]]:
    """Return all hazards between two tasks, whatever stands between them, each with its path.

    >>> found = between(Accesses(reads=("a",), writes=("b",)), Accesses(reads=("b",), writes=("a",)))
    >>> for kind, path in found:
    ...     print(kind.value, path)
    read-after-write b
    write-after-read a
    """
    rules = (
        (HazardKind.READ_AFTER_WRITE, earlier.writes, later.reads),
        (HazardKind.WRITE_AFTER_READ, earlier.reads, later.writes),
        (HazardKind.WRITE_AFTER_WRITE, earlier.writes, later.writes),
    )
    found: dict[tuple[HazardKind, str], None] = {}
    for kind, befores, afters in rules:
        patterns = [parse(text, root, resolve) for text in befores]
        for after in (parse(text, root, resolve) for text in afters):
            for before in patterns:
                for first, second in product(before.branches, after.branches):
                    if overlaps(first, second):
                        found[kind, _touched(first, second, before.home)] = None
    return list(found)


class _Register:
    """Tasks that the next ones must be compared with, in program order; all did one ``kind`` of thing.

    It belongs to the pattern ``branch`` of a plan, or a scheme, at ``home``. ``kind`` is what a later
    writer does to them; None if only later readers look here. ``away`` are the views that have dropped this
    register while it was empty.
    """

    # No way leads back to the owner: what is not needed any more goes without a search for garbage.
    __slots__ = ("away", "branch", "home", "kind", "tasks")

    def __init__(self, branch: Branch, home: Names, kind: HazardKind | None) -> None:
        self.branch = branch
        self.home = home
        self.kind = kind
        self.tasks: list[int] = []
        self.away: list[_View] | None = None

    def add(self, position: int) -> None:
        if self.tasks and self.tasks[-1] == position:
            return
        if self.away is not None:
            for view in self.away:
                view.registers.append(self)
            self.away = None
        self.tasks.append(position)

    def drop(self, view: _View) -> None:
        if self.away is None:
            self.away = []
        self.away.append(view)


class _View:
    """Some registers. The empty ones are dropped, so that looking at them is paid for only once."""

    __slots__ = ("registers",)

    def __init__(self) -> None:
        self.registers: list[_Register] = []

    def live(self) -> list[_Register]:
        live = [register for register in self.registers if register.tasks]
        if len(live) < len(self.registers):
            for register in self.registers:
                if not register.tasks:
                    register.drop(self)
            self.registers = live
        return live


def _live(view: _View | None) -> list[_Register]:
    return [] if view is None else view.live()


def _with(view: _View | None, register: _Register) -> _View:
    """Most patterns meet no other: a view is made when there is something to be seen."""
    view = view or _View()
    view.registers.append(register)
    return view


class _Known:
    """A pattern that some task reads, or that some task writes."""

    __slots__ = ("branch", "inside", "pending")

    def __init__(self, pattern: Pattern, branch: Branch, kind: HazardKind) -> None:
        self.branch = branch
        self.pending = _Register(branch, pattern.home, kind)
        self.inside: _View | None = None


class _Read(_Known):
    """A pattern that is read.

    ``sources`` are writes that may be read here, ``inside`` those of them that this covers, as
    later writers see them; ``twin`` is the same pattern as one that is written.
    """

    __slots__ = ("sources", "twin")

    def __init__(self, pattern: Pattern, branch: Branch) -> None:
        super().__init__(pattern, branch, HazardKind.WRITE_AFTER_READ)
        self.sources: _View | None = None
        self.twin: _Write | None = None

    def follow(self, position: int, found: dict[int, Hazard]) -> list[_Register]:
        """Put the reader at ``position`` after the writers; return the registers that it needs all of."""
        replaced_at = -1 if self.twin is None else self.twin.replaced_at
        complete = []
        for register in _live(self.sources):
            tasks = register.tasks
            if tasks[0] < replaced_at:
                tasks = tasks[bisect_left(tasks, replaced_at) :]
            else:
                complete.append(register)
            _tell(found, tasks, position, HazardKind.READ_AFTER_WRITE, register, self.branch)
        for register in _live(self.inside):
            register.tasks.clear()  # a later writer meets this reader, which comes after them
        return complete


class _Write(_Known):
    """A pattern that is written.

    ``pending`` tells later writers who wrote here, ``reaching`` later readers. ``inside`` are the
    other reads and writes that this covers, ``across`` the rest of those that it overlaps. It
    ``is_whole`` when it is a plain path with nothing known below it; ``replaced_at`` is the last
    task that wrote it as such.
    """

    __slots__ = ("across", "is_whole", "reaching", "replaced_at")

    def __init__(self, pattern: Pattern, branch: Branch) -> None:
        super().__init__(pattern, branch, HazardKind.WRITE_AFTER_WRITE)
        self.reaching = _Register(branch, pattern.home, None)
        self.across: _View | None = None
        self.is_whole = branch.whole
        self.replaced_at = -1

    def meet(self, other: _Known) -> None:
        """Look from now on at what is done under ``other``, which overlaps this."""
        if covers(self.branch, other.branch):
            self.inside = _with(self.inside, other.pending)
        else:
            self.across = _with(self.across, other.pending)
        if self.is_whole and goes_through(other.branch.segments, self.branch.segments):
            self.is_whole = False

    def follow(self, position: int, found: dict[int, Hazard], required: list[_Register]) -> None:
        """Put the writer at ``position``, which can't do without those ``required``, after all others."""
        inside = [self.pending, *_live(self.inside)]
        for register in (*inside, *_live(self.across)):
            assert register.kind is not None, "writers look at pending registers only"
            _tell(found, register.tasks, position, register.kind, register, self.branch)
        for register in inside:
            register.tasks.clear()  # whoever overlaps them overlaps this writer, which comes after them
        if self.is_whole:
            self.replaced_at = position
            self.reaching.tasks.clear()
        for register in required:
            if covers(self.branch, register.branch):
                register.tasks.clear()  # whoever may read them requires this writer, and so them


def _introduce(read: _Read, write: _Write) -> None:
    """Let a read and a write that overlap look at each other from now on."""
    read.sources = _with(read.sources, write.reaching)
    if covers(read.branch, write.branch):
        read.inside = _with(read.inside, write.pending)
    write.meet(read)
    if read.branch.segments == write.branch.segments:
        read.twin = write


def _tell(
    found: dict[int, Hazard],
    before: Iterable[int],
    after: int,
    kind: HazardKind,
    first: _Register,
    second: Branch,
) -> None:
    """Add a hazard with each task ``before`` that has none yet."""
    path = None
    for task in before:
        if task not in found:
            if path is None:
                path = _touched(first.branch, second, first.home)
            found[task] = Hazard(task, after, kind, path)


def _touched(first: Branch, second: Branch, home: tuple[str, ...]) -> str:
    """Return what both touch: the narrower of the two, or both."""
    if covers(first, second) or goes_through(second.segments, first.segments):
        return path_text(second.segments, home)
    if covers(second, first) or goes_through(first.segments, second.segments):
        return path_text(first.segments, home)
    if first.whole or second.whole:
        return path_text((first if first.whole else second).segments, home)
    return f"{path_text(first.segments, home)} and {path_text(second.segments, home)}"
