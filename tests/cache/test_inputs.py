"""Which files patterns cover."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.cache.project import write

from weft.cache.inputs import Look
from weft.errors import UsageError
from weft.planning.overlap import goes_through, matches
from weft.planning.patterns import parse


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for path in ("a.c", "b.h", "src/a.c", "src/deep/b.c", "src/deep/x.txt", ".git/HEAD", ".weft/weft.db"):
        write(tmp_path, f"plan/{path}")
    write(tmp_path, "beside/x")
    return tmp_path / "plan"


def covered(root: Path, *patterns: str) -> list[str]:
    return [path for path in Look(root).inputs(patterns) if not (root / path).is_dir()]


@pytest.mark.parametrize(
    ("pattern", "paths"),
    [
        ("a.c", ["a.c"]),
        ("./src/../a.c", ["a.c"]),
        ("missing", []),
        ("*.c", ["a.c"]),
        ("*.{c,h}", ["a.c", "b.h"]),
        ("src", ["src/a.c", "src/deep/b.c", "src/deep/x.txt"]),
        ("src/", ["src/a.c", "src/deep/b.c", "src/deep/x.txt"]),
        ("src/**/*.c", ["src/a.c", "src/deep/b.c"]),
        ("**/*.c", ["a.c", "src/a.c", "src/deep/b.c"]),
        ("**/deep/**", ["src/deep/b.c", "src/deep/x.txt"]),
        ("s*/*/x.txt", ["src/deep/x.txt"]),
        ("src/*", ["src/a.c", "src/deep/b.c", "src/deep/x.txt"]),
        ("../beside/", ["../beside/x"]),
        (".", ["a.c", "b.h", "src/a.c", "src/deep/b.c", "src/deep/x.txt"]),
        (".git/HEAD", [".git/HEAD"]),
        (".weft/", []),
    ],
)
def test_a_pattern_covers_what_it_says(root: Path, pattern: str, paths: list[str]) -> None:
    assert covered(root, pattern) == paths


def test_an_absolute_path_is_as_it_is_written(root: Path) -> None:
    assert covered(root, f"{root}/a.c") == [f"{root}/a.c"]


def test_a_file_that_two_patterns_cover_is_there_once(root: Path) -> None:
    assert covered(root, "*.c", "a.c", "**/a.c") == ["a.c", "src/a.c"]


def test_what_is_no_file_is_refused(root: Path) -> None:
    with pytest.raises(UsageError, match="named resource"):
        covered(root, "db:orders")


def test_links_in_circles_end(root: Path) -> None:
    (root / "src/up").symlink_to("..")
    (root / "src/deep/self").symlink_to(".")
    (root / "src/out").symlink_to("../../beside")
    (root.parent / "beside/back").symlink_to("../plan/src")
    found = covered(root, "src/")
    assert "src/out/x" in found
    assert len(found) < 20


def test_outputs_do_not_lead_through_links(root: Path) -> None:
    (root / "out").mkdir()
    (root / "out/link").symlink_to("../src")
    look = Look(root)
    assert (
        list(look.outputs(["out/"]))
        == list(look.outputs(["out/", "out/*", "out/link"]))
        == ["out", "out/link"]
    )


NAMES = st.sampled_from(["a", "b", "ab.c", "c"])
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
PARTS = st.sampled_from(["a", "b", "*", "**", "a*", "?", "*.c", "{a,b}", "c"])
PATTERNS = st.lists(PARTS, min_size=1, max_size=3).map("/".join)


@settings(max_examples=60)
@given(paths=st.sets(PATHS, max_size=6), pattern=PATTERNS)
def test_a_walk_finds_what_asking_for_each_path_finds(
    tmp_path_factory: pytest.TempPathFactory, paths: set[str], pattern: str
) -> None:
    root = tmp_path_factory.mktemp("walk")
    for path in paths:
        make_directory(root, path.split("/"))
    every = [str(path.relative_to(root)) for path in root.rglob("*")]
    assert set(Look(root).inputs([pattern])) - {"."} == {path for path in every if is_covered(pattern, path)}


def make_directory(root: Path, names: Iterable[str]) -> None:
    os.makedirs(root.joinpath(*names), exist_ok=True)


def is_covered(pattern: str, path: str) -> bool:
    names = (".", *path.split("/"))
    return any(
        matches(branch.segments, names[:end])
        for branch in parse(pattern).branches
        for end in range(2, len(names) + 1)
    ) or any(goes_through(names, branch.segments) for branch in parse(pattern).branches)
