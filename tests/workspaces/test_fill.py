from __future__ import annotations

from pathlib import Path

import pytest
from tests.workspaces.trees import make, put, remove, texts

from weft.workspaces.fill import Links, fill
from weft.workspaces.manifest import alike, take


def links(root: Path) -> Links:
    return Links(str(root / "plan"), str(root / "tree"))


def test_a_file_that_changes_before_it_is_copied_counts_as_the_copy_has_it(tmp_path: Path) -> None:
    plan, tree = make(tmp_path / "plan", {"log": "one", "gone": "x"}), make(tmp_path / "tree", {})
    origin = take(plan)
    put(plan, "log", "two")
    remove(plan, "gone")
    filled = fill(plan, tree, origin, origin.entries, links(tmp_path))
    assert texts(tree) == {"log": "two"}
    assert list(filled.origin.entries) == ["log"]
    assert filled.origin.entries["log"].digest == take(plan).entries["log"].digest
    assert alike(filled.origin.entries["log"], take(plan).entries["log"])


@pytest.mark.parametrize(
    ("path", "target", "expected"),
    [
        ("l", "a", "a"),
        ("d/l", "../a", "../a"),
        ("l", "../plan", "/x/plan"),
        ("l", "/x/plan", "/w"),
        ("l", "/x/planet", "/x/planet"),
        ("l", "..", "/x"),
    ],
)
def test_a_link_leads_into_the_workspace_or_to_where_it_led(path: str, target: str, expected: str) -> None:
    assert Links("/x/plan", "/w").to_workspace(path, target) == expected
