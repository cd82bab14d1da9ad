"""Two ways to one file are known as one."""

from __future__ import annotations

from pathlib import Path

import pytest

from weft.model.sentences import sentence
from weft.planfile.load import loads
from weft.runtime.links import prepare_on_disk, resolver


@pytest.mark.parametrize(
    ("path", "resolved"),
    [
        ("plain/file", "plain/file"),
        ("link/file", "real/file"),
        ("link/new/file", "real/new/file"),
        ("file-link", "real/file"),
        (".", "."),
        ("link/..", "."),
        ("new/../link", "real"),
        ("loop/file", "loop/file"),
    ],
)
def test_links_are_followed_as_far_as_they_exist(tmp_path: Path, path: str, resolved: str) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "file-link").symlink_to("real/file")
    (tmp_path / "loop").symlink_to("loop")
    assert resolver(tmp_path)(path) == resolved


def test_a_path_outside_of_the_root_is_absolute(tmp_path: Path) -> None:
    root = tmp_path / "plan"
    root.mkdir()
    real = tmp_path.resolve()
    assert resolver(root)("../other") == str(real / "other")
    assert resolver(root)(str(root / "a")) == "a"
    assert resolver(root)("../planet") == str(real / "planet")


@pytest.mark.parametrize("pattern", ["*", "real/", "link/a", "./link/../link/*", "**/a"])
def test_a_reader_waits_for_a_writer_that_came_another_way(tmp_path: Path, pattern: str) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    plan = f"tasks: {{w: {{run: w, writes: real/a}}, r: {{run: r, reads: '{pattern}'}}}}"
    prepared = prepare_on_disk(loads(plan, root=tmp_path))
    assert [edge.before for edge in prepared.tasks[1].edges] == [0]


@pytest.mark.parametrize("pattern", ["../*/a", "../plan/", "/", "../plan/a"])
def test_a_pattern_from_outside_meets_what_lies_in_the_plan(tmp_path: Path, pattern: str) -> None:
    root = tmp_path / "plan"
    root.mkdir()
    plan = f"tasks: {{w: {{run: w, writes: a}}, r: {{run: r, reads: '{pattern}'}}}}"
    prepared = prepare_on_disk(loads(plan, root=root))
    assert [edge.before for edge in prepared.tasks[1].edges] == [0]
    assert "`a`" in sentence(prepared.tasks[1].edges[0].because)
