"""`docs/cli.md` says what the commands do. ``WEFT_WRITE_GOLDEN=1`` writes it anew."""

from __future__ import annotations

import os
from pathlib import Path

from weft.cli.reference import reference

PAGE = Path(__file__).parents[2] / "docs" / "cli.md"


def test_the_page_is_what_the_commands_say() -> None:
    if os.environ.get("WEFT_WRITE_GOLDEN"):
        PAGE.write_text(reference(), encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == reference()
