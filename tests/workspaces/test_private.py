from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.workspaces.trees import COPY, DIRECTORY, Plan, make, put, remove, seen, texts

from weft.model.workspace import Workspace, WorkspaceKind
from weft.workspaces.left import Left
from weft.workspaces.record import State

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    return Plan(tmp_path / "plan")


def copy_with(*, include: tuple[str, ...] = (), exclude: tuple[str, ...] = ()) -> Workspace:
    return Workspace(WorkspaceKind.COPY, include=include, exclude=exclude)


def test_a_copy_keeps_modes_and_times(plan: Plan) -> None:
    make(plan.root, {"d/run.sh": "x", "locked/x": "x"})
    (plan.root / "d/run.sh").chmod(0o750)
    (plan.root / "locked").chmod(0o555)
    os.utime(plan.root / "d/run.sh", ns=(1, 10**18))
    place = plan.open("t")
    assert seen(place.path) == seen(plan.root)
    assert (place.path / "d/run.sh").stat().st_mtime_ns == 10**18


def test_only_what_is_included_is_copied(plan: Plan) -> None:
    make(plan.root, {"src/a.c": "a", "src/deep/b.c": "b", "docs/x": "x", "README": "r", "void": None})
    place = plan.open("t", copy_with(include=("src/", "void")))
    assert list(seen(place.path)) == ["src", "src/a.c", "src/deep", "src/deep/b.c", "void"]


def test_what_is_excluded_is_neither_copied_nor_brought_back(plan: Plan) -> None:
    make(plan.root, {"a": "a", "cache/x": "x", "b.pyc": "b"})
    place = plan.open("t", copy_with(exclude=("cache/", "*.pyc")))
    assert list(seen(place.path)) == ["a"]
    make(place.path, {"cache/y": "y", "c.pyc": "c", "c": "c"})
    assert plan.bring(place).is_merged
    assert texts(plan.root) == {"a": "a", "cache/x": "x", "b.pyc": "b", "c": "c"}


def test_the_folders_of_weft_and_git_are_not_copied_unless_git_is_asked_for(plan: Plan) -> None:
    make(plan.root, {".git/HEAD": "h", ".weft/x": "x", "sub/.git": "gitdir: …", "a": "a"})
    assert list(texts(plan.open("t1").path)) == ["a"]
    assert list(texts(plan.open("t2", copy_with(include=(".git/", "a"))).path)) == [".git/HEAD", "a"]


def test_links_lead_where_they_led(plan: Plan, tmp_path: Path) -> None:
    make(tmp_path, {"outside": "o"})
    links = {
        "in": "-> a",
        "absolute": f"-> {plan.root}/a",
        "out": "-> ../outside",
        "d/out": "-> ../../outside",
    }
    make(plan.root, {"a": "a", **links})
    place = plan.open("t")
    assert (place.path / "in").resolve() == place.path / "a"
    assert (place.path / "absolute").resolve() == place.path / "a"
    assert (place.path / "out").read_text() == (place.path / "d/out").read_text() == "o"
    put(place.path, "new", f"-> {place.path}/a")
    before = texts(plan.root)
    assert plan.bring(place).is_merged
    assert texts(plan.root) == {**before, "new": f"-> {plan.root}/a"}


def test_a_directory_replaces_what_the_plan_has_of_the_same_kind(plan: Plan) -> None:
    make(plan.root, {"out/a": "from an earlier run", "out/b": "b"})
    (plan.root / "out").chmod(0o700)
    place = plan.open("t", DIRECTORY)
    make(place.path, {"out/a": "new"})
    assert plan.bring(place).is_merged
    assert texts(plan.root) == {"out/a": "new", "out/b": "b"}
    assert seen(plan.root)["out"] == ("folder", 0o700)


@pytest.mark.parametrize("there", ["-> elsewhere", "a file"])
def test_a_directory_does_not_replace_what_is_of_another_kind(there: str, plan: Plan) -> None:
    """A task that sees an empty directory can't have meant that; in the plan's own it would have failed."""
    make(plan.root, {"out": there, "elsewhere/x": "x"})
    place = plan.open("t", DIRECTORY)
    make(place.path, {"out/a": "a"})
    assert [conflict.path for conflict in plan.bring(place).conflicts] == ["out"]
    assert texts(plan.root)["out"] == there


def test_a_place_that_can_not_be_made_leaves_nothing(plan: Plan) -> None:
    room = os.pathconf(plan.root, "PC_PATH_MAX") - 1 - len(os.fsencode(f"{plan.root}/"))
    (plan.root / "a").symlink_to(plan.root / ("y" * room))  # in the workspace, this target is too long
    with pytest.raises(OSError, match="too long"):
        plan.open("t")
    assert list(plan.folder_of("t").iterdir()) == []


def test_a_second_place_sees_what_has_changed_since_the_first(plan: Plan) -> None:
    make(plan.root, {"a": "1", "b": "1"})
    assert texts(plan.open("t1").path) == {"a": "1", "b": "1"}
    put(plan.root, "a", "2")
    remove(plan.root, "b")
    assert texts(plan.open("t2").path) == {"a": "2"}


def test_what_a_task_has_left_can_be_brought_back_by_a_later_process(plan: Plan) -> None:
    make(plan.root, {"a": "1", os.fsdecode(b"\xff"): "odd"})
    place = plan.open("t")
    put(place.path, os.fsdecode(b"\xff"), "changed")
    put(plan.root, os.fsdecode(b"\xff"), "the plan's")
    assert not plan.bring(place).is_merged
    left = Left.at(plan.folder_of("t"), plan.home)
    assert (left.task_id, left.state, left.conflicts) == ("t", State.CONFLICTED, (os.fsdecode(b"\xff"),))
    assert left.close() == place.close()
    left.tell(State.MERGED)
    assert left.remove() is None
    assert not place.path.exists()


def test_a_task_whose_process_has_gone_has_left_unmerged_work(plan: Plan) -> None:
    opens = "import sys; from tests.workspaces.trees import *; place = Plan(Path(sys.argv[1])).open('t')"
    subprocess.run([sys.executable, "-c", opens, str(plan.root)], cwd=ROOT, check=True)
    assert Left.at(plan.folder_of("t"), plan.home).state is State.UNMERGED


def test_the_files_as_they_were_are_kept_if_asked(plan: Plan) -> None:
    make(plan.root, {"d/a": "a", "link": "-> d/a"})
    place = plan.open("t", COPY, keep_base=True)
    put(place.path, "d/a", "changed")
    work = place.close()
    assert work.pristine is not None
    assert texts(work.pristine) == {"d/a": "a"}
    assert plan.open("t2").close().pristine is None
