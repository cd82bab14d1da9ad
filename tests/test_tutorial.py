"""The tutorial, from its first block to its last: each command shows what the page says."""

from __future__ import annotations

from pathlib import Path

from tests.pages import carry_out

TUTORIAL = Path(__file__).parent.parent / "docs" / "tutorial.md"


def test_each_command_of_the_tutorial_shows_what_it_says(tmp_path: Path) -> None:
    written, shown = carry_out(TUTORIAL.read_text(encoding="utf-8"), tmp_path)
    assert shown == written
