"""What to do where YAML's parser gives up: its words tell what it found, seldom what was meant."""

from __future__ import annotations

_COLUMN = "keys of one mapping begin in one column"

# What the parser says, or a part of it; the first that fits is taken.
_HINTS = (
    ("character '\\t'", "indent with spaces: YAML has no tabs there"),
    ("cannot start any token", "put the value into quotes"),
    ("mapping values are not allowed", f"put a value with `: ` in it into quotes; {_COLUMN}"),
    ("expected <block end>", f"{_COLUMN}; quotes go around a whole value"),
    ("expected ',' or", "put a value with one of `{}[],` in it into quotes there; close what is open"),
    ("end of stream", "close the quotes"),
    ("could not find expected ':'", "indent the line as those above, or put `: ` after its key"),
    ("unknown escape", "inside of double quotes write `\\\\` for a backslash, or take single quotes"),
)


def hint_for(words: str) -> str | None:
    """Return what helps where the parser says ``words``, if that is known.

    >>> hint_for("while scanning a quoted scalar, found unexpected end of stream")
    'close the quotes'
    """
    return next((hint for part, hint in _HINTS if part in words), None)
