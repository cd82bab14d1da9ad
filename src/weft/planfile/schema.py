"""The JSON Schema of plan files, made from the table of keys.

`schema.json` beside this file is a copy for editors. After a change of `keys`, write it anew:
`weft check --schema > src/weft/planfile/schema.json`.
"""

from __future__ import annotations

from weft.planfile.keys import PLAN
from weft.planfile.shapes import Schema


def schema() -> Schema:
    """Return the JSON Schema (2020-12) of plan files."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A Weft plan",
        **PLAN.schema(),
    }
