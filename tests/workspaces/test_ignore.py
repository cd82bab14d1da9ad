from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weft.workspaces.ignore import Ignore

CASES = [
    (["*.o"], "a.o", True),
    (["*.o"], "src/deep/a.o", True),
    (["/a.o"], "src/a.o", False),
    (["src/*.o"], "src/a.o", True),
    (["src/*.o"], "x/src/a.o", False),
    (["build/"], "build", False),  # a file of that name
    (["build/"], "build/x/y", True),
    (["build"], "x/build/y", True),
    (["**/logs"], "logs", True),
    (["**/logs"], "a/b/logs/x", True),
    (["logs/**"], "logs", False),
    (["logs/**"], "logs/a/b", True),
    (["a/**/z"], "a/z", True),
    (["a/**/z"], "a/b/c/z", True),
    (["a**z"], "abz", True),
    (["a**z/x"], "a/z/x", False),
    (["?"], "a", True),
    (["?"], "ab", False),
    (["[!a]"], "b", True),
    (["[^a]"], "a", False),
    (["[a-c]x"], "bx", True),
    (["[]]"], "]", True),
    (["[[:digit:]]"], "7", True),
    (["[a"], "[a", False),  # never closed: matches nothing
    (["# no", r"\#yes"], "#yes", True),
    ([r"\!x"], "!x", True),
    ([r"\*"], "*", True),
    ([r"\*"], "a", False),
    (["x "], "x", True),
    (["x\\ "], "x ", True),
    (["*.o", "!keep.o"], "keep.o", False),
    (["!keep.o", "*.o"], "keep.o", True),
    (["out/", "!out/keep"], "out/keep", True),  # what is above it is left out
    (["", " ", "#"], "#", False),
    (["/"], "a", False),
    (["a\n*"], "a\nb", True),
]


@pytest.mark.parametrize(("lines", "path", "is_left_out"), CASES)
def test_a_line_leaves_out_what_it_does_in_git(lines: list[str], path: str, is_left_out: bool) -> None:
    assert Ignore(lines).leaves_out(path) is is_left_out


_PIECES = st.sampled_from([
    "a", "b", "ab", "*", "**", "?", "/", "[ab]", "[!a]", "[a-b]", "[]a]", "\\", "!", "#", " ", ".", "-", "[",
])  # fmt: skip
LINES = st.lists(st.lists(_PIECES, min_size=1, max_size=6).map("".join), min_size=1, max_size=4)
PATHS = [
    f"{folder}{name}"
    for folder in ("", "a/", "b/", "ab/", "a/b/", "a/a/b/")
    for name in ("a", "b", "ab", "aab", ".a", "#a", "!b", "a ", "-", "]")
]


@settings(max_examples=60)
@given(LINES)
def test_any_lines_leave_out_what_git_leaves_out(lines: list[str]) -> None:
    """All of git's patterns but bytes: `git check-ignore` is asked about the same files."""
    with tempfile.TemporaryDirectory() as folder:
        assert ignored_by_git(Path(folder), lines) == [
            path for path in PATHS if Ignore(lines).leaves_out(path)
        ]


def ignored_by_git(folder: Path, lines: list[str]) -> list[str]:
    run = ["git", "-C", str(folder), "-c", "core.excludesFile=/dev/null"]
    subprocess.run([*run, "init", "-q", "--template="], check=True)
    (folder / ".gitignore").write_text("".join(f"{line}\n" for line in lines))
    asked = "".join(f"{path}\0" for path in PATHS)
    found = subprocess.run(
        [*run, "check-ignore", "--no-index", "-z", "--stdin"],
        input=asked,
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode in (0, 1), found.stderr
    return found.stdout.split("\0")[:-1]
