"""What was seen being written is held against what is declared."""

from __future__ import annotations

import pytest

from weft.planning.observed import Change, UndeclaredWrite, declares, undeclared_writes
from weft.planning.patterns import Ground
from weft.testing import task


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("out/a.json", "out/a.json"),
        ("./out//x/../a.json", "out/a.json"),
        ("out/", "out/deep/a.json"),
        ("out", "out/deep/a.json"),
        ("out/*", "out/deep/a.json"),  # a name may be that of a directory, with all that is in it
        ("out/*.json", "out/a.json"),
        ("**/*.json", "a.json"),
        ("{out,log}/[ab].*", "log/b.txt"),
        ("out/\\[1]", "out/[1]"),
        (".", "anything"),
    ],
)
def test_a_path_is_covered(text: str, path: str) -> None:
    assert declares(task("t", writes=[text]), path)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("out/a.json", "out"),
        ("out/*.json", "out/a.csv"),
        ("out/*.json", "out/deep/a.json"),
        ("out/[1]", "out/[1]"),
        ("db:out", "out"),
        ("../out/", "out/a"),
    ],
)
def test_a_path_is_not_covered(text: str, path: str) -> None:
    assert not declares(task("t", writes=[text]), path)


def test_a_name_that_looks_like_a_resource_is_a_file() -> None:
    assert declares(task("t", writes=["./db:orders"]), "db:orders")
    assert not declares(task("t", writes=["db:orders"]), "db:orders")


def test_who_declares_nothing_declares_no_write() -> None:
    assert not declares(task("t"), "a")
    assert not declares(task("t", reads=["a"]), "a")


def test_a_link_is_seen_through() -> None:
    ground = Ground(resolve=lambda path: path.replace("link", "real"))
    assert declares(task("t", writes=["link/a"]), "real/a", ground)


def test_all_ways_to_write_a_path_cover_it_where_the_place_of_the_plan_is_known() -> None:
    ground = Ground("/srv/plan")
    for text in ("out/", "/srv/plan/out/*", "../plan/out"):
        assert declares(task("t", writes=[text]), "out/a", ground)
    assert not declares(task("t", writes=["/out/"]), "out/a", ground)


def test_undeclared_writes_are_told_in_plan_order() -> None:
    tasks = [task("a", writes=["x"]), task("b"), task("c", writes=["z"])]
    observed = {
        2: {"z": Change.CHANGED},
        1: {"y": Change.CREATED},
        0: {"w": Change.DELETED, "x": Change.CREATED},
    }
    assert list(undeclared_writes(tasks, observed)) == [
        UndeclaredWrite("a", "w", Change.DELETED),
        UndeclaredWrite("b", "y", Change.CREATED),
    ]
