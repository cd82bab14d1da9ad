"""TOML text to a tree: the values are tomllib's, the places come from `toml_spots`."""

from __future__ import annotations

import re
import tomllib

from weft.planfile.notes import Notes
from weft.planfile.toml_spots import Written, toml_spots
from weft.planfile.tree import MAX_DEPTH, START, Items, Node, Path, Scalar, Spot, Table

_PLACE = re.compile(r"(.*) \(at line (\d+), column (\d+)\)", re.DOTALL)


def toml_tree(text: str, notes: Notes) -> Node:
    """Return the document in ``text``.

    Raises:
        PlanError: when the text can't be read.
    """
    try:
        values = tomllib.loads(text)
    except RecursionError:
        notes.too_deep()
    except ValueError as error:  # also what Python says of an integer of more than 4,300 digits
        message, spot = _told(str(error), text)
        notes.fail(f"not TOML: {message}", spot)
    return _node(values, (), Written(START, START), toml_spots(text, notes), notes)


def _told(message: str, text: str) -> tuple[str, Spot]:
    """Return the message and the spot that tomllib put into one sentence."""
    told = _PLACE.fullmatch(message)
    if told:
        return told[1], Spot(int(told[2]), int(told[3]))
    if message.endswith(" (at end of document)"):
        return message.removesuffix(" (at end of document)"), Spot(text.count("\n") + 1, 1)
    return message, START


def _node(value: object, path: Path, near: Written, spots: dict[Path, Written], notes: Notes) -> Node:
    """Return ``value`` with its spots; what has none of its own stands at ``near``, what encloses it."""
    written = spots.get(path) or Written(near.key, near.value)
    if len(path) > MAX_DEPTH:
        notes.too_deep(written.key)
    if isinstance(value, dict):
        nodes = {name: _node(inner, (*path, name), written, spots, notes) for name, inner in value.items()}
        keys = {name: spots.get((*path, name), written).key for name in nodes}
        return Table(nodes, keys, written.value)
    if isinstance(value, list):
        items = [_node(inner, (*path, n), written, spots, notes) for n, inner in enumerate(value)]
        return Items(items, written.value)
    if isinstance(value, str):
        return Scalar(value, value, written.value)
    if isinstance(value, bool | int | float):
        return Scalar(value, written.text or str(value), written.value)
    text = written.text or str(value)
    return Scalar(text, text, written.value)  # a date is text, as it is in YAML and JSON
