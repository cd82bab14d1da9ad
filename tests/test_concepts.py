"""The pages about concepts: each command that is shown is run on the plan above it, and shows just that.

Their Python examples run as doctests. What is measured, and so differs from run to run, is not compared.
"""

from __future__ import annotations

import re
import shlex
import subprocess
from collections import Counter
from pathlib import Path
from typing import get_args

import pytest
from tests.cli.process import weft

from weft.model.reason import Reason

PAGES = Path(__file__).parent.parent / "docs" / "concepts"
# Those whose commands are compared elsewhere: in tests/cli/test_explain.py and tests/live/test_otel.py.
ELSEWHERE = {"verdicts", "tracing"}
NAMES = sorted({page.stem for page in PAGES.glob("*.md")} - ELSEWHERE)

BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^\$ (.*\n)", re.MULTILINE)
# How long a task took, how long the run took; moments and waits of one task; when a run was, and its name.
MEASURED = re.compile(
    r"(?<=\()[\d.]+ s(?=\)$)|(?<= in )[\d.]+ s(?=:)|(?<=after )[\d.]+ s$"
    r"|^ +[\d.]+ s(?=  )|(?<=waited )[\d.]+ s"
    r"|[\d-]{10} [\d:]{8}|\d{8}-\d{6}-[0-9a-f]{6}",
    re.MULTILINE,
)
ROW = re.compile(r"^\| `(\w+)`", re.MULTILINE)


def show(console: str, folder: Path) -> str:
    """Carry out the commands of a block, and return it as it looks then."""
    shown, code = "", 0
    for line in COMMAND.findall(console):
        shown += f"$ {line}"
        if line == "echo $?\n":
            shown += f"{code}\n"
            continue
        name, *args = shlex.split(line)
        assert name == "weft", line
        ended = weft(*args, cwd=folder, env={"COLUMNS": "80"}, stderr=subprocess.STDOUT)
        shown, code = shown + ended.out, ended.code
    return shown


def carry_out(page: str, folder: Path) -> tuple[list[str], list[str]]:
    """Return the blocks with commands as they stand on a page, and as they look when they are carried out."""
    written, shown = [], []
    for kind, text in BLOCK.findall(page):
        if kind == "yaml":
            (folder / "weft.yaml").write_text(text, encoding="utf-8")
        elif kind == "console":
            written.append(MEASURED.sub("…", text))
            shown.append(MEASURED.sub("…", show(text, folder)))
    assert written
    return written, shown


@pytest.mark.parametrize("page", NAMES)
def test_each_command_shows_what_the_page_says(page: str, tmp_path: Path) -> None:
    written, shown = carry_out((PAGES / f"{page}.md").read_text(encoding="utf-8"), tmp_path)
    assert shown == written


def test_the_readme_shows_a_run_that_goes_wrong_as_it_is(tmp_path: Path) -> None:
    readme = (PAGES.parents[1] / "README.md").read_text(encoding="utf-8")
    section = readme.partition("\n## When things go wrong\n")[2].partition("\n## ")[0]
    written, shown = carry_out(section, tmp_path)
    assert shown == written


def test_each_reason_has_its_place_in_a_table_of_one_page() -> None:
    rows = Counter(name for page in PAGES.glob("*.md") for name in ROW.findall(page.read_text("utf-8")))
    reasons = [reason.__name__ for reason in get_args(Reason)]
    assert {name: rows[name] for name in reasons} == dict.fromkeys(reasons, 1)
