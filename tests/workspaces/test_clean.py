from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.workspaces.trees import COPY, Plan, make, put, seen, texts

from weft.model.refusal import (
    ChangedSince,
    InUse,
    IsMountPoint,
    NotMerged,
    OutsideHome,
    Refusal,
    ThroughLink,
)
from weft.model.sentences.refusals import refusal_sentence
from weft.model.workspace import MergePolicy
from weft.workspaces.clean import Cleaner
from weft.workspaces.left import Left
from weft.workspaces.private import PrivatePlace
from weft.workspaces.record import Room, State


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    return Plan(tmp_path / "plan", {"a": "a"})


@pytest.fixture
def place(plan: Plan) -> PrivatePlace:
    """A workspace that was merged: nothing speaks against taking it away."""
    place = plan.open("t")
    put(place.path, "new", "new")
    assert plan.bring(place).is_merged
    return place


def clean(plan: Plan, folder: Path | None = None) -> Refusal | None:
    return Cleaner(plan.home).remove(Room(folder or plan.folder_of("t")))


def sentence(refusal: Refusal | None) -> str:
    assert refusal is not None
    return refusal_sentence(refusal)


def test_what_was_merged_is_removed_and_the_logs_stay(plan: Plan, place: PrivatePlace) -> None:
    (plan.folder_of("t") / "stdout.log").write_text("told")
    assert clean(plan) is None
    assert texts(plan.folder_of("t")) == {"stdout.log": "told"}
    assert clean(plan) is None, "there is nothing any more"


def test_folders_that_a_task_has_locked_are_removed(plan: Plan) -> None:
    place = plan.open("t")
    make(place.path, {"deep/er/x": "x"})
    (place.path / "deep/er").chmod(0o500)
    (place.path / "deep").chmod(0o500)
    assert plan.bring(place).is_merged
    assert clean(plan) is None


def test_a_very_deep_tree_is_removed(plan: Plan) -> None:
    place = plan.open("t")
    for depth in range(1, 400):
        os.mkdir(place.path / "/".join(["deep"] * depth))
    place.close()
    place.tell(State.MERGED)
    assert clean(plan) is None
    assert not place.path.exists()


def test_links_in_a_workspace_are_removed_and_not_what_they_lead_to(plan: Plan, tmp_path: Path) -> None:
    outside = make(tmp_path / "outside", {"x": "x"})
    place = plan.open("t")
    make(place.path, {"out": f"-> {outside}", "d/out": f"-> {outside}/x"})
    assert plan.bring(place).is_merged
    assert clean(plan) is None
    assert texts(outside) == {"x": "x"}


def test_a_workspace_that_was_not_merged_stays(plan: Plan) -> None:
    place = plan.open("t")
    put(place.path, "new", "new")
    place.close()
    before = seen(plan.folder_of("t"))
    assert clean(plan) == NotMerged(str(plan.folder_of("t")), State.UNMERGED)
    assert "unmerged" in sentence(clean(plan))
    assert seen(plan.folder_of("t")) == before


def test_a_workspace_in_conflict_stays(plan: Plan) -> None:
    place = plan.open("t")
    put(place.path, "a", "the task's")
    put(plan.root, "a", "the plan's")
    plan.bring(place)
    assert clean(plan) == NotMerged(str(plan.folder_of("t")), State.CONFLICTED)


def test_a_workspace_that_was_changed_after_its_task_had_ended_stays(plan: Plan, place: PrivatePlace) -> None:
    put(place.path, "late", "by something that was left running")
    assert clean(plan) == ChangedSince(str(plan.folder_of("t")))


@pytest.mark.parametrize("damage", [None, "", "{", '{"state": "merged"}', "null"])
def test_a_workspace_whose_record_can_not_be_read_stays(
    damage: str | None, plan: Plan, place: PrivatePlace
) -> None:
    record = Room(plan.folder_of("t")).record
    record.unlink() if damage is None else record.write_text(damage)
    refusal = clean(plan)
    assert isinstance(refusal, NotMerged)
    assert "record" in refusal.state
    assert place.path.exists()


def test_a_workspace_that_is_open_stays(plan: Plan) -> None:
    place = plan.open("t")
    assert clean(plan) == InUse(str(plan.folder_of("t")))
    place.close()


def test_a_workspace_in_which_a_process_stands_stays(plan: Plan, place: PrivatePlace) -> None:
    waits = [sys.executable, "-c", "import sys; print(flush=True); sys.stdin.read()"]
    with subprocess.Popen(waits, cwd=place.path, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert clean(plan) == InUse(str(plan.folder_of("t")), process.pid)
        assert str(process.pid) in sentence(clean(plan))
        process.communicate()
    assert clean(plan) is None


@pytest.mark.parametrize("folder", ["..", "../src", "runs/../../src", "/", "", ".", "runs/r1/../../../src"])
def test_nothing_outside_of_wefts_folder_is_removed(folder: str, plan: Plan, place: PrivatePlace) -> None:
    make(plan.root, {"src/workspace/x": "x"})
    before = seen(plan.root)
    assert isinstance(clean(plan, plan.home / folder), OutsideHome)
    assert seen(plan.root) == before
    assert place.path.exists()


def test_what_is_called_alike_lies_outside(plan: Plan) -> None:
    make(plan.root, {".weft-2/workspace/x": "x"})
    assert isinstance(clean(plan, plan.root / ".weft-2"), OutsideHome)


@pytest.mark.parametrize("link", ["runs/r1/t", "runs/r1", "runs"])
def test_nothing_is_removed_through_a_link(
    link: str, plan: Plan, place: PrivatePlace, tmp_path: Path
) -> None:
    moved = tmp_path / "elsewhere"
    (plan.home / link).rename(moved)
    (plan.home / link).symlink_to(moved)
    before = seen(moved)
    assert clean(plan) == ThroughLink(str(plan.folder_of("t")), str(plan.home / link))
    assert seen(moved) == before


def test_nothing_is_removed_if_wefts_folder_is_a_link_itself(
    plan: Plan, place: PrivatePlace, tmp_path: Path
) -> None:
    plan.home.rename(tmp_path / "elsewhere")
    plan.home.symlink_to(tmp_path / "elsewhere")
    assert isinstance(clean(plan), ThroughLink)


def test_a_workspace_that_is_a_link_is_unlinked_only(plan: Plan, place: PrivatePlace, tmp_path: Path) -> None:
    """Whoever has put the link there: what it leads to is not the workspace."""
    place.path.rename(tmp_path / "elsewhere")
    place.path.symlink_to(tmp_path / "elsewhere")
    before = seen(tmp_path / "elsewhere")
    clean(plan)
    assert seen(tmp_path / "elsewhere") == before


@pytest.mark.parametrize("at", ["runs/r1/t/workspace/mounted", "runs/r1/t/workspace", "runs/r1"])
def test_nothing_is_removed_where_something_is_mounted(
    at: str, plan: Plan, place: PrivatePlace, tmp_path: Path
) -> None:
    precious = make(tmp_path / "precious", {"t/workspace/x": "x"})
    (plan.home / at).mkdir(exist_ok=True)
    mount = ["mount", "--bind", str(precious), str(plan.home / at)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("mounting takes rights that this user has not")
    try:
        refusal = clean(plan)
        assert refusal == IsMountPoint(str(plan.folder_of("t")), str(plan.home / at))
        assert texts(precious) == {"t/workspace/x": "x"}
    finally:
        subprocess.run(["umount", str(plan.home / at)], check=True)


def test_a_removal_that_was_cut_off_is_completed(plan: Plan, place: PrivatePlace) -> None:
    room = Room(plan.folder_of("t"))
    place.path.rename(room.gone)
    assert clean(plan) is None
    assert list(room.folder.iterdir()) == []


def test_what_was_not_merged_goes_into_quarantine_with_all_that_is_known(plan: Plan) -> None:
    for text in ("first", "second"):
        place = plan.open("t", COPY, keep_base=True)
        put(place.path, "a", text)
        put(plan.root, "a", "the plan's")
        plan.bring(place)
        moved = Cleaner(plan.home).quarantine(Room(plan.folder_of("t")))
        assert isinstance(moved, Room)
        assert list(plan.folder_of("t").iterdir()) == []
        left = Left.at(moved.folder, plan.home)
        assert (left.state, left.conflicts) == (State.CONFLICTED, ("a",))
        assert texts(moved.tree)["a"] == text
        assert plan.bring(left, MergePolicy.LAST).is_merged
        assert texts(plan.root)["a"] == text


def test_what_is_in_use_or_elsewhere_does_not_go_into_quarantine(plan: Plan) -> None:
    place = plan.open("t")
    assert isinstance(Cleaner(plan.home).quarantine(Room(plan.folder_of("t"))), InUse)
    assert isinstance(Cleaner(plan.home).quarantine(Room(plan.root)), OutsideHome)
    place.close()
