from __future__ import annotations

from pathlib import Path

import pytest
from tests.runtime.places import COPY, DIRECTORY, open_below
from tests.workspaces.trees import make, texts

from weft.disk.values import load
from weft.errors import UsageError
from weft.model.group import Group
from weft.model.outcome import Succeeded
from weft.model.reason import NotMerged
from weft.model.task import Task
from weft.model.workspace import Merge, MergeAt, MergePolicy, Workspace, WorkspaceKind
from weft.planning.patterns import NOWHERE
from weft.runtime.layout import RunFolder
from weft.runtime.places import ORDER, Opened, Order, Places, complete_publishing
from weft.scheduling.events import BroughtBack
from weft.testing import task

LATER = Merge(at=MergeAt.RUN)


def places_in(root: Path, *tasks: Task, run: str = "r1", **groups: Group) -> Places:
    folder = RunFolder.of(root, run)
    folder.path.mkdir(parents=True, exist_ok=True)
    places = Places(root, folder, NOWHERE, groups, strict=False)
    places.know(dict(enumerate(tasks)))
    return places


def worked(places: Places, task: Task, path: str) -> Opened:
    """Open a place for a task, let it write there, and close it."""
    opened = places.open(task)
    places.begin(task, opened)
    make(opened.place.path, {path: task.id})
    assert places.close(task, opened, Succeeded()).failure is None
    return opened


def test_a_later_process_finds_the_order_of_the_plan_and_how_each_is_merged(tmp_path: Path) -> None:
    last = Merge(MergePolicy.LAST)
    tasks = [task("b", workspace=COPY, merge=last), task("shared"), task("a", workspace=DIRECTORY)]
    places = places_in(tmp_path, *tasks)
    places.open(tasks[2])
    places.close_all()
    told = load(tmp_path / ".weft/runs/r1" / ORDER, Order)
    assert told == Order(("b", "a"), {"b": last, "a": Merge()})


def test_members_of_an_atomic_group_stand_there_as_one(tmp_path: Path) -> None:
    tasks = [task(name, workspace=COPY, group="g") for name in "ab"]
    places = places_in(tmp_path, *tasks, g=Group(atomic=True))
    assert places.is_of_group(tasks[0])
    worked(places, tasks[0], "x")
    places.close_all()
    assert load(tmp_path / ".weft/runs/r1" / ORDER, Order).order == ("merge of g",)
    assert open_below(tmp_path) == []


def test_where_no_place_can_be_made_the_ports_are_free_again(tmp_path: Path) -> None:
    one = task("a", workspace=Workspace(WorkspaceKind.COPY, ports=("http",)))
    places = places_in(tmp_path, one)
    make(tmp_path, {".weft/runs/r1/a": "in the way"})
    with pytest.raises(FileExistsError):
        places.open(one)
    (tmp_path / ".weft/runs/r1/a").unlink()
    opened = places.open(one)
    assert opened.variables.keys() == {"WEFT_PORT_HTTP"}
    places.discard(one, opened)
    places.close_all()
    assert open_below(tmp_path) == []


def test_what_could_not_be_brought_back_in_one_run_is_brought_back_in_another(tmp_path: Path) -> None:
    one = task("a", workspace=COPY, merge=LATER)
    first = places_in(tmp_path, one)
    worked(first, one, "x")
    first.close_all()
    places_in(tmp_path, one, run="r2").take_up("r1")
    last = places_in(tmp_path, one, run="r3")
    last.take_up("r2")
    assert texts(tmp_path) == {}
    assert last.bring_left(0, one) == BroughtBack(0, changed=1)
    assert texts(tmp_path) == {"x": "a"}
    assert last.bring_left(0, one) == BroughtBack(0)  # and only once


def test_what_is_gone_can_not_be_brought_back(tmp_path: Path) -> None:
    one = task("a", workspace=COPY, merge=LATER)
    places_in(tmp_path, one).take_up("r0")
    second = places_in(tmp_path, one, run="r2")
    second.take_up("r1")
    assert isinstance(second.bring_left(0, one).failure, NotMerged)


def test_a_publish_that_can_not_be_completed_is_told(tmp_path: Path) -> None:
    complete_publishing(tmp_path)  # there is none
    make(tmp_path, {".weft/publish/cut-off/journal.json": "{"})
    with pytest.raises(UsageError, match="can't complete what an earlier run has begun"):
        complete_publishing(tmp_path)
