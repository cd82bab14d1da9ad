from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path
from threading import Barrier, Thread

import pytest
from tests.workspaces.trees import Plan, make, put, remove, seen, texts

from weft.errors import UsageError
from weft.workspaces.manifest import Manifest, take
from weft.workspaces.merge import Change, Origin, Source, merge
from weft.workspaces.publish import HowRecovered, Publisher, Recovered


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    return Plan(tmp_path / "plan", {"a": "old", "d/b": "old", "gone": "old"})


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return make(tmp_path / "tree", {"a": "new", "d/b": "new", "new/x": "new"})


def look(root: Path) -> Manifest:
    return take(root, keep=lambda path, is_directory: path != ".weft")


def changes(plan: Plan, tree: Path) -> tuple[Change, ...]:
    """Return what makes the plan's directory like ``tree``."""
    now = look(plan.root)
    return merge(now, now, take(tree)).changes


def publish(plan: Plan, tree: Path, wanted: Sequence[Change]) -> tuple[str, ...]:
    return plan.publisher.publish(wanted, {Origin.TASK: tree}, "for the test")


def debris(plan: Plan) -> list[str]:
    return [path.name for path in (plan.home / "publish").iterdir() if path.name != "lock"]


def test_what_was_decided_is_there(plan: Plan, tree: Path) -> None:
    assert publish(plan, tree, changes(plan, tree)) == ()
    assert texts(plan.root) == texts(tree)
    assert debris(plan) == []


def new_file(path: str, tree: Path) -> Change:
    return Change(path, None, take(tree).entries["a"], Source(Origin.TASK, "a"))


@pytest.mark.parametrize("path", ["../x", "/etc/x", "d/../../x", "", "d//x", "./x", "x\0", ".weft/x"])
def test_a_path_that_leads_elsewhere_is_refused_before_anything_is_done(
    path: str, plan: Plan, tree: Path
) -> None:
    before = seen(plan.root.parent)
    with pytest.raises(UsageError):
        publish(plan, tree, [*changes(plan, tree), new_file(path, tree)])
    assert seen(plan.root.parent) == before


def test_a_link_on_the_way_is_not_followed(plan: Plan, tree: Path, tmp_path: Path) -> None:
    outside = make(tmp_path / "outside", {"b": "old"})
    wanted = changes(plan, tree)
    remove(plan.root, "d")
    put(plan.root, "d", f"-> {outside}")
    before = texts(plan.root)
    assert publish(plan, tree, wanted) != ()
    with pytest.raises(NotADirectoryError):
        publish(plan, tree, [new_file("d/new", tree)])
    assert texts(outside) == {"b": "old"}
    assert texts(plan.root) == before
    assert debris(plan) == []


@pytest.mark.parametrize("path", ["a", "gone"])
def test_what_has_changed_since_the_decision_is_told_and_nothing_is_done(
    path: str, plan: Plan, tree: Path
) -> None:
    wanted = changes(plan, tree)
    put(plan.root, path, "by somebody else")
    before = texts(plan.root)
    assert publish(plan, tree, wanted) == (path,)
    assert texts(plan.root) == before


def test_a_file_that_came_since_the_decision_is_not_overwritten(plan: Plan, tree: Path) -> None:
    wanted = changes(plan, tree)
    put(plan.root, "new/x", "by somebody else")
    before = texts(plan.root)
    assert publish(plan, tree, wanted) == ("new", "new/x")
    assert texts(plan.root) == before


def test_a_workspace_that_is_still_written_to_is_told_and_nothing_is_done(plan: Plan, tree: Path) -> None:
    wanted = changes(plan, tree)
    put(tree, "a", "newer")
    remove(tree, "new/x")
    before = texts(plan.root)
    assert publish(plan, tree, wanted) == ("a", "new/x")
    assert texts(plan.root) == before


def test_a_directory_with_something_unknown_in_it_stays_and_so_does_all_else(plan: Plan, tree: Path) -> None:
    remove(tree, "d")
    wanted = changes(plan, tree)
    put(plan.root, "d/unknown", "by somebody else")
    before = texts(plan.root)
    assert publish(plan, tree, wanted) == ("d",)
    assert texts(plan.root) == before
    assert debris(plan) == []


def test_two_at_once_wait_for_each_other(plan: Plan, tmp_path: Path) -> None:
    """Each adds files of its own to one directory that neither has seen."""
    trees = [make(tmp_path / f"tree{number}", {f"new{number}/x": "x"}) for number in range(4)]
    wanted = [[each for each in changes(plan, tree) if each.to is not None] for tree in trees]
    ready = Barrier(len(trees))

    def run(number: int) -> None:
        ready.wait()
        assert (
            Publisher(plan.root, plan.home / "publish").publish(wanted[number], {Origin.TASK: trees[number]})
            == ()
        )

    threads = [Thread(target=run, args=(number,)) for number in range(len(trees))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {f"new{number}/x" for number in range(4)} <= texts(plan.root).keys()
    assert debris(plan) == []


def test_a_publish_to_another_disk_is_all_or_nothing_too(plan: Plan, tree: Path) -> None:
    """A directory of the plan is one of another file system: files can't be moved there from elsewhere."""
    ran = subprocess.run(
        ["mount", "-t", "tmpfs", "none", str(plan.root / "d")], check=False, capture_output=True
    )
    if ran.returncode:
        pytest.skip("mounting takes rights that this user has not")
    try:
        make(plan.root, {"d/b": "old", "d/e/gone": "old"})
        assert publish(plan, tree, changes(plan, tree)) == ()
        assert texts(plan.root) == texts(tree)
        put(tree, "d/b", "newer")
        put(tree, "d/f/x", "new")
        wanted = changes(plan, tree)
        put(plan.root, "d/b", "by somebody else")
        assert publish(plan, tree, wanted) == ("d/b",)
        assert texts(plan.root)["d/b"] == "by somebody else"
        assert not [name for name in seen(plan.root) if ".weft" in name]
    finally:
        subprocess.run(["umount", str(plan.root / "d")], check=True)


def test_nothing_cut_off_is_nothing_to_recover(plan: Plan) -> None:
    assert plan.publisher.recover() == []


def test_what_was_put_aside_before_the_first_step_is_tidied_up(plan: Plan) -> None:
    left = plan.home / "publish" / "0123"
    make(left, {".weft-0123-0-new": "half a fi"})
    assert plan.publisher.recover() == [Recovered(HowRecovered.CLEARED)]
    assert debris(plan) == []
