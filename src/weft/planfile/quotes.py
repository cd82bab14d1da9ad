"""Which parts of a shell script stand inside quotes.

Follows quotes, escapes, comments and command substitutions of /bin/sh. A comment counts as quoted (a line
break in a value would end it), and so does everything after `<<`: what a here-document does with quotes
depends on how its end is written.
"""

from __future__ import annotations


def quoted_offsets(script: str) -> set[int]:
    """Return the offsets in ``script`` at which a quoted value would not be read as one.

    >>> sorted(quoted_offsets("a 'b' c"))
    [2, 3, 4]
    """
    return _Walk(script).quoted()


class _Walk:
    def __init__(self, script: str) -> None:
        self._script = script
        self._open: list[str] = []  # `"`, backquotes and brackets that have not been closed

    def quoted(self) -> set[int]:
        quoted: set[int] = set()
        offset = 0
        while offset < len(self._script):
            inside = self._open[-1:] == ['"']
            end = self._in_double(offset) if inside else self._outside(offset)
            if inside or (self._script[offset] in "'#<" and end > offset + 1):
                quoted.update(range(offset, end))
            offset = end
        return quoted

    def _in_double(self, offset: int) -> int:
        match self._script[offset]:
            case "\\":
                return offset + 2
            case '"':
                self._open.pop()
            case "`":
                self._backquote()
            case "$" if self._script.startswith("$(", offset):
                self._open.append("(")
                return offset + 2
        return offset + 1

    def _outside(self, offset: int) -> int:
        match self._script[offset]:
            case "\\":
                return offset + 2
            case "'":
                return self._after("'", offset + 1)
            case '"':
                self._open.append('"')
            case "`":
                self._backquote()
            case "(":
                self._open.append("(")
            case ")" if self._open[-1:] == ["("]:
                self._open.pop()
            case "#" if offset == 0 or self._script[offset - 1] in " \t\n;&|(":
                return self._after("\n", offset)
            case "<" if self._script.startswith("<<", offset):
                return len(self._script)
        return offset + 1

    def _backquote(self) -> None:
        if self._open[-1:] == ["`"]:
            self._open.pop()
        else:
            self._open.append("`")

    def _after(self, end: str, start: int) -> int:
        found = self._script.find(end, start)
        return len(self._script) if found < 0 else found + 1
