"""Which of the known patterns overlap this one? Found without asking each of them.

A tree of names: a pattern stands where its literal beginning ends. A search walks down the tree as
its own segments say, and takes all that stands below where they end. Among many globs, or many
names, of one directory those that begin or end in the right way are found by looking these up.

Knows patterns, not what tasks do with them: that is kept in `conflicts`.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import Any, Generic, Protocol, TypeVar

from weft.planning.overlap import overlaps
from weft.planning.patterns import Branch
from weft.planning.segments import ANY_DEPTH, AnyDepth, NameGlob, Segment


class Placed(Protocol):
    """Something that belongs to a pattern."""

    @property
    def branch(self) -> Branch:
        """The pattern."""


P = TypeVar("P", bound=Placed)
T = TypeVar("T")
LAST_CHARACTER = chr(0x10FFFF)
FEW = 8  # as many as can be asked one by one before looking them up is quicker


class Places(Generic[P]):
    """Things by the pattern that they belong to, one for each.

    >>> from weft.planning.patterns import parse
    >>> class Note:
    ...     def __init__(self, text: str) -> None:
    ...         self.text, self.branch = text, parse(text).branches[0]
    >>> places = Places[Note]()
    >>> for text in ("out/a.json", "out/*.csv", "src/"):
    ...     places.add(Note(text))
    >>> sorted(note.text for note in places.overlapping(parse("out/*").branches[0]))
    ['out/*.csv', 'out/a.json']
    """

    def __init__(self) -> None:
        self._top: _Place[P] = _Place()

    def add(self, thing: P) -> None:
        """Keep ``thing``, whose pattern is not known yet."""
        branch = thing.branch
        place = self._top
        for name in branch.segments[: branch.n_literal]:
            place = place.below.get(str(name)) or place.extended(str(name))
        if branch.whole:
            place.plain = thing
        else:
            place.add_glob(thing)

    def overlapping(self, branch: Branch) -> list[P]:
        """Return what is kept under patterns that overlap ``branch``."""
        found: list[P] = []
        place = self._top
        for name in branch.segments[: branch.n_literal]:
            if place.plain is not None:
                found.append(place.plain)
            if place.globs is not None:
                found += place.globs_common(branch, name)
            below = place.below.get(str(name))
            if below is None:
                return found
            place = below
        if branch.whole:
            return found + place.all()
        return found + _along(place, branch)


_NOTHING: dict[str, Any] = {}  # stands for the names below each place that has none: never written to


class _Place(Generic[P]):
    """What begins with one path: the plain path itself, globs that continue it, and names below it."""

    __slots__ = ("below", "globs", "names", "plain")

    def __init__(self) -> None:
        self.plain: P | None = None
        self.below: dict[str, _Place[P]] = _NOTHING
        self.globs: _Affixes[P] | None = None
        self.names: _Affixes[str] | None = None  # those of `below`, once a glob has asked for them

    def extended(self, name: str) -> _Place[P]:
        if self.below is _NOTHING:
            self.below = {}
        place = self.below[name] = _Place()
        if self.names is not None:
            self.names.add(name, name, name)
        return place

    def add_glob(self, thing: P) -> None:
        if self.globs is None:
            self.globs = _Affixes()
        self.globs.add(*_affixes(thing.branch.segments[thing.branch.n_literal]), thing)

    def globs_common(self, branch: Branch, segment: Segment) -> list[P]:
        """Return what is kept under the globs from here on that overlap ``branch``."""
        if self.globs is None:
            return []
        near = self.globs.near(*_affixes(segment))
        return [thing for thing in near if overlaps(branch, thing.branch)]

    def met(self, branch: Branch, at: int) -> list[P]:
        """Return what is met here by ``branch``, whose first ``at`` segments have led to this place."""
        here = [self.plain] if self.plain is not None and overlaps(branch, self.plain.branch) else []
        return here + self.globs_common(branch, branch.segments[at])

    def onward(self, segment: Segment, at: int) -> list[tuple[_Place[P], int]]:
        """Return the places that ``segment``, which stands at ``at``, leads to from here."""
        if isinstance(segment, AnyDepth):
            return [(self, at + 1), *((place, at) for place in self.below.values())]
        if isinstance(segment, str):
            return [(self.below[segment], at + 1)] if segment in self.below else []
        near = self._names().near(segment.head, segment.tail)
        return [(self.below[name], at + 1) for name in near if segment.matches(name)]

    def all(self) -> list[P]:
        """Return all that stands here and below."""
        if not self.below and self.globs is None:
            return [] if self.plain is None else [self.plain]
        found: list[P] = []
        waiting = [self]
        while waiting:
            place = waiting.pop()
            if place.plain is not None:
                found.append(place.plain)
            if place.globs is not None:
                found += place.globs.near("", "")
            waiting += place.below.values()
        return found

    def _names(self) -> _Affixes[str]:
        if self.names is None:
            self.names = _Affixes()
            for name in self.below:
                self.names.add(name, name, name)
        return self.names


def _affixes(segment: Segment) -> tuple[str, str]:
    """Return how each name that ``segment`` matches begins and ends."""
    if isinstance(segment, NameGlob):
        return segment.head, segment.tail
    return ("", "") if isinstance(segment, AnyDepth) else (segment, segment)


def _along(start: _Place[P], branch: Branch) -> list[P]:
    """Walk on from ``start`` wherever the globs of ``branch`` lead; ``**`` may lead to a place twice."""
    segments = branch.segments
    found: dict[int, P] = {}
    seen: set[tuple[int, int]] = set()
    waiting = [(start, branch.n_literal)]
    while waiting:
        place, at = waiting.pop()
        if (id(place), at) not in seen:
            seen.add((id(place), at))
            if at == len(segments) or segments[at:] == (ANY_DEPTH,):
                met = place.all()
            else:
                met = place.met(branch, at)
                waiting += place.onward(segments[at], at)
            found.update((id(thing), thing) for thing in met)
    return list(found.values())


class _Affixes(Generic[T]):
    """Things by how names begin and end: finds those that may fit, and few others."""

    __slots__ = ("_all", "_heads", "_tails")

    def __init__(self) -> None:
        self._all: list[tuple[str, str, T]] = []
        self._heads: _Beginnings[T] | None = None
        self._tails: _Beginnings[T] | None = None

    def add(self, head: str, tail: str, thing: T) -> None:
        self._all.append((head, tail, thing))
        if self._heads is not None and self._tails is not None:
            self._heads.add(head, thing)
            self._tails.add(tail[::-1], thing)
        elif len(self._all) > FEW:
            self._heads, self._tails = _Beginnings(), _Beginnings()
            for each_head, each_tail, each in self._all:
                self._heads.add(each_head, each)
                self._tails.add(each_tail[::-1], each)

    def near(self, head: str, tail: str) -> list[T]:
        """Return at least the things that fit at both ends."""
        if self._heads is None or self._tails is None:
            return [thing for _, _, thing in self._all]
        heads, tails = self._heads.near(head), self._tails.near(tail[::-1])
        return self._heads.things(heads) if _size(heads) <= _size(tails) else self._tails.things(tails)


_Near = tuple[list[list[T]], int, int]  # things of shorter texts, and the range of the longer ones


def _size(near: _Near[T]) -> int:
    return sum(map(len, near[0])) + near[2] - near[1]


class _Beginnings(Generic[T]):
    """Things by a text; finds those where one text begins with the other."""

    __slots__ = ("_by_text", "_lengths", "_texts", "_things")

    def __init__(self) -> None:
        self._by_text: dict[str, list[T]] = {}
        self._lengths: dict[int, None] = {}
        self._texts: list[str] = []  # sorted, one for each of `_things`
        self._things: list[T] = []

    def add(self, text: str, thing: T) -> None:
        self._by_text.setdefault(text, []).append(thing)
        self._lengths[len(text)] = None
        at = bisect_right(self._texts, text)
        self._texts.insert(at, text)
        self._things.insert(at, thing)

    def near(self, text: str) -> _Near[T]:
        by_text = self._by_text
        lengths = [length for length in self._lengths if length < len(text)]
        shorter = [things for length in lengths if (things := by_text.get(text[:length]))]
        start = bisect_left(self._texts, text) if text else 0
        if text and text[-1] != LAST_CHARACTER:
            end = bisect_left(self._texts, text[:-1] + chr(ord(text[-1]) + 1), lo=start)
        else:
            end = len(self._texts)
        return shorter, start, end

    def things(self, near: _Near[T]) -> list[T]:
        shorter, start, end = near
        return [thing for things in shorter for thing in things] + self._things[start:end]
