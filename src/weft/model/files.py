"""Names of files that users know: those that a plan may have, and Weft's own folder beside it."""

from __future__ import annotations

PLAN_NAMES = ("weft.yaml", "weft.yml", "weft.toml", "weft.json")
STATE_FOLDER = ".weft"
