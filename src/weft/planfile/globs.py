"""The files that match a pattern.

`*`, `?` and `[...]` match inside one name, `**` any number of directories. Names that begin with a dot are
matched only by a pattern that begins with one. Unlike the standard library's glob, `**` does not follow
symbolic links to directories (they may lead in circles), and a directory that can't be read is an error.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from fnmatch import translate

_MAGIC = re.compile(r"[*?[]")


def matches(pattern: str, root: str, listed: Callable[[str], None] = lambda path: None) -> list[str]:
    """Return what matches ``pattern`` under ``root``, sorted, as paths relative to it.

    A pattern that ends in `/` matches directories only. An absolute pattern gives absolute paths.
    ``listed`` is told of each place that is about to be looked into as a directory.

    Raises:
        OSError: when a directory that could hold matches can't be read.
    """
    directories_only = pattern.endswith("/")
    steps = [step for step in pattern.split("/") if step not in ("", ".")]
    walk = _Walk(root, listed)
    found = dict.fromkeys(walk.below("/" if pattern.startswith("/") else "", steps))
    return sorted(path for path in found if path and (not directories_only or walk.is_directory(path)))


class _Walk:
    """Goes where a pattern leads."""

    def __init__(self, root: str, listed: Callable[[str], None]) -> None:
        self._root = root
        self._listed = listed

    def below(self, path: str, steps: list[str]) -> Iterator[str]:
        """Yield the paths that begin with ``path`` and go on as ``steps`` say."""
        if not steps:
            yield path
            return
        step, *rest = steps
        if step == "**":
            yield from self._any_depth(path, rest)
        elif _MAGIC.search(step):
            fits = re.compile(translate(step)).match
            for name in self._names(path):
                if fits(name) and (step[0] == "." or name[0] != "."):
                    yield from self.below(path + name + "/" * bool(rest), rest)
        else:
            self._listed(self._place(path))
            if os.path.lexists(self._place(path + step)):
                yield from self.below(path + step + "/" * bool(rest), rest)

    def is_directory(self, path: str) -> bool:
        return os.path.isdir(self._place(path))

    def _any_depth(self, path: str, rest: list[str]) -> Iterator[str]:
        waiting = [path]
        while waiting:
            here = waiting.pop()
            if rest:
                yield from self.below(here, rest)
            for name in self._names(here):
                if name[0] != ".":
                    inner = here + name
                    if not rest:
                        yield inner
                    if self.is_directory(inner) and not os.path.islink(self._place(inner)):
                        waiting.append(inner + "/")

    def _names(self, path: str) -> list[str]:
        """Return the names in a directory; there are none in what is no directory."""
        self._listed(self._place(path))
        return os.listdir(self._place(path)) if self.is_directory(path) else []

    def _place(self, path: str) -> str:
        return os.path.join(self._root, path)
