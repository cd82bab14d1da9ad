"""How a message names what stands in a plan: a path of keys, a value."""

from __future__ import annotations

from collections.abc import Iterable

from weft.planfile.tree import Items, Node, Path, Scalar
from weft.views.visible import visible

_KINDS = {"tasks": "task", "limits": "limit", "locks": "lock", "groups": "group", "aggregates": "aggregate"}
_LONGEST = 60  # of a value in a message: enough to recognise it


def label(path: Path) -> str:
    """Return the words for what stands at ``path``.

    >>> label(("tasks", "a", "each", "doc", 0))
    '`each.doc[0]` of task `a`'
    """
    match path:
        case ():
            return "the plan"
        case (str(room), str(name), *rest) if room in _KINDS:
            owner = f"{_KINDS[room]} `{printable(name)}`"
            return f"`{_dotted(rest)}` of {owner}" if rest else owner
    return f"`{_dotted(path)}`"


def _dotted(path: Iterable[str | int]) -> str:
    steps = (f"[{step}]" if isinstance(step, int) else f".{printable(step)}" for step in path)
    return "".join(steps).removeprefix(".")


def found(node: Node) -> str:
    """Return the words for the value of ``node``."""
    if isinstance(node, Scalar):
        if node.value is None:
            return "empty"
        if isinstance(node.value, str):
            return f"the string `{printable(node.value)}`" if node.value else "an empty string"
        return f"`{printable(node.text)}`"
    return "a list" if isinstance(node, Items) else "a mapping"


def printable(text: str) -> str:
    """Return ``text`` in one line, safe to show: a terminal must not obey what a plan says.

    >>> printable("a\\x1b[2J")
    'a\\\\x1b[2J'
    """
    if len(text) > _LONGEST:
        text = f"{text[: _LONGEST - 1]}…"
    return visible(text)
