"""Do two patterns overlap? Decided from the patterns alone, and exactly.

Two patterns overlap if there is a path that both match. They also do if one of them matches what
the other goes through: `out` overlaps `out/a`, for the one is about all of a directory in which the
other has something. That is so where one matches *every* directory that the other goes through at
that depth: `pkg/*` overlaps `pkg/*/a.c`, but `src/*.json` does not overlap `src/*/a.c`, and
`src/table.json` does not overlap `src/**/*.py`, though a directory could have such a name.

Both patterns are walked at once, segment by segment (the product of two automata): polynomial in
their lengths, whatever they match.
"""

from __future__ import annotations

from weft.planning.patterns import Branch, Names, Pattern, path_text
from weft.planning.segments import ANY_NAME, AnyDepth, Segment, common_name, shortest_name

Segments = tuple[Segment, ...]
_Found = Names | None


def overlap(a: Pattern, b: Pattern) -> str | None:
    """Return a path in which both patterns overlap, as short as can be, or None when there is none.

    Args:
        a, b: patterns that were parsed with the same root.

    >>> from weft.planning.patterns import parse
    >>> overlap(parse("src/**/*.py"), parse("src/lib/[ab]*"))
    'src/lib/a.py'
    >>> overlap(parse("out/*.json"), parse("out/*.csv")) is None
    True
    """
    for branch_a in a.branches:
        for branch_b in b.branches:
            names = common_path(branch_a, branch_b)
            if names is not None:
                return path_text(names, a.home)
    return None


def common_path(a: Branch, b: Branch) -> Names | None:
    """Return a shortest path in which both overlap, with its anchor, or None when there is none."""
    n_both = min(a.n_literal, b.n_literal)
    if a.segments[:n_both] != b.segments[:n_both]:
        return None
    rest = _common(a.segments[n_both:], b.segments[n_both:])
    if rest is not None:
        return (*(str(name) for name in a.segments[:n_both]), *rest)
    if goes_through(b.segments, a.segments):
        return _shortest(b.segments)
    return _shortest(a.segments) if goes_through(a.segments, b.segments) else None


def overlaps(a: Branch, b: Branch) -> bool:
    """Tell whether the two overlap: `common_path` for those who need no path."""
    n_both = min(a.n_literal, b.n_literal)
    if a.segments[:n_both] != b.segments[:n_both]:
        return False
    if a.whole and matches(b.segments, a.segments):
        return True
    if b.whole and matches(a.segments, b.segments):
        return True
    return common_path(a, b) is not None


def covers(wide: Branch, narrow: Branch) -> bool:
    """Tell whether whatever overlaps ``narrow`` overlaps ``wide`` too, in the cases that matter.

    These are: the same pattern, a directory and what is in it, a glob for names and one such path.

    >>> from weft.planning.patterns import parse
    >>> covers(parse("src/").branches[0], parse("src/lib/*.py").branches[0])
    True
    """
    segments, n_literal = wide.segments, wide.n_literal
    if len(segments) == n_literal + 1:
        if narrow.segments[:n_literal] != segments[:n_literal]:
            return False
        last = segments[n_literal]
        if isinstance(last, AnyDepth):
            return True
        if narrow.whole and len(narrow.segments) == n_literal + 1:
            return common_name(last, str(narrow.segments[n_literal])) is not None
    return segments == narrow.segments


def goes_through(segments: Segments, above: Segments) -> bool:
    """Tell whether ``above`` matches every directory that ``segments`` go through at some depth.

    Of two globs for a name, only `*` is known to match whatever another one matches.
    """
    states = _skipped({0}, above)
    for segment in segments[:-1]:
        if isinstance(segment, AnyDepth):
            return False
        states = _moved(states, above, segment)
        if len(above) in states:
            return True
    return False


def matches(segments: Segments, names: Segments) -> bool:
    """Tell whether ``segments`` match the path ``names``."""
    states = _skipped({0}, segments)
    for name in names:
        states = _moved(states, segments, name)
    return len(segments) in states


def _moved(states: set[int], segments: Segments, name: Segment) -> set[int]:
    """Return how many of ``segments`` can have been used up after one more ``name``."""
    after = set()
    for at in states:
        if at < len(segments):
            segment = segments[at]
            if isinstance(segment, AnyDepth):
                after.add(at)
            elif segment in (name, ANY_NAME) or (isinstance(name, str) and common_name(segment, name)):
                after.add(at + 1)
    return _skipped(after, segments)


def _skipped(states: set[int], segments: Segments) -> set[int]:
    """Add the states that are reached by matching no name with a `**`: two never stand side by side."""
    return states | {at + 1 for at in states if at < len(segments) and isinstance(segments[at], AnyDepth)}


def _common(a: Segments, b: Segments) -> _Found:
    """Return the shortest names that both match; the table is filled from the ends."""
    below: list[_Found] = [_nothing(b[at:]) for at in range(len(b) + 1)]
    for at_a in reversed(range(len(a))):
        row: list[_Found] = [*([None] * len(b)), _nothing(a[at_a:])]
        for at_b in reversed(range(len(b))):
            row[at_b] = _step(a[at_a], b[at_b], down=below[at_b], right=row[at_b + 1], both=below[at_b + 1])
        below = row
    return below[0]


def _step(a: Segment, b: Segment, down: _Found, right: _Found, both: _Found) -> _Found:
    """``down``, ``right`` and ``both`` are what is common after the first, the second, each of them."""
    if isinstance(a, AnyDepth):
        return _shorter(down, right if isinstance(b, AnyDepth) else _before(shortest_name(b), right))
    if isinstance(b, AnyDepth):
        return _shorter(right, _before(shortest_name(a), down))
    return None if both is None else _before(common_name(a, b), both)


def _nothing(segments: Segments) -> _Found:
    """Return no names, if ``segments`` can match that."""
    return () if all(isinstance(segment, AnyDepth) for segment in segments[:2]) else None


def _before(name: str | None, names: _Found) -> _Found:
    return None if name is None or names is None else (name, *names)


def _shorter(a: _Found, b: _Found) -> _Found:
    if a is None or b is None:
        return b if a is None else a
    return b if (len(b), sum(map(len, b))) < (len(a), sum(map(len, a))) else a


def _shortest(segments: Segments) -> Names:
    names = [shortest_name(segment) for segment in segments if not isinstance(segment, AnyDepth)]
    return tuple(name for name in names if name is not None)
