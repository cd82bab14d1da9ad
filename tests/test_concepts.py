"""The pages about concepts: each command that is shown is run on the plan above it, and shows just that."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from tests.cli.process import weft

PAGES = Path(__file__).parent.parent / "docs" / "concepts"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", ["accesses", "groups", "hazards"])
def test_each_command_shows_what_the_page_says(page: str, tmp_path: Path) -> None:
    shown = 0
    for kind, text in BLOCK.findall((PAGES / f"{page}.md").read_text(encoding="utf-8")):
        if kind == "yaml":
            (tmp_path / "weft.yaml").write_text(text, encoding="utf-8")
        elif kind == "console":
            command, _, expected = text.partition("\n")
            name, *args = shlex.split(command.removeprefix("$ "))
            ended = weft(*args, cwd=tmp_path, env={"COLUMNS": "80"})
            assert (name, ended.out + ended.err) == ("weft", expected)
            shown += 1
    assert shown
