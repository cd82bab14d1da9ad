"""One segment of a pattern: which names it matches, and which name two of them have in common.

Knows single names, never a whole path: how segments follow each other is the matter of `patterns`
and `overlap`. A name is never empty, never `.` or `..`, and holds neither `/` nor NUL.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from enum import Enum
from functools import lru_cache

import msgspec

Ranges = tuple[tuple[int, int], ...]  # code points from and to, both included; sorted, none touching the next
ANY_CHARACTER: Ranges = ((1, ord("/") - 1), (ord("/") + 1, 0x10FFFF))
DOT: Ranges = ((ord("."), ord(".")),)
READABLE = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_-"


class Star(Enum):
    """Any number of characters."""

    STAR = "*"


class Characters(msgspec.Struct, frozen=True, gc=False):
    """One character out of these; ``source`` is how the user wrote it."""

    source: str
    ranges: Ranges


class NameGlob(msgspec.Struct, frozen=True, gc=False):
    """A pattern for one name, made by `name_glob`.

    Each name that it matches begins with ``head`` and ends with ``tail``; if it ``is_simple``, a
    star between the two is all there is.
    """

    units: tuple[Unit, ...]
    head: str
    tail: str
    is_simple: bool

    @property
    def source(self) -> str:
        """The pattern as people write it."""
        return "".join(map(_source, self.units))

    def matches(self, name: str) -> bool:
        """Tell whether ``name`` is a name, and matched."""
        if not (name.startswith(self.head) and name.endswith(self.tail)) or name in ("", ".", ".."):
            return False
        if self.is_simple:
            return len(name) >= len(self.head) + len(self.tail)
        return _regex(self.units).match(name) is not None


class AnyDepth(Enum):
    """Any number of names: the segment `**`."""

    ANY_DEPTH = "**"

    @property
    def source(self) -> str:
        """The pattern as people write it."""
        return "**"


STAR = Star.STAR
ANY_DEPTH = AnyDepth.ANY_DEPTH
Unit = str | Characters | Star  # a string is one character that stands for itself
Segment = str | NameGlob | AnyDepth  # a string is a name that stands for itself


def name_glob(units: tuple[Unit, ...]) -> NameGlob:
    """Return the pattern that consists of ``units``; several stars in a row count as one."""
    once = tuple(
        [unit for at, unit in enumerate(units) if unit is not STAR or not at or units[at - 1] is not STAR]
    )
    head, tail = _leading(once), _leading(once[::-1])[::-1]
    return NameGlob(once, head, tail, STAR in once and len(once) == len(head) + 1 + len(tail))


def can_match(glob: NameGlob) -> bool:
    """Tell whether ``glob`` matches any name: all do but those for `.` and `..` only.

    >>> can_match(name_glob((Characters("[.]", ((46, 46),)), ".")))
    False
    """
    dots = all(unit == "." or (isinstance(unit, Characters) and unit.ranges == DOT) for unit in glob.units)
    return not dots or len(glob.units) > len("..")


def common_name(a: str | NameGlob, b: str | NameGlob) -> str | None:
    """Return a shortest name that both match, if there is one.

    >>> common_name("a.py", name_glob((STAR, ".", "p", "y")))
    'a.py'
    """
    if isinstance(a, str):
        return a if a == b or (not isinstance(b, str) and b.matches(a)) else None
    if isinstance(b, str):
        return b if a.matches(b) else None
    if not (_fit(a.head, b.head) and _fit(a.tail[::-1], b.tail[::-1])):
        return None
    return _merged(a, b) if a.is_simple and b.is_simple else _search(a, b)


def shortest_name(segment: str | NameGlob) -> str | None:
    """Return a shortest name that ``segment`` matches, if there is one.

    >>> shortest_name(name_glob((STAR, ".", "p", "y")))
    '.py'
    """
    return segment if isinstance(segment, str) else common_name(segment, ANY_NAME)


def without(ranges: Ranges) -> Ranges:
    """Return all characters of names that are not in ``ranges``."""
    gaps: list[tuple[int, int]] = []
    start = 0
    for low, high in ranges:
        gaps.append((start, low - 1))
        start = high + 1
    return shared(tuple(gap for gap in (*gaps, (start, 0x10FFFF)) if gap[0] <= gap[1]), ANY_CHARACTER)


def shared(a: Ranges, b: Ranges) -> Ranges:
    """Return the characters that are in both.

    >>> shared(((1, 5), (8, 9)), ((4, 8),))
    ((4, 5), (8, 8))
    """
    both = ((max(low, low_b), min(high, high_b)) for low, high in a for low_b, high_b in b)
    return tuple(sorted((low, high) for low, high in both if low <= high))


def _source(unit: Unit) -> str:
    if isinstance(unit, str):
        return f"\\{unit}" if unit in r"*?[{}\," else unit
    return unit.value if isinstance(unit, Star) else unit.source


def _leading(units: tuple[Unit, ...]) -> str:
    text = ""
    for unit in units:
        if not isinstance(unit, str):
            break
        text += unit
    return text


@lru_cache(maxsize=1 << 12)
def _regex(units: tuple[Unit, ...]) -> re.Pattern[str]:
    """The leftmost place of each part between two stars is as good as any: so no way is tried twice."""
    parts = [""]
    for unit in units:
        if isinstance(unit, Star):
            parts.append("")
        elif isinstance(unit, Characters):
            parts[-1] += "[" + "".join(rf"\U{low:08x}-\U{high:08x}" for low, high in unit.ranges) + "]"
        else:
            parts[-1] += re.escape(unit)
    first, *middle = parts
    last = f".*{middle.pop()}" if middle else ""
    return re.compile(rf"{first}{''.join(f'(?>.*?{part})' for part in middle)}{last}\Z", re.DOTALL)


def _fit(head: str, other: str) -> bool:
    return head.startswith(other) or other.startswith(head)


def _merged(a: NameGlob, b: NameGlob) -> str:
    """Put the longer head before the longer tail, one upon the other as far as both patterns allow."""
    head, tail = max(a.head, b.head, key=len), max(a.tail, b.tail, key=len)
    for n_shared in range(min(len(head), len(tail)), -1, -1):
        name = head + tail[n_shared:]
        if head.endswith(tail[:n_shared]) and a.matches(name) and b.matches(name):
            return name
    return f"{head}{READABLE[0]}{tail}"


class _Steps:
    """The states of a NameGlob: at ``at``, ``fixed[at]`` leads to the next, a star before it stays."""

    def __init__(self, glob: NameGlob) -> None:
        self.fixed: list[Ranges] = []
        self.stars = set()
        for unit in glob.units:
            if isinstance(unit, Star):
                self.stars.add(len(self.fixed))
            else:
                self.fixed.append(unit.ranges if isinstance(unit, Characters) else ((ord(unit), ord(unit)),))

    def from_(self, at: int) -> Iterator[tuple[Ranges, int]]:
        if at in self.stars:
            yield ANY_CHARACTER, at
        if at < len(self.fixed):
            yield self.fixed[at], at + 1


# The third part of a state tells what the name is so far: nothing, `.`, `..`, or what is a real name.
_State = tuple[int, int, int]
_REAL = 3


@lru_cache(maxsize=1 << 14)
def _search(a: NameGlob, b: NameGlob) -> str | None:
    """Walk both at once (the product of two automata), character by character, shortest names first."""
    steps_a, steps_b = _Steps(a), _Steps(b)
    end = (len(steps_a.fixed), len(steps_b.fixed), _REAL)
    came: dict[_State, tuple[_State, str] | None] = {(0, 0, 0): None}
    queue = deque(came)
    while queue and end not in came:
        state = queue.popleft()
        for character, after in _moves(state, steps_a, steps_b):
            if after not in came:
                came[after] = (state, character)
                queue.append(after)
    return _spelled(came, end) if end in came else None


def _moves(state: _State, steps_a: _Steps, steps_b: _Steps) -> Iterator[tuple[str, _State]]:
    at_a, at_b, real = state
    for ranges_a, to_a in steps_a.from_(at_a):
        for ranges_b, to_b in steps_b.from_(at_b):
            ranges = shared(ranges_a, ranges_b)
            dot = real != _REAL and _holds(ranges, ".")
            if dot:
                yield ".", (to_a, to_b, real + 1)
            character = _pick(ranges, but="." if dot else "")
            if character:
                yield character, (to_a, to_b, _REAL)


def _holds(ranges: Ranges, character: str) -> bool:
    return any(low <= ord(character) <= high for low, high in ranges)


def _pick(ranges: Ranges, but: str) -> str:
    for character in READABLE:
        if _holds(ranges, character):
            return character
    first = (chr(code) for low, high in ranges for code in range(low, min(low + 2, high + 1)))
    return next((character for character in first if character != but), "")


def _spelled(came: dict[_State, tuple[_State, str] | None], end: _State) -> str:
    characters = []
    step = came[end]
    while step:
        characters.append(step[1])
        step = came[step[0]]
    return "".join(reversed(characters))


ANY_NAME = name_glob((STAR,))
