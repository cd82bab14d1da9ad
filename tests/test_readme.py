"""The README keeps its word: its commands show what it says, and each Python block is a whole program."""

from __future__ import annotations

import re
import subprocess
import sys
from itertools import groupby
from pathlib import Path

import pytest
from tests.pages import carry_out

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
PYTHON_BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ENDED = re.compile(r"\[\d+/\d+\] ")


@pytest.mark.parametrize("program", PYTHON_BLOCK.findall(README))
def test_each_python_block_of_the_readme_runs(program: str, tmp_path: Path) -> None:
    script = tmp_path / "example.py"
    script.write_text(program, encoding="utf-8")
    ran = subprocess.run(
        [sys.executable, "-W", "error", script], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr


def in_any_order(shown: str) -> list[str]:
    """Return the lines, those sorted that tell of tasks which ran at the same time."""
    lines: list[str] = []
    for is_end, group in groupby(shown.splitlines(), key=lambda line: ENDED.match(line) is not None):
        told = [ENDED.sub("", line) for line in group]
        lines += sorted(told) if is_end else told
    return lines


def test_each_command_of_the_readme_shows_what_it_says(tmp_path: Path) -> None:
    written, shown = carry_out(README, tmp_path)
    assert [in_any_order(text) for text in shown] == [in_any_order(text) for text in written]
