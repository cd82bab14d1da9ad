"""Puts a patch into the text of a plan file and leaves all else as it is: comments, blanks, quotes, order.

Knows how YAML and JSON, which is YAML here, are written. ruamel.yaml tells where each part of the text
stands; what is new is put in between. Its own writer would keep comments too, but not alignment and line
breaks. What came of it is read again and compared with what was wanted: nothing half right leaves this file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from ruamel.yaml import YAML
from ruamel.yaml.nodes import MappingNode, ScalarNode

from weft.errors import PlanError, UsageError
from weft.planfile.json_tree import json_tree
from weft.planfile.notes import Notes
from weft.planfile.tree import Items, Node, Scalar, Table
from weft.planfile.yaml_tree import yaml_tree
from weft.views.patch import Form, inline, name, yaml_lines

Written = Any  # a node of ruamel.yaml, which carries no types

_BLANKS = re.compile(r"(?<=\n)(?:[ \t]*\r?\n)+\Z")
_ABOVE = re.compile(r"(?:^[ \t]*#[^\n]*\n)+\Z", re.MULTILINE)


class _Edit(NamedTuple):
    """The text from ``start`` to ``end`` is replaced."""

    start: int
    end: int
    text: str


def patched(text: str, patch: Mapping[str, object], form: Form) -> str:
    """Return the text of a plan file with ``patch`` in it.

    Args:
        text: the file, a valid plan.
        patch: keys and values: mappings are gone into, lists are added to, all else must be new.
        form: YAML or JSON.

    Raises:
        UsageError: it can't be put in, since an anchor shares what is to be changed, say.

    >>> print(patched("tasks:\\n  a: make   # all\\n", {"tasks": {"a": {"retry": 3}}}, Form.YAML), end="")
    tasks:
      a:
        run: make   # all
        retry: 3
    """
    assert form in (Form.YAML, Form.JSON), form
    # In JSON a tab is blank, or not allowed; YAML is stricter. The places stay the same.
    root = YAML(typ="safe", pure=True).compose(text.replace("\t", " ") if form is Form.JSON else text)
    # Two tasks that are one by an alias ask for the same twice.
    asked = dict.fromkeys(_Editor(text, form).into(root, patch, ()))
    edits = sorted(asked, key=lambda edit: edit.start)
    parts, offset = [], 0
    for edit in edits:
        parts += [text[offset : edit.start], edit.text]
        offset = edit.end
    new = "".join([*parts, text[offset:]])
    if _read(new, form) != _merged(_read(text, form), patch):
        raise UsageError("the patch can't be put into this file, perhaps because an anchor is shared")
    return new


class _Editor:
    """Finds the places of what is new."""

    def __init__(self, text: str, form: Form) -> None:
        self._text = text
        self._form = form
        self._newline = "\r\n" if "\r\n" in text else "\n"

    def into(self, node: Written, patch: Mapping[str, object], path: tuple[str, ...]) -> Iterator[_Edit]:
        """Yield the edits that put ``patch`` into the mapping ``node``, which stands at ``path``."""
        known = {key.value: (key, value) for key, value in node.value}
        missing = {key: value for key, value in patch.items() if key not in known}
        for key, wanted in patch.items():
            if key in known:
                yield from self._change(node, *known[key], wanted, (*path, key))
        if not missing:
            return
        if node.flow_style:
            yield self._into_flow(node, missing)
        elif path:
            yield self._below(node, missing)
        else:
            yield self._at_top(node, missing)

    def _change(
        self, parent: Written, key: Written, value: Written, wanted: object, path: tuple[str, ...]
    ) -> Iterator[_Edit]:
        if isinstance(value, MappingNode) and isinstance(wanted, Mapping):
            yield from self.into(value, wanted, path)
        elif isinstance(value, ScalarNode) and isinstance(wanted, Mapping) and path[:1] == ("tasks",):
            yield from self._spelled_out(parent, key, value, wanted)
        elif isinstance(wanted, list):
            yield self._longer(value, wanted)
        else:
            raise UsageError(f"`{'.'.join(path)}` has a value in this file already")

    def _spelled_out(
        self, parent: Written, key: Written, value: Written, wanted: Mapping[str, object]
    ) -> Iterator[_Edit]:
        """Turn a task that is only a command into a mapping."""
        start, end = value.start_mark.index, value.end_mark.index
        command = self._text[start:end]
        if parent.flow_style:
            run = f"{name('run', self._form)}: {command}"
            yield _Edit(start, end, f"{{{', '.join([run, *self._pairs(wanted)])}}}")
            return
        column = key.start_mark.column
        indent = " " * (2 * column or 2)
        colon = self._text.index(":", key.end_mark.index) + 1
        at = self._end_of(value, key)
        end = at if value.style in ("|", ">") else end
        first, *others = self._text[start:end].splitlines(keepends=True)
        further = " " * (len(indent) - column)
        shifted = "".join([first, *(f"{further}{line}" if line.strip() else line for line in others)])
        yield _Edit(colon, end, f"{self._newline}{indent}run: {shifted}")
        yield _Edit(at, at, self._lines(self._block(wanted, indent), at))

    def _longer(self, value: Written, items: list[str]) -> _Edit:
        written = [inline(item, self._form) for item in items]
        if isinstance(value, ScalarNode):
            start, end = value.start_mark.index, value.end_mark.index
            return _Edit(start, end, f"[{', '.join([self._text[start:end], *written])}]")
        if value.flow_style:
            at = value.value[-1].end_mark.index if value.value else value.start_mark.index + 1
            return _Edit(at, at, (", " if value.value else "") + ", ".join(written))
        at = self._end_of(value, value)
        indent = " " * value.start_mark.column
        return _Edit(at, at, self._lines([f"{indent}- {item}" for item in written], at))

    def _into_flow(self, node: Written, missing: Mapping[str, object]) -> _Edit:
        if not node.value:
            at = node.start_mark.index + 1
            return _Edit(at, at, ", ".join(self._pairs(missing)))
        last_key, last = node.value[-1]
        at = max(last_key.end_mark.index, last.end_mark.index)
        line = self._text[
            self._text.rfind("\n", 0, last_key.start_mark.index) + 1 : last_key.start_mark.index
        ]
        between = f",{self._newline}{line}" if not line.strip() else ", "
        return _Edit(at, at, "".join(f"{between}{pair}" for pair in self._pairs(missing)))

    def _below(self, node: Written, missing: Mapping[str, object]) -> _Edit:
        at = self._end_of(node, node)
        indent = " " * node.value[0][0].start_mark.column
        return _Edit(at, at, self._lines(self._block(missing, indent), at))

    def _at_top(self, node: Written, missing: Mapping[str, object]) -> _Edit:
        """Put keys of the whole plan before its tasks, and before the comment above these."""
        key = next(key for key, _ in node.value if key.value == "tasks")
        at = self._text.rfind("\n", 0, key.start_mark.index) + 1
        if key is not node.value[0][0] and (above := _ABOVE.search(self._text[:at])):
            at = above.start()
        return _Edit(at, at, "".join(f"{line}{self._newline}" for line in yaml_lines(missing)))

    def _pairs(self, values: Mapping[str, object]) -> list[str]:
        return [f"{name(key, self._form)}: {inline(value, self._form)}" for key, value in values.items()]

    def _block(self, values: Mapping[str, object], indent: str) -> list[str]:
        return [f"{indent}{pair}" for pair in self._pairs(values)]

    def _lines(self, lines: list[str], at: int) -> str:
        before = "" if at == 0 or self._text[at - 1] == "\n" else self._newline
        return before + "".join(f"{line}{self._newline}" for line in lines)

    def _end_of(self, node: Written, key: Written) -> int:
        """Return where the line after the last one of ``node`` begins; comments below it do not count."""
        while not isinstance(node, ScalarNode) and not node.flow_style and node.value:
            last = node.value[-1]
            key, node = last if isinstance(node, MappingNode) else (last, last)
        is_alias = node.start_mark.index < key.start_mark.index
        end: int = key.end_mark.index if is_alias else max(node.end_mark.index, key.end_mark.index)
        if isinstance(node, ScalarNode) and node.style in ("|", ">") and not is_alias:
            body = self._text[node.start_mark.index : end]
            keeps_blanks = "+" in body.partition("\n")[0]
            return end if keeps_blanks else end - len(body) + len(_BLANKS.sub("", body))
        following: int = self._text.find("\n", end)
        return len(self._text) if following < 0 else following + 1


def _read(text: str, form: Form) -> object:
    """Return the values in ``text``, without their places.

    Raises:
        UsageError: it can't be read.
    """
    notes = Notes("the patched plan")
    try:
        tree = (json_tree if form is Form.JSON else yaml_tree)(text, notes)
        notes.raise_if_any()
    except PlanError as error:
        raise UsageError(f"the patch can't be put into this file: {error}") from error
    return _values(tree)


def _values(node: Node) -> object:
    match node:
        case Table(nodes):
            return {key: _values(inner) for key, inner in nodes.items()}
        case Items(nodes):
            return [_values(inner) for inner in nodes]
        case Scalar(value, text):
            return (value, text)


def _merged(values: object, patch: object, path: tuple[str, ...] = ()) -> object:
    """Return ``values`` as they are to be with ``patch``."""
    if isinstance(patch, Mapping):
        if len(path) == 2 and path[0] == "tasks" and not isinstance(values, dict):
            values = {"run": values}
        before = values if isinstance(values, dict) else {}
        return before | {key: _merged(before.get(key), value, (*path, key)) for key, value in patch.items()}
    if isinstance(patch, list):
        before_items = [] if values is None else values if isinstance(values, list) else [values]
        return [*before_items, *((item, item) for item in patch)]
    return (patch, str(patch))
