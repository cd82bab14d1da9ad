from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.workspaces.trees import Plan, make, put, remove, seen

from weft.workspaces.readonly import Breach, Guard


@pytest.fixture
def root(tmp_path: Path) -> Path:
    files: dict[str, str | None] = {"data/a": "a", "data/deep/b": "b", "data/link": "-> a", "out/x": "x"}
    return make(tmp_path / "root", files)


def test_what_was_left_alone_is_no_breach(root: Path) -> None:
    guard = Guard(root, ["data/"])
    put(root, "out/x", "changed")
    put(root, "database", "new")
    assert guard.breaches() == {}


def test_a_breach_names_the_file_and_what_was_done(root: Path) -> None:
    guard = Guard(root, ["data/"])
    put(root, "data/a", "A")
    put(root, "data/new", "new")
    remove(root, "data/deep/b")
    remove(root, "data/link")
    put(root, "data/link", "-> elsewhere")
    assert guard.breaches() == {
        "data/a": Breach.CHANGED,
        "data/deep/b": Breach.REMOVED,
        "data/link": Breach.CHANGED,
        "data/new": Breach.CREATED,
    }


def test_a_change_that_hides_its_time_and_keeps_the_size_is_seen(root: Path) -> None:
    os.utime(root / "data/a", ns=(0, 10**18))
    guard = Guard(root, ["data/"])
    (root / "data/a").write_text("A")
    os.utime(root / "data/a", ns=(0, 10**18))
    assert guard.breaches() == {"data/a": Breach.CHANGED}


def test_what_was_only_touched_is_no_breach(root: Path) -> None:
    guard = Guard(root, ["data/"])
    os.utime(root / "data/a")
    (root / "data/a").chmod(0o600)
    assert guard.breaches() == {}


def test_a_single_file_and_a_glob_can_be_read_only(root: Path) -> None:
    guard = Guard(root, ["out/x", "data/**/b"])
    put(root, "data/a", "A")
    put(root, "data/deep/b", "B")
    put(root, "out/x", "X")
    assert list(guard.breaches()) == ["data/deep/b", "out/x"]


def test_mode_bits_are_taken_away_where_that_is_asked_for(root: Path) -> None:
    guard = Guard(root, ["data/"])
    guard.enforce()
    modes = {path: told[1] for path, told in seen(root).items() if told[0] != "link"}
    assert (modes["data"], modes["data/deep"], modes["data/deep/b"]) == (0o555, 0o555, 0o444)
    assert (modes["out"], modes["out/x"]) == (0o755, 0o644)
    assert guard.breaches() == {}
    try:
        (root / "data/a").write_text("A")
    except PermissionError:
        assert guard.breaches() == {}
    else:  # mode bits do not stop root; the second look does
        assert guard.breaches() == {"data/a": Breach.CHANGED}


def test_modes_that_were_taken_away_are_not_brought_back(tmp_path: Path) -> None:
    plan = Plan(tmp_path / "plan", {"data/a": "a"})
    place = plan.open("t")
    Guard(place.path, ["data/"]).enforce()
    place.begin()
    put(place.path, "out", "out")
    before = seen(plan.root)
    assert plan.bring(place).is_merged
    assert seen(plan.root) == {**before, "out": ("file", 0o644, b"out")}
    assert place.remove() is None
