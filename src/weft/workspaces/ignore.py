r"""Patterns as in a `.gitignore`, with the meaning that git gives them.

| line | matches |
|---|---|
| `*.o` | this name in every directory |
| `/build`, `docs/*.html` | from the top, because of a `/` that is not the last character |
| `cache/` | directories only |
| `**/`, `/**`, `/**/` | any number of directories; everything below; any number between |
| `!keep.o` | not left out after all; the last line that matches decides |
| `#…`, nothing | a comment |

`*`, `?` and `[a-z]` do not match `/`; `\` takes the meaning from the next character. What lies in a
directory that is left out is left out, whatever comes later. A `?` is one character, where git means a byte.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

import msgspec

from weft.workspaces.manifest import above

# What `[:name:]` stands for inside brackets; for the characters of ASCII, as in git.
_CLASSES = {
    "alnum": "a-zA-Z0-9",
    "alpha": "a-zA-Z",
    "blank": " \\t",
    "cntrl": "\\x00-\\x1f\\x7f",
    "digit": "0-9",
    "graph": "!-~",
    "lower": "a-z",
    "print": " -~",
    "punct": "!-/:-@\\[-`{-~",
    "space": " \\t-\\r",
    "upper": "A-Z",
    "xdigit": "a-fA-F0-9",
}


class _Line(msgspec.Struct, frozen=True):
    """One pattern. ``on_name`` tells that it is about the last name of a path only."""

    regex: re.Pattern[str]
    on_name: bool
    for_directories: bool
    brings_back: bool


class Ignore:
    """Tells which paths the ``lines`` leave out.

    >>> ignore = Ignore(["*.o", "!main.o", "/build/"])
    >>> ignore.leaves_out("src/a.o"), ignore.leaves_out("main.o"), ignore.leaves_out("build/x")
    (True, False, True)
    """

    def __init__(self, lines: Iterable[str]) -> None:
        found = [_parsed(line) for line in lines]
        self._lines = [line for line in reversed(found) if line is not None]
        self._in_folder = lru_cache(maxsize=1 << 14)(self._is_folder_left_out)

    def leaves_out(self, path: str, *, is_directory: bool = False) -> bool:
        """Tell whether ``path``, or a directory above it, is left out."""
        if not self._lines:
            return False
        return any(self._in_folder(folder) for folder in above(path)) or self.names(path, is_directory)

    def names(self, path: str, is_directory: bool) -> bool:
        """Tell whether ``path`` itself is left out, whatever lies above it."""
        name = path.rpartition("/")[2]
        for line in self._lines:
            if line.for_directories and not is_directory:
                continue
            if line.regex.match(name if line.on_name else path):
                return not line.brings_back
        return False

    def _is_folder_left_out(self, folder: str) -> bool:
        return self.names(folder, True)


def _parsed(line: str) -> _Line | None:
    text = _without_trailing_spaces(line)
    if not text or text.startswith("#"):
        return None
    brings_back = text.startswith("!")
    text = text.removeprefix("!") if brings_back else text
    for_directories = text.endswith("/")
    text = text.removesuffix("/") if for_directories else text
    on_name = "/" not in text
    regex = _regex(text.removeprefix("/"))
    return None if regex is None else _Line(regex, on_name, for_directories, brings_back)


def _without_trailing_spaces(line: str) -> str:
    text = line.rstrip(" ")
    n_backslashes = len(text) - len(text.rstrip("\\"))
    return f"{text} " if len(text) < len(line) and n_backslashes % 2 else text


def _regex(text: str) -> re.Pattern[str] | None:
    """Return what ``text`` means, or None if it can't match anything."""
    if not text:
        return None
    found = ""
    at = 0
    while at < len(text):
        character = text[at]
        if character == "\\":
            if at + 1 == len(text):
                return None
            found += re.escape(text[at + 1])
            at += 2
        elif character == "*":
            end = at + len(text[at:]) - len(text[at:].lstrip("*"))
            part, at = _stars(text, at, end)
            found += part
        elif character == "[":
            brackets = _brackets(text, at + 1)
            if brackets is None:
                return None
            part, at = brackets
            found += part
        else:
            found += "[^/]" if character == "?" else re.escape(character)
            at += 1
    return re.compile(rf"(?s:{found})\Z")


def _stars(text: str, start: int, end: int) -> tuple[str, int]:
    """Return what the stars from ``start`` to ``end`` mean, and where what follows them begins."""
    is_segment = (start == 0 or text[start - 1] == "/") and text[end : end + 1] in ("", "/")
    if end - start == 1 or not is_segment:
        return "[^/]*", end
    return (".*", end) if end == len(text) else ("(?:.*/)?", end + 1)


def _brackets(text: str, start: int) -> tuple[str, int] | None:
    """Return what the brackets opened before ``start`` mean, and their end; None if they never close."""
    is_negated = text[start : start + 1] in ("!", "^")
    at = first = start + is_negated
    members = ""
    low: str | None = None  # the character before, with which a range can begin
    while True:
        character = text[at : at + 1]
        if not character:
            return None
        if character == "]" and at > first:
            break
        if text[at : at + 2] == "[:" and (end := text.find(":]", at + 2)) >= 0:
            if text[at + 2 : end] not in _CLASSES:
                return None
            members += _CLASSES[text[at + 2 : end]]
            low, at = None, end + 2
            continue
        is_range = character == "-" and low is not None and text[at + 1 : at + 2] not in ("", "]")
        at += is_range
        at += text[at] == "\\"
        if at >= len(text):
            return None
        if is_range and low is not None:
            if low <= text[at]:
                members += f"{re.escape(low)}-{re.escape(text[at])}"
            low = None
        else:
            low = text[at]
            members += re.escape(low)
        at += 1
    if is_negated:
        return f"[^/{members}]", at + 1
    return (f"(?:(?!/)[{members}])" if members else "(?!)"), at + 1
