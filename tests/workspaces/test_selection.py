from __future__ import annotations

import os

import pytest

from weft.errors import UsageError
from weft.workspaces.selection import Covered, Selection


@pytest.mark.parametrize(
    ("pattern", "path", "is_covered"),
    [
        ("docs/", "docs", True),
        ("docs/", "docs/a/b", True),
        ("docs", "docs/a", True),
        ("docs/", "docs2", False),
        ("*.py", "a.py", True),
        ("*.py", "src/a.py", False),
        ("src/**/*.py", "src/a/b.py", True),
        ("pkg/*", "pkg/a/b/c", True),
        ("./a", "a", True),
        ("*", os.fsdecode(b"\xff\n"), True),
    ],
)
def test_a_pattern_covers_what_an_access_would(pattern: str, path: str, is_covered: bool) -> None:
    covered = Covered([pattern])
    assert covered.has(path) is is_covered
    if is_covered and "/" in path:
        assert covered.may_be_below(path.rpartition("/")[0])


@pytest.mark.parametrize(
    ("pattern", "folder", "may_be"),
    [
        ("src/a/*.py", "src", True),
        ("src/a/*.py", "docs", False),
        ("*.py", "src", True),
        ("a/b", "a/c", False),
    ],
)
def test_a_folder_in_which_nothing_can_be_covered_is_known(pattern: str, folder: str, may_be: bool) -> None:
    assert Covered([pattern]).may_be_below(folder) is may_be


def test_what_is_no_pattern_is_refused() -> None:
    with pytest.raises(UsageError):
        Selection(include=["[a"])


def test_the_folders_above_what_is_copied_are_copied() -> None:
    assert Selection(include=["a/b/c"]).copied(["a", "a/b", "a/b/c", "a/x"]) == {"a", "a/b", "a/b/c"}


@pytest.mark.parametrize("path", [".weft", ".git", "sub/.git", "sub/.weft"])
def test_the_folders_of_weft_and_git_are_no_part_of_it(path: str) -> None:
    assert not Selection().keeps(path, True)
    assert not Selection().keeps(path, False)


def test_git_can_be_asked_for_and_weft_can_not() -> None:
    assert Selection(include=[".git/", ".weft/"]).keeps(".git", True)
    assert not Selection(include=[".git/", ".weft/"]).keeps(".weft", True)
