"""A patch of a plan as text, in the formats of plan files: what people paste, and what is put into files."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from enum import Enum
from functools import partial


class Form(Enum):
    """How a value is written in one line."""

    YAML = "yaml"
    JSON = "json"
    TOML = "toml"


_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./%@+-]*")
_BARE = re.compile(r"[A-Za-z0-9_-]+")  # a key of TOML without quotes
_OTHER_THAN_TEXT = re.compile(r"true|false|null|[-+]?[0-9.]+(e[-+]?[0-9]+)?|0[ox][0-9a-f]+", re.IGNORECASE)

# How many levels of keys have lines of their own; what is inside stands in one line.
_LEVELS = {"tasks": 2}


def yaml_lines(patch: Mapping[str, object]) -> list[str]:
    """Return ``patch`` as lines of YAML.

    >>> for line in yaml_lines({"max_concurrent": 5, "tasks": {"a": {"retry": {"max_attempts": 3}}}}):
    ...     print(line)
    max_concurrent: 5
    tasks:
      a:
        retry: {max_attempts: 3}
    """
    return [line for key, value in patch.items() for line in _yaml(key, value, _LEVELS.get(key, 1), "")]


def toml_lines(patch: Mapping[str, object]) -> list[str]:
    """Return ``patch`` as lines of TOML, tables last, as they must stand.

    >>> for line in toml_lines({"tasks": {"a": {"retry": {"max_attempts": 3}}}, "max_concurrent": 5}):
    ...     print(line)
    max_concurrent = 5
    [tasks.a]
    retry = {max_attempts = 3}
    """
    return list(_toml("", patch, 3))


def inline(value: object, form: Form) -> str:
    """Return ``value`` in one line.

    >>> inline({"rate": "100/min", "of": ["a b", "true"]}, Form.YAML)
    '{rate: 100/min, of: ["a b", "true"]}'
    """
    written = partial(inline, form=form)
    if isinstance(value, Mapping):
        between = " = " if form is Form.TOML else ": "
        pairs = (f"{name(key, form)}{between}{written(inner)}" for key, inner in value.items())
        return f"{{{', '.join(pairs)}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(written, value))}]"
    if isinstance(value, str) and form is Form.YAML and _is_plain(value):
        return value
    return json.dumps(value, ensure_ascii=False)


def name(key: str, form: Form) -> str:
    """Return ``key`` with quotes, where it needs them."""
    if form is Form.TOML and _BARE.fullmatch(key):
        return key
    return key if form is Form.YAML and _PLAIN.fullmatch(key) else json.dumps(key, ensure_ascii=False)


def _is_plain(text: str) -> bool:
    return bool(_PLAIN.fullmatch(text)) and not _OTHER_THAN_TEXT.fullmatch(text)


def _yaml(key: str, value: object, n_levels: int, indent: str) -> Iterator[str]:
    written = f"{indent}{name(key, Form.YAML)}:"
    if n_levels and isinstance(value, Mapping):
        yield written
        for inner, item in value.items():
            yield from _yaml(inner, item, n_levels - 1, f"{indent}  ")
    else:
        yield f"{written} {inline(value, Form.YAML)}"


def _toml(table: str, values: Mapping[str, object], n_levels: int) -> Iterator[str]:
    tables: dict[str, Mapping[str, object]] = {}
    for key, value in values.items():
        shown = name(key, Form.TOML)
        if isinstance(value, Mapping) and n_levels > (1 if table.startswith("tasks") else 2):
            tables[f"{table}.{shown}" if table else shown] = value
        else:
            yield f"{shown} = {inline(value, Form.TOML)}"
    for inner, items in tables.items():
        if not all(isinstance(item, Mapping) for item in items.values()) or inner != "tasks":
            yield f"[{inner}]"
        yield from _toml(inner, items, n_levels - 1)
