"""What every kind of workspace promises. A new kind joins by a `Kind` of its own."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from tests.workspaces.trees import COPY, DIRECTORY, Plan, Seen, make, put, seen, writes

from weft.model.refusal import InUse, NotMerged
from weft.model.workspace import Merge, Workspace
from weft.workspaces.base import Place, Workspaces
from weft.workspaces.merging import Merging
from weft.workspaces.private import Private
from weft.workspaces.record import State
from weft.workspaces.shared import Shared


class Kind(msgspec.Struct, frozen=True):
    """How to make places of one kind, and what a task finds there."""

    make: Callable[[Plan], Workspaces]
    is_private: bool = True
    finds_files: bool = True


def private(workspace: Workspace) -> Callable[[Plan], Workspaces]:
    return lambda plan: Private(plan.root, plan.folder_of, workspace)


KINDS = {
    "shared": Kind(lambda plan: Shared(plan.root), is_private=False),
    "directory": Kind(private(DIRECTORY), finds_files=False),
    "copy": Kind(private(COPY)),
}
every_kind = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
private_kinds = pytest.mark.parametrize(
    "kind",
    [kind for kind in KINDS.values() if kind.is_private],
    ids=[name for name, kind in KINDS.items() if kind.is_private],
)


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    return Plan(tmp_path / "plan", {"a.txt": "a", "d/b.txt": "b", "d/empty": None, "link": "-> d/b.txt"})


def bring(plan: Plan, place: Place) -> bool:
    return Merging(plan.root, plan.publisher, Merge()).bring(place, place.task_id).is_merged


@every_kind
def test_a_place_is_a_directory_with_what_the_kind_promises(kind: Kind, plan: Plan) -> None:
    place = kind.make(plan).open("t")
    assert place.path.is_dir()
    assert place.task_id == "t"
    assert place.state is State.RUNNING
    assert place.is_private is kind.is_private
    assert (seen(place.path) == seen(plan.root)) is kind.finds_files


@every_kind
def test_what_is_written_is_seen_by_others_only_where_nothing_is_private(kind: Kind, plan: Plan) -> None:
    place = kind.make(plan).open("t")
    put(place.path, "d/new", "new")
    assert (plan.root / "d/new").exists() is not kind.is_private


@every_kind
def test_nothing_done_is_nothing_to_bring_back(kind: Kind, plan: Plan) -> None:
    work = kind.make(plan).open("t").close()
    assert (work.base.entries, work.task.entries) == ({}, {})


@every_kind
def test_what_was_written_is_in_the_plan_in_the_end(kind: Kind, plan: Plan) -> None:
    place = kind.make(plan).open("t")
    put(place.path, "d/e/new", "new")
    put(place.path, "a.txt", "changed")
    put(place.path, "void", None)
    put(place.path, "other", "-> nowhere")
    (place.path / "a.txt").chmod(0o751)
    before = seen(plan.root)
    assert bring(plan, place)
    assert place.state is State.MERGED
    new: Seen = {"d/e/new": ("file", 0o644, b"new"), "a.txt": ("file", 0o751, b"changed")}
    new |= {"d/e": ("folder", 0o755), "void": ("folder", 0o755), "other": ("link", "nowhere")}
    assert seen(plan.root) == dict(sorted({**before, **new}.items()))


@every_kind
def test_what_a_place_holds_is_told_while_it_is_open(kind: Kind, plan: Plan) -> None:
    place = kind.make(plan).open("t")
    put(place.path, "new", "new")
    assert ("new" in place.manifest().entries) is kind.is_private


@every_kind
def test_what_the_set_up_makes_is_not_brought_back(kind: Kind, plan: Plan) -> None:
    place = kind.make(plan).open("t")
    put(place.path, "modules/x", "made by the set-up")
    place.begin()
    put(place.path, "modules/y", "made by the task")
    assert bring(plan, place)
    assert (plan.root / "modules/y").exists()
    assert (plan.root / "modules/x").exists() is not kind.is_private


@every_kind
def test_a_place_can_be_closed_twice(kind: Kind, plan: Plan) -> None:
    place = kind.make(plan).open("t")
    put(place.path, "new", "new")
    assert place.close() == place.close()


@every_kind
def test_taking_a_place_away_leaves_the_plan_alone(kind: Kind, plan: Plan) -> None:
    place = kind.make(plan).open("t")
    bring(plan, place)
    before = seen(plan.root)
    assert place.remove() is None
    assert seen(plan.root) == before
    assert place.path.exists() is not kind.is_private


@private_kinds
def test_a_task_has_one_place(kind: Kind, plan: Plan) -> None:
    kinds = kind.make(plan)
    kinds.open("t").close()
    with pytest.raises(FileExistsError):
        kinds.open("t")


@private_kinds
def test_two_tasks_have_different_places(kind: Kind, plan: Plan) -> None:
    kinds = kind.make(plan)
    one, other = kinds.open("one"), kinds.open("other")
    put(one.path, "x", "1")
    assert not (other.path / "x").exists()


@private_kinds
def test_a_place_is_not_taken_away_before_it_was_brought_back(kind: Kind, plan: Plan) -> None:
    place = kind.make(plan).open("t")
    put(place.path, "new", "new")
    assert isinstance(place.remove(), InUse)
    place.close()
    assert place.state is State.UNMERGED
    assert isinstance(place.remove(), NotMerged)
    assert (place.path / "new").read_text() == "new"


@private_kinds
def test_a_conflict_changes_nothing_and_is_written_down(kind: Kind, plan: Plan) -> None:
    place = kind.make(plan).open("t")
    writes("d/x", "the task's")(place.path)
    writes("other", "the task's")(place.path)
    writes("d/x", "the plan's")(plan.root)
    before = seen(plan.root)
    assert not bring(plan, place)
    assert place.state is State.CONFLICTED
    assert seen(plan.root) == before
    assert (place.path / "d/x").read_text() == "the task's"


@private_kinds
def test_odd_names_and_deep_folders_come_back(kind: Kind, plan: Plan) -> None:
    names = [os.fsdecode(b"\xff\n\\"), "/".join(["deep"] * 100), " ", "-rf", "a:b*?[c]"]
    place = kind.make(plan).open("t")
    make(place.path, {f"odd/{name}/{name}": name for name in names})
    assert bring(plan, place)
    assert seen(plan.root / "odd") == seen(place.path / "odd")


@private_kinds
def test_a_pipe_stays_where_it_is_and_is_named(kind: Kind, plan: Plan) -> None:
    place = kind.make(plan).open("t")
    os.mkfifo(place.path / "pipe")
    put(place.path, "new", "new")
    brought = Merging(plan.root, plan.publisher, Merge()).bring(place, "t")
    assert brought.left_out == ("pipe",)
    assert (plan.root / "new").exists()
    assert not os.path.lexists(plan.root / "pipe")
