"""Plan files: YAML, TOML or JSON text to a `Plan`, with errors that know their line.

The door of this room:

- `load(path)` reads a file, `-` is standard input; `loads(text)` reads a string.
- `find(directory)` tells which file is the plan of a directory.
- `schema()` is the JSON Schema of plan files, for editors.

All of them raise `weft.errors.PlanError`, with every problem of the file at once. The way of a text:
`yaml_tree`, `toml_tree` and `json_tree` make a tree that knows its lines (`tree`); `read` turns it into
a Plan by the table in `keys`, whose entries are made of `shapes`; `tasks`, `each` and `placeholders`
expand fan-outs; `planning.check` judges the whole.
"""

from __future__ import annotations

from weft.planfile.load import FILE_NAMES, Format, find, load, loads
from weft.planfile.schema import schema

__all__ = ["FILE_NAMES", "Format", "find", "load", "loads", "schema"]
