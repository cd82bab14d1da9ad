"""The runs of a plan: which there are, what they are called, and what is left of each."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.workspaces.trees import Plan, writes

from weft.disk.held import let_go
from weft.workspaces.record import Room
from weft.workspaces.runs import Run, run_named, runs_in


@pytest.fixture
def home(tmp_path: Path) -> Path:
    for name in ("r1", "r3", "r2"):
        (tmp_path / "runs" / name).mkdir(parents=True)
    (tmp_path / "runs/latest").symlink_to("r3")
    (tmp_path / "runs/a file").touch()
    return tmp_path


def test_the_newest_run_comes_first_and_other_names_are_no_runs(home: Path) -> None:
    assert [run.name for run in runs_in(home)] == ["r3", "r2", "r1"]
    assert runs_in(home / "nowhere") == []


def test_a_run_is_found_by_its_name_and_by_another_one(home: Path) -> None:
    assert run_named(home, "r2") == Run(home / "runs/r2")
    assert run_named(home, "latest") == Run(home / "runs/r3")


@pytest.mark.parametrize("name", ["", ".", "..", "../runs/r1", "r1/", "/", "r4", "a file", "r\0", "gone"])
def test_nothing_else_is_a_run(home: Path, name: str) -> None:
    (home / "runs/gone").symlink_to("r9")
    assert run_named(home, name) is None
    assert len(runs_in(home)) == 3


def test_a_link_to_somewhere_else_is_told_so_that_it_can_be_refused(home: Path, tmp_path: Path) -> None:
    (home / "runs/away").symlink_to(tmp_path)
    (home / "runs/up").symlink_to("..")
    assert [run.name for run in runs_in(home)] == ["up", "r3", "r2", "r1", "away"]
    assert run_named(home, "away") == Run(home / "runs/away")


def test_what_is_left_is_whatever_belongs_to_a_workspace(home: Path) -> None:
    run = Run(home / "runs/r1")
    for name in ("whole/workspace", "going/workspace.gone", "none/results"):
        (run.folder / name).mkdir(parents=True)
    (run.folder / "told").mkdir()
    (run.folder / "told/workspace.json").touch()
    (run.folder / "workspaces.json").touch()
    assert [room.folder.name for room in run.rooms()] == ["going", "told", "whole"]


def test_one_at_a_time_is_at_work_on_a_run(home: Path) -> None:
    run = Run(home / "runs/r1")
    assert not run.is_held()
    held = run.hold()
    assert run.is_held()
    with pytest.raises(BlockingIOError):
        run.hold()
    let_go(held)
    assert not run.is_held()
    let_go(run.hold())


def test_that_a_task_was_given_up_is_written_down_until_it_is_merged(tmp_path: Path) -> None:
    plan = Plan(tmp_path / "plan", {"a": "a"})
    place = plan.open("t")
    writes("a", "half")(place.path)
    place.close()
    place.give_up()
    room = Room(plan.folder_of("t"))
    assert (room.read().is_given_up, room.state().value) == (True, "unmerged")
    assert plan.bring(plan.left("t")).is_merged
    assert room.state().value == "merged"
