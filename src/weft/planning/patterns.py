r"""What the text of an access covers: from `src/**/*.{c,h}` to segments that can be compared.

| written | matches |
|---|---|
| `out/a.json` | this path; who writes it writes all of it |
| `out/` | this directory and everything below it, as does `out/**` |
| `*`, `?` | any characters, one character; never `/` |
| `[a-z]`, `[!a-z]`, `[^a-z]` | one of these characters, one other; `]` is one of them when it comes first |
| `**` as a whole segment | any number of segments, none among them; inside a segment it is `*` |
| `{a,b/c,}` | each of these; may be nested |
| `\*` | the character itself |
| `db:orders/42` | a named resource: compared with those of the same scheme only, by the same rules |

A scheme has at least two letters; a file that looks like a resource is written `./db:orders`. Names
that begin with a dot need no dot in the pattern. Nothing here looks at the disk: symbolic links are
resolved by a function that the caller brings.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from enum import Enum
from functools import lru_cache

import msgspec

from weft.errors import UsageError
from weft.planning.segments import (
    ANY_CHARACTER,
    ANY_DEPTH,
    STAR,
    Characters,
    Segment,
    Star,
    Unit,
    can_match,
    name_glob,
    shared,
    without,
)

MOST_ALTERNATIVES = 1_000  # a pattern that means more paths than this is better said with `*`
LONGEST_NAME = 255  # bytes: no file system of Linux holds a longer name
_GLOB = re.compile(r"[*?\[{\\]")
_NESTED = re.compile(r"[\[{\\]")  # where the meaning of a character depends on those before it
_MAY_BE_WRONG = re.compile(r"[\[{\\\0]|\.\.")
ANY = Characters("?", ANY_CHARACTER)
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")

Resolve = Callable[[str], str]
Names = tuple[str, ...]


class Ground(msgspec.Struct, frozen=True):
    """Where a plan lies: its absolute ``root``, free of links, and where its paths really lead.

    Both as told in `parse`.
    """

    root: str | None = None
    resolve: Resolve | None = None


NOWHERE = Ground()  # of a plan that is looked at apart from any disk


class Branch(msgspec.Struct, frozen=True, gc=False):
    """One alternative of a pattern.

    The first of ``segments`` is an anchor, a name that nothing but itself matches: `/` for paths
    from the root of the file system, `.` for those below a plan of unknown place, `..` and so on
    for those beside it, `db:` for resources. The first ``n_literal`` segments are strings. A
    directory ends with a `**`.
    """

    segments: tuple[Segment, ...]
    n_literal: int

    @property
    def whole(self) -> bool:
        """Whether this is one path, and neither a directory nor a glob: who writes it writes all of it."""
        return self.n_literal == len(self.segments)


class Pattern(msgspec.Struct, frozen=True, gc=False):
    """What the access ``text`` covers: all that one of ``branches`` matches.

    ``home`` is the place of the plan (or of the scheme) as segments: paths below it are shown
    relative to it.
    """

    text: str
    branches: tuple[Branch, ...]
    home: Names


def parse(text: str, root: str | None = None, resolve: Resolve | None = None) -> Pattern:
    """Return what ``text`` covers.

    Args:
        text: a path, a directory, a glob or a resource, as written in `reads` or `writes`.
        root: the absolute path of the plan. Without it, nothing is known about what `../x` and
            `/x` have to do with the plan's own files: they are compared as written.
        resolve: takes a path and returns it without symbolic links, as far as it exists: absolute,
            or relative to the plan. It is given the part of a path before its first glob, absolute
            if ``root`` is given, with each `..` still in it. ``root`` itself must be free of links.

    Raises:
        UsageError: when the text is no pattern; `pattern_problem` tells so beforehand.

    >>> parse("./src//lib/../*.py").branches[0].segments[:2]
    ('.', 'src')
    """
    if not text:
        raise UsageError("it is empty")
    if "\0" in text:
        raise UsageError("it holds a NUL character, which no path can hold")
    scheme = _SCHEME.match(text)
    home = (scheme[0].lower(),) if scheme else _home(root)
    rest = text[scheme.end() :] if scheme else text
    written = _alternatives(rest) if _GLOB.search(rest) else [rest.split("/")]
    branches = [_branch(segments, home, None if scheme else resolve) for segments in written]
    if len(branches) > 1:
        branches = list(dict.fromkeys(branches))
    return Pattern(text, tuple(branches), home)


def pattern_problem(text: str) -> str | None:
    """Return what is wrong with ``text`` as a pattern, in words that follow its name.

    >>> pattern_problem("src/[a")
    'it has a `[` that is never closed; write `\\\\[` for the character itself'
    """
    if text and len(text) <= LONGEST_NAME and not _MAY_BE_WRONG.search(text):
        return None  # most are like that, and plans may hold tens of thousands
    try:
        parse(text)
    except UsageError as error:
        return str(error)
    return None


def names_resource(text: str) -> bool:
    """Tell whether ``text`` is a named resource, not files.

    >>> names_resource("db:orders"), names_resource("./db:orders")
    (True, False)
    """
    return _SCHEME.match(text) is not None


def escaped(name: str) -> str:
    r"""Return a pattern text that matches ``name`` and nothing else, whatever characters it holds.

    >>> print(escaped("a[1].md"))
    a\[1].md
    """
    return re.sub(r"[*?\[{}\\,:]", r"\\\g<0>", name)


def path_text(segments: Sequence[Segment], home: Names = (".",)) -> str:
    """Return ``segments`` as people write them: relative to ``home`` where they lie below it.

    >>> path_text(("/", "plan", "src", "a.c"), home=("/", "plan"))
    'src/a.c'
    """
    names = [part if isinstance(part, str) else part.source for part in segments]
    if segments[-1] is ANY_DEPTH:
        names[-1] = ""  # a directory
    anchor = names[0]
    if anchor.endswith(":"):
        return anchor + "/".join(names[1:])
    if tuple(names[: len(home)]) == home:
        return "/".join(names[len(home) :] if names[len(home) : len(home) + 1] != [""] else [".", ""]) or "."
    return "/".join(["" if anchor == "/" else anchor, *names[1:]]) or "/"


@lru_cache(maxsize=64)
def _home(root: str | None) -> Names:
    if root is None:
        return (".",)
    assert root.startswith("/"), f"the root of a plan is an absolute path, not {root!r}"
    return _walked(("/",), root.split("/"))


def _branch(written: Sequence[Segment], home: Names, resolve: Resolve | None) -> Branch:
    """``written`` is a path cut at each slash: an absolute one begins, a directory ends with nothing."""
    n_plain = next((at for at, part in enumerate(written) if not isinstance(part, str)), len(written))
    names = [part for part in written[:n_plain] if isinstance(part, str)]
    is_absolute = len(written) > 1 and written[0] == "" and not home[0].endswith(":")
    place, names = (("/",), names[1:]) if is_absolute else (home, names)
    if resolve is not None:
        place, names = _resolved(place, names, home, resolve)
    literal = _walked(place, names)
    globs = _globs(written[n_plain:]) if n_plain < len(written) else []
    if written[-1] in ("", ".", "..") and globs[-1:] != [ANY_DEPTH]:
        globs.append(ANY_DEPTH)
    return Branch((*literal, *globs), len(literal))


def _resolved(place: Names, names: list[str], home: Names, resolve: Resolve) -> tuple[Names, list[str]]:
    above = [] if place == (".",) else [path_text(place).rstrip("/")]
    path = resolve("/".join([*above, *names]) or ("/" if above else "."))
    return (("/",) if path.startswith("/") else home), path.split("/")


def _walked(place: Names, names: Sequence[str]) -> Names:
    """Go from ``place`` from name to name; nothing lies above the root and above a scheme."""
    path = list(place)
    for name in names:
        if name == "..":
            if len(path) > 1:
                path.pop()
            elif path[0].startswith("."):
                path[0] = ".." if path[0] == "." else f"{path[0]}/.."
        elif name not in ("", "."):
            path.append(name)
    return tuple(path)


def _globs(written: Sequence[Segment]) -> list[Segment]:
    """Return the segments from the first glob on, without those that change nothing."""
    segments: list[Segment] = []
    for part in written:
        if part == "..":
            raise UsageError("it has `..` after a glob: which directory that is can't be told")
        if part not in ("", ".") and not (part is ANY_DEPTH and segments[-1:] == [ANY_DEPTH]):
            segments.append(part)
    return segments


def _alternatives(text: str) -> list[list[Segment]]:
    """Return each alternative of a text with globs, cut at its slashes."""
    if not _NESTED.search(text):
        return [[_simple(part) for part in text.split("/")]]
    return [_cut(units) for units in _expanded(_tokens(text))]


def _simple(part: str) -> Segment:
    units = tuple([STAR if unit == "*" else ANY if unit == "?" else unit for unit in part])
    return _segment(units) if _GLOB.search(part) else part


class _Brace(Enum):
    OPEN = "{"
    COMMA = ","
    CLOSE = "}"


_Token = Unit | _Brace


def _tokens(text: str) -> list[_Token]:
    tokens: list[_Token] = []
    at = 0
    while at < len(text):
        character = text[at]
        at += 1
        if character == "\\":
            if at == len(text):
                raise UsageError("it ends with a `\\` that stands before nothing")
            tokens.append(text[at])
            at += 1
        elif character == "[":
            characters, at = _characters(text, at)
            tokens.append(characters)
        elif character == "?":
            tokens.append(ANY)
        elif character == "*":
            tokens.append(STAR)
        else:
            tokens.append(_Brace(character) if character in "{,}" else character)
    return tokens


def _characters(text: str, start: int) -> tuple[Characters, int]:
    """Return the characters of the brackets that were opened before ``start``, and where they end."""
    at = start + (text[start : start + 1] in ("!", "^"))
    members: list[tuple[str, bool]] = []  # a character, and whether it was escaped
    while text[at : at + 1] != "]" or not members:
        if text[at : at + 2] in ("[:", "[.", "[="):
            raise UsageError(f"it has `{text[at : at + 2]}` inside brackets, which is not known here")
        is_escaped = text[at : at + 1] == "\\"
        at += is_escaped
        if at >= len(text):
            raise UsageError("it has a `[` that is never closed; write `\\[` for the character itself")
        members.append((text[at], is_escaped))
        at += 1
    source = text[start - 1 : at + 1]
    ranges = _ranges(members, source)
    ranges = without(ranges) if text[start] in "!^" else shared(ranges, ANY_CHARACTER)
    if not ranges:
        raise UsageError(f"it has `{source}`, which no character matches")
    return Characters(source, ranges), at + 1


def _ranges(members: list[tuple[str, bool]], source: str) -> tuple[tuple[int, int], ...]:
    found: list[tuple[int, int]] = []
    at = 0
    while at < len(members):
        low = high = ord(members[at][0])
        if members[at + 1 : at + 2] == [("-", False)] and at + 2 < len(members):
            high = ord(members[at + 2][0])
            at += 2
        if low > high:
            raise UsageError(f"it has `{source}`, in which `{chr(low)}-{chr(high)}` runs backwards")
        found.append((low, high))
        at += 1
    return _joined(found)


def _joined(ranges: list[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    joined: list[tuple[int, int]] = []
    for low, high in sorted(ranges):
        if joined and low <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(high, joined[-1][1]))
        else:
            joined.append((low, high))
    return tuple(joined)


class _Braces:
    """What stands between two braces: the alternatives before the last comma, and those since."""

    def __init__(self) -> None:
        self.closed: list[list[Unit]] = []
        self.open: list[list[Unit]] = [[]]


def _expanded(tokens: list[_Token]) -> list[list[Unit]]:
    """Return the units of each alternative."""
    inner = _Braces()
    outer: list[_Braces] = []
    for token in tokens:
        if token is _Brace.OPEN:
            outer.append(inner)
            inner = _Braces()
        elif token is _Brace.COMMA and outer:
            inner.closed += inner.open
            inner.open = [[]]
        elif token is _Brace.CLOSE and outer:
            around = outer.pop()
            around.open = _each_with_each(around.open, _choices(inner))
            inner = around
        else:
            for units in inner.open:
                units.append(token.value if isinstance(token, _Brace) else token)
    if outer:
        raise UsageError("it has a `{` that is never closed; write `\\{` for the character itself")
    return inner.open


def _choices(braces: _Braces) -> list[list[Unit]]:
    if not braces.closed:
        raise UsageError("it has braces without a comma between them; write `\\{` for the character itself")
    return braces.closed + braces.open


def _each_with_each(before: list[list[Unit]], after: list[list[Unit]]) -> list[list[Unit]]:
    if len(before) * len(after) > MOST_ALTERNATIVES:
        raise UsageError(f"its braces stand for more than {MOST_ALTERNATIVES:,} paths; say it with `*`")
    return [[*first, *second] for first in before for second in after]


def _cut(units: list[Unit]) -> list[Segment]:
    segments: list[Segment] = []
    start = 0
    for at, unit in enumerate([*units, "/"]):
        if unit == "/":
            segments.append(_segment(tuple(units[start:at])))
            start = at + 1
    return segments


def _segment(units: tuple[Unit, ...]) -> Segment:
    if units == (STAR, STAR):
        return ANY_DEPTH
    name = "".join(unit for unit in units if isinstance(unit, str))
    if len(name) == len(units):
        return name
    if sum(not isinstance(unit, Star) for unit in units) > LONGEST_NAME:
        raise UsageError(f"it has a name of more than {LONGEST_NAME} characters, which no file can have")
    glob = name_glob(units)
    if not can_match(glob):
        raise UsageError(f"it has `{glob.source}`, which no name matches")
    return glob
