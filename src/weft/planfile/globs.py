"""The files that match a pattern.

`*`, `?` and `[...]` match inside one name, `**` any number of directories. Names that begin with a dot are
matched only by a pattern that begins with one. Unlike the standard library's glob, `**` does not follow
symbolic links to directories (they may lead in circles), and a directory that can't be read is an error.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from fnmatch import translate

_MAGIC = re.compile(r"[*?[]")


def matches(pattern: str, root: str) -> list[str]:
    """Return what matches ``pattern`` under ``root``, sorted, as paths relative to it.

    A pattern that ends in `/` matches directories only. An absolute pattern gives absolute paths.

    Raises:
        OSError: when a directory that could hold matches can't be read.
    """
    directories_only = pattern.endswith("/")
    steps = [step for step in pattern.split("/") if step not in ("", ".")]
    start = "/" if pattern.startswith("/") else ""
    found = dict.fromkeys(_below(root, start, steps))
    return sorted(path for path in found if path and (not directories_only or _is_directory(root, path)))


def _below(root: str, path: str, steps: list[str]) -> Iterator[str]:
    """Yield the paths that begin with ``path`` and go on as ``steps`` say."""
    if not steps:
        yield path
        return
    step, *rest = steps
    if step == "**":
        yield from _any_depth(root, path, rest)
    elif _MAGIC.search(step):
        fits = re.compile(translate(step)).match
        for name in _names(root, path):
            if fits(name) and (step[0] == "." or name[0] != "."):
                yield from _below(root, path + name + "/" * bool(rest), rest)
    elif os.path.lexists(os.path.join(root, path, step)):
        yield from _below(root, path + step + "/" * bool(rest), rest)


def _any_depth(root: str, path: str, rest: list[str]) -> Iterator[str]:
    waiting = [path]
    while waiting:
        here = waiting.pop()
        if rest:
            yield from _below(root, here, rest)
        for name in _names(root, here):
            if name[0] != ".":
                inner = here + name
                if not rest:
                    yield inner
                if _is_directory(root, inner) and not os.path.islink(os.path.join(root, inner)):
                    waiting.append(inner + "/")


def _names(root: str, path: str) -> list[str]:
    """Return the names in a directory; there are none in what is no directory."""
    return os.listdir(os.path.join(root, path)) if _is_directory(root, path) else []


def _is_directory(root: str, path: str) -> bool:
    return os.path.isdir(os.path.join(root, path))
