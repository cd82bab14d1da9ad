"""The pages about concepts: each command that is shown is run on the plan above it, and shows just that.

Their Python examples run as doctests.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import get_args

import pytest
from tests.pages import carry_out

from weft.model.reason import Reason

PAGES = Path(__file__).parent.parent / "docs" / "concepts"
# Those whose commands are compared elsewhere: in tests/cli/test_explain.py and tests/live/test_otel.py.
ELSEWHERE = {"verdicts", "tracing"}
NAMES = sorted({page.stem for page in PAGES.glob("*.md")} - ELSEWHERE)

ROW = re.compile(r"^\| `(\w+)`", re.MULTILINE)


@pytest.mark.parametrize("page", NAMES)
def test_each_command_shows_what_the_page_says(page: str, tmp_path: Path) -> None:
    written, shown = carry_out((PAGES / f"{page}.md").read_text(encoding="utf-8"), tmp_path)
    assert shown == written


def test_each_reason_has_its_place_in_a_table_of_one_page() -> None:
    rows = Counter(name for page in PAGES.glob("*.md") for name in ROW.findall(page.read_text("utf-8")))
    reasons = [reason.__name__ for reason in get_args(Reason)]
    assert {name: rows[name] for name in reasons} == dict.fromkeys(reasons, 1)


def test_the_index_names_each_page() -> None:
    index = (PAGES.parent / "README.md").read_text(encoding="utf-8")
    named = re.findall(r"\]\(concepts/(\w+)\.md\)", index)
    assert sorted(named) == sorted(page.stem for page in PAGES.glob("*.md"))
