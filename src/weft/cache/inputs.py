"""The files that patterns cover, and what stands there: found by walking where the patterns lead.

What is below a match is covered, as it is in `reads`. So all that comes to match or is gone is seen, and not
only what changes. Links to directories are followed for inputs, for so do tasks that read them; as outputs
they are links. Weft's own folder is never covered, `.git` only by a pattern that names it.

Knows paths; how a single file is compared is the matter of `state`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping

from weft.cache.state import CannotLook, State, look_at
from weft.errors import UsageError
from weft.model.files import STATE_FOLDER
from weft.planning.patterns import Branch, names_resource, parse, path_text
from weft.planning.segments import AnyDepth, Segment

GIT = ".git"

States = Mapping[str, State]


class Look:
    """Looks at the files of one place, again and again, without reading again what has not moved.

    Args:
        root: the directory that patterns are relative to.
        clock_ns: tells the moment, in nanoseconds since 1970, as the file system does.
        scanned: is told of each path that is about to be listed, if it is a directory.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        clock_ns: Callable[[], int] = time.time_ns,
        scanned: Callable[[str], None] = lambda path: None,
    ) -> None:
        self._scanned = scanned
        self.root = os.path.abspath(root)
        self._clock_ns = clock_ns
        self._seen: dict[str, State] = {}

    def inputs(self, patterns: Iterable[str], known: States | None = None) -> dict[str, State]:
        """Return what is covered, by its path as it is written in the patterns, sorted.

        Args:
            patterns: as the user wrote them.
            known: what stood there earlier: what has not moved since is not read.

        Raises:
            UsageError: one of them is no pattern of files.
            CannotLook: something can't be read.
        """
        return self._states(patterns, known or {}, follow=True)

    def outputs(self, patterns: Iterable[str], known: States | None = None) -> dict[str, State]:
        """Return the same without following links to directories."""
        return self._states(patterns, known or {}, follow=False)

    def at(self, path: str, known: State | None = None) -> State | None:
        """Return what stands at ``path``, None if nothing does.

        Raises:
            CannotLook: it can't be read.
        """
        known = self._seen.get(path, known)
        state = look_at(self.place(path), shown=path, known=known, clock_ns=self._clock_ns)
        if state is not None and state.digest is not None:
            self._seen[path] = state
        return state

    def place(self, path: str) -> str:
        """Return the absolute path of ``path``."""
        return os.path.join(self.root, path)

    def _states(self, patterns: Iterable[str], known: States, follow: bool) -> dict[str, State]:
        found: dict[str, State] = {}
        for text in patterns:
            walk = _Walk(self.root, GIT in text.split("/"), follow, self._scanned)
            for branch in file_branches(text):
                for path in walk.along(branch):
                    if path not in found:
                        state = self.at(path, known.get(path))
                        if state is not None:
                            found[path] = state
        return dict(sorted(found.items()))


def file_branches(text: str) -> tuple[Branch, ...]:
    """Return the alternatives of a pattern.

    Raises:
        UsageError: it is none, or a named resource, of which nobody can tell whether it has changed.
    """
    if names_resource(text):
        raise UsageError(
            f"`{text}` is a named resource: whether it has changed can't be told, so no result depends on it"
        )
    return parse(text).branches


def plain_paths(patterns: Iterable[str]) -> list[str]:
    """Return those of ``patterns`` that are one path each.

    >>> plain_paths(["out/a", "out/", "*.c", "{x,y}"])
    ['out/a', 'x', 'y']
    """
    branches = (branch for text in patterns for branch in file_branches(text))
    return [path_text(branch.segments) for branch in branches if branch.whole]


class _Walk:
    """Yields the paths that patterns match, and all below them; some of them more than once."""

    def __init__(self, root: str, with_git: bool, follow: bool, scanned: Callable[[str], None]) -> None:
        self._scanned = scanned
        self._root = root
        self._never = {STATE_FOLDER} if with_git else {STATE_FOLDER, GIT}
        self._follow = follow

    def along(self, branch: Branch) -> Iterator[str]:
        literal = branch.segments[: branch.n_literal]
        start = path_text(literal)
        if not self._never.intersection(str(name) for name in literal):
            if branch.whole and not self._follow and os.path.islink(os.path.join(self._root, start)):
                yield start
            else:
                yield from self._matched(start, branch.segments[branch.n_literal :], ())

    def _matched(self, path: str, rest: tuple[Segment, ...], above: tuple[str, ...]) -> Iterator[str]:
        """Yield what ``rest`` matches, relative to ``path``; ``above`` are the directories gone through."""
        if not rest:
            yield path
            yield from self._below(path, above)
            return
        first = rest[0]
        if isinstance(first, AnyDepth):
            yield from self._matched(path, rest[1:], above)
            if len(rest) == 1:
                return  # that was all of it
        elif isinstance(first, str):
            yield from self._matched(_joined(path, first), rest[1:], above)
            return
        for name, real in self._names(path, above):
            left = rest if isinstance(first, AnyDepth) else rest[1:]
            if isinstance(first, AnyDepth) or first.matches(name):
                if real is not None:
                    yield from self._matched(_joined(path, name), left, (*above, real))
                elif not left:
                    yield _joined(path, name)

    def _below(self, path: str, above: tuple[str, ...]) -> Iterator[str]:
        for name, real in self._names(path, above):
            inner = _joined(path, name)
            yield inner
            if real is not None:
                yield from self._below(inner, (*above, real))

    def _names(self, path: str, above: tuple[str, ...]) -> list[tuple[str, str | None]]:
        """Return the names in the directory ``path``, each with the directory to enter there, if any."""
        place = os.path.join(self._root, path)
        self._scanned(path)
        try:
            with os.scandir(place) as found:
                return [
                    (entry.name, self._entered(entry, above))
                    for entry in found
                    if entry.name not in self._never
                ]
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise CannotLook(path, error) from error

    def _entered(self, entry: os.DirEntry[str], above: tuple[str, ...]) -> str | None:
        if entry.is_dir(follow_symlinks=False):
            return entry.path
        if not self._follow or not os.path.isdir(entry.path):
            return None
        real = os.path.realpath(entry.path)
        # A link to a directory that it lies in would be followed for ever.
        is_circle = real in above or f"{os.path.realpath(os.path.dirname(entry.path))}/".startswith(
            f"{real}/"
        )
        return None if is_circle else real


def _joined(path: str, name: str) -> str:
    return name if path == "." else f"{path.rstrip('/')}/{name}"
