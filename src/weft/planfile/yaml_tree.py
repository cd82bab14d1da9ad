"""YAML text to a tree: YAML 1.2 with anchors, aliases and merge keys.

Takes the events of ruamel.yaml's parser and composes them here: that is a third faster than its own
composer, gives the core schema of YAML 1.2 to the letter (`on`, `no` and dates are strings), knows no
tag that makes an object, and can count what aliases repeat.

Always the parser written in Python: libyaml is fifteen times as fast, but it refuses plans that this one
reads (`[1:30]`), and no plan should depend on what else is installed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError, YAMLStreamError
from ruamel.yaml.events import (
    AliasEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)
from ruamel.yaml.reader import ReaderError

from weft.planfile.notes import Notes
from weft.planfile.tree import MAX_DEPTH, START, Items, Lines, Node, Scalar, Spot, Table
from weft.planfile.wording import printable
from weft.planfile.yaml_hints import hint_for

Event = Any  # ruamel.yaml's events carry no types

# What aliases may repeat, in nodes. 10,000 tasks that share twenty values each fit; a bomb does not.
MAX_REPEATED = 200_000

_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(
    r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"
)
_NAMED: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
# JSON writes what is beyond 16 bits as two escapes; its strings are YAML's too.
_SURROGATES = re.compile("[\ud800-\udbff][\udc00-\udfff]")
_TEXT_TAGS = ("!", "tag:yaml.org,2002:str")
_CORE_TAGS = (*_TEXT_TAGS, "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq")


def yaml_tree(text: str, notes: Notes) -> Node:
    """Return the one document in ``text``.

    Raises:
        PlanError: when the text can't be read.
    """
    try:
        return _Composer(YAML(typ="safe", pure=True).parse(text), notes).document()
    except ReaderError as error:
        spot = Lines(text).spot(error.position)
        notes.fail(f"a character that YAML does not allow: `{printable(text[error.position])}`", spot)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        words = ", ".join(filter(None, (error.context, error.problem)))
        spot = Spot(mark.line + 1, mark.column + 1) if mark else START
        notes.fail(f"not YAML: {words}", spot, hint_for(words))
    # ruamel.yaml answers a few kinds of broken text with these.
    except (YAMLError, YAMLStreamError, ValueError, OverflowError, AttributeError) as error:
        notes.fail(f"not YAML: {printable(str(error))}")


class _Composer:
    """Makes nodes of events."""

    def __init__(self, events: Iterator[Event], notes: Notes) -> None:
        self._events = events
        self._notes = notes
        self._anchors: dict[str, tuple[Node, int]] = {}  # with the number of nodes in it
        self._open: set[str] = set()
        self._n_nodes = 0
        self._n_repeated = 0

    def document(self) -> Node:
        next(self._events)  # the start of the stream
        if isinstance(next(self._events), StreamEndEvent):
            return Scalar(None, "", START)
        root = self._node(next(self._events), 0)
        next(self._events)  # the end of the document
        after = next(self._events)
        if not isinstance(after, StreamEndEvent):
            self._notes.fail("a second document; a plan is a single one", _spot(after))
        return root

    def _node(self, event: Event, depth: int) -> Node:
        if isinstance(event, AliasEvent):
            return self._alias(event)
        if depth > MAX_DEPTH:
            self._notes.too_deep(_spot(event))
        tag = str(event.tag) if event.tag is not None else None
        if tag is not None and tag not in _CORE_TAGS:
            self._notes.fail(f"the tag `{printable(tag)}` has no place in a plan", _spot(event))
        before = self._n_nodes
        self._n_nodes += 1
        if event.anchor is None:
            return self._content(event, tag, depth)
        self._open.add(event.anchor)
        node = self._content(event, tag, depth)
        self._open.discard(event.anchor)
        self._anchors[event.anchor] = node, self._n_nodes - before
        return node

    def _content(self, event: Event, tag: str | None, depth: int) -> Node:
        if isinstance(event, ScalarEvent):
            return self._scalar(event, tag)
        if isinstance(event, SequenceStartEvent):
            return self._items(event, depth)
        assert isinstance(event, MappingStartEvent), event
        return self._table(event, depth)

    def _alias(self, event: Event) -> Node:
        if event.anchor in self._open:
            self._notes.fail(f"`*{event.anchor}` contains itself", _spot(event))
        if event.anchor not in self._anchors:
            message = f"`*{event.anchor}` has no anchor `&{event.anchor}` before it"
            self._notes.fail(message, _spot(event), "put a pattern that begins with `*` into quotes")
        node, n_nodes = self._anchors[event.anchor]
        self._n_nodes += n_nodes
        self._n_repeated += n_nodes
        if self._n_repeated > MAX_REPEATED:
            message = f"aliases repeat more than {MAX_REPEATED:,} values"
            self._notes.fail(message, _spot(event), "write the plan without aliases of aliases")
        return node

    def _scalar(self, event: Event, tag: str | None) -> Scalar:
        text = event.value if event.value.isascii() else _SURROGATES.sub(_joined, event.value)
        if tag in _TEXT_TAGS or not event.implicit[0]:
            return Scalar(text, text, _spot(event))
        return Scalar(self._resolved(text, event), text, _spot(event))

    def _resolved(self, text: str, event: Event) -> str | int | float | bool | None:
        """Return what a plain scalar stands for in the core schema of YAML 1.2."""
        if text in _NAMED:
            return _NAMED[text]
        if text[0] not in "+-.0123456789":
            return text
        if _INTEGER.fullmatch(text):
            try:
                return int(text, 0) if text[:2] in ("0o", "0x") else int(text)
            except ValueError:  # Python refuses integers of more than 4,300 digits
                self._notes.fail("a number with too many digits", _spot(event))
        if _FLOAT.fullmatch(text):
            return float(text.replace(".inf", "inf").replace(".nan", "nan") if text[-1] in "fn" else text)
        return text

    def _items(self, event: Event, depth: int) -> Items:
        nodes = []
        while not isinstance(item := next(self._events), SequenceEndEvent):
            nodes.append(self._node(item, depth + 1))
        return Items(nodes, _spot(event))

    def _table(self, event: Event, depth: int) -> Table:
        table = Table({}, {}, _spot(event))
        merged: list[Table] = []
        while not isinstance(key := next(self._events), MappingEndEvent):
            name = self._key(key, depth)
            node = self._node(next(self._events), depth + 1)
            if isinstance(node, Scalar) and node.value is None and not node.text:
                node = Scalar(None, "", _spot(key))  # what is not there stands where it was announced
            if name == "<<" and isinstance(key, ScalarEvent) and key.implicit[0]:
                merged += self._sources(node)
            elif name in table.nodes:
                first = table.keys[name].line
                message = f"the key `{printable(name)}` stands here and in line {first}"
                self._notes.add(_spot(key), (), message, "keep one of the two")
            else:
                table.nodes[name] = node
                table.keys[name] = _spot(key)
        for source in merged:  # the mapping's own keys come first, then the earlier source
            for name, node in source.nodes.items():
                if name not in table.nodes:
                    table.nodes[name] = node
                    table.keys[name] = source.keys[name]
        return table

    def _key(self, event: Event, depth: int) -> str:
        node = self._node(event, depth + 1)
        if not isinstance(node, Scalar):
            self._notes.fail("a key must be a name, not a list or a mapping", _spot(event))
        return node.text  # a name stays as it was written, be it `1`, `3.10` or `true`

    def _sources(self, node: Node) -> list[Table]:
        sources = node.nodes if isinstance(node, Items) else [node]
        tables = [source for source in sources if isinstance(source, Table)]
        if len(tables) < len(sources):
            self._notes.fail("`<<` takes in mappings, as in `<<: *defaults`", node.spot)
        return tables


def _joined(match: re.Match[str]) -> str:
    return match[0].encode("utf-16", "surrogatepass").decode("utf-16")


def _spot(event: Event) -> Spot:
    return Spot(event.start_mark.line + 1, event.start_mark.column + 1)
