"""`weft workspaces`: what is left, and how things stand with it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from tests.cli.left_behind import RUN, LeftBehind

from weft.workspaces.record import Room


@pytest.fixture
def plan(tmp_path: Path) -> LeftBehind:
    return LeftBehind(tmp_path / "plan", {"a": "a", "b": "b"})


def told(plan: LeftBehind, *args: str) -> list[str]:
    ended = plan.weft("workspaces", *args)
    assert (ended.code, ended.err) == (0, "")
    return ended.out.splitlines()


def test_each_state_is_told_in_the_order_of_the_plan(plan: LeftBehind) -> None:
    plan.ordered("z", "y", "x", "w")
    running = plan.open("z")
    assert plan.bring(plan.wrote("y", "new", "1234")).is_merged
    conflicted = plan.wrote("x", "a", "its own")
    (plan.root / "a").write_text("another")
    assert not plan.bring(conflicted).is_merged
    plan.wrote("w", "b", "x" * 2048)
    plan.wrote("unknown to the plan", "b", "2").give_up()
    of_a_failed_task = plan.wrote("unknown, too", "c", "3")
    of_a_failed_task.give_up()
    assert plan.bring(of_a_failed_task).is_merged
    assert told(plan) == [
        f"{RUN} z: running, 2 B",
        f"{RUN} y: merged, 6 B",
        f"{RUN} x: conflicted, 12 B, because of a",
        f"{RUN} w: unmerged, 2.0 KiB",
        f"{RUN} unknown to the plan: unmerged since the task failed, 12 B",
        f"{RUN} unknown, too: merged, 13 B",
    ]
    running.close()


def test_the_newest_run_comes_first_and_a_name_chooses(plan: LeftBehind) -> None:
    plan.wrote("t", "a", "1")
    later = LeftBehind(plan.root, run="20260102-120000-bbbbbb")
    later.wrote("t", "a", "2")
    assert [line.split()[0] for line in told(plan)] == [later.run.name, RUN]
    assert [line.split()[0] for line in told(plan, RUN)] == [RUN]
    assert [line.split()[0] for line in told(plan, "latest")] == [later.run.name]


def test_where_nothing_is_left_that_is_told(plan: LeftBehind, tmp_path: Path) -> None:
    assert told(plan) == ["no workspace is left"]
    assert told(plan, "--json") == ["[]"]
    assert told(LeftBehind(tmp_path / "other"), "-C", str(plan.root)) == ["no workspace is left"]


def test_what_is_not_known_is_told_as_that(plan: LeftBehind) -> None:
    plan.did("cut[1]")
    cut = Room(plan.folder_of("cut[1]"))
    cut.write(type(cut.read())("cut[1]", "copy", type(cut.state())("running")))
    plan.did("lost")
    Room(plan.folder_of("lost")).record.write_text("{")
    assert told(plan) == [
        f"{RUN} cut[1]: unmerged since the run was cut off, 2 B",
        f"{RUN} lost: nobody knows how things stand: its record is missing or can't be read, 2 B",
    ]
    (plan.run.folder / ".workspaces.json").write_text("{")
    assert len(told(plan)) == 2, "the order is no more than an order"


def test_programs_are_told_all_of_it(plan: LeftBehind) -> None:
    place = plan.wrote("t", "sub/new", "123")
    (plan.root / "sub").write_text("in the way")
    plan.bring(place)
    (one,) = json.loads(plan.weft("workspaces", WEFT_JSON="1").out)
    assert one == {
        "run": RUN,
        "task": "t",
        "state": "conflicted",
        "kind": "copy",
        "size_bytes": 5,
        "conflicts": ["sub"],
        "folder": f".weft/runs/{RUN}/t/workspace",
    }


def test_a_name_can_not_write_to_the_terminal(plan: LeftBehind) -> None:
    plan.did("\x1b[31mred\n")
    (line,) = told(plan)
    assert "\x1b" not in line


@pytest.mark.parametrize("command", ["workspaces", "merge", "clean"])
def test_a_run_that_is_not_there_is_a_mistake(plan: LeftBehind, command: str) -> None:
    ended = plan.weft(command, RUN[:-1])
    assert (ended.code, ended.out) == (2, "")
    assert ended.err == (
        f"weft: there is no run `{RUN[:-1]}` in `.weft/runs`\n  hint: did you mean `{RUN}`?\n"
    )


@pytest.mark.parametrize("command", ["workspaces", "merge", "clean"])
@pytest.mark.parametrize("name", ["..", ".", "../runs/" + RUN, "/etc", RUN + "/t"])
def test_nothing_outside_of_the_runs_is_looked_at(plan: LeftBehind, command: str, name: str) -> None:
    plan.wrote("t", "a", "1")
    ended = plan.weft(command, name)
    assert ended.code == 2
    assert ended.err.startswith(
        f"weft: `{name}` is no name of a run, and nothing outside of `.weft/runs` is touched\n"
    )


def test_a_link_to_a_directory_is_not_followed(plan: LeftBehind) -> None:
    place = plan.did("t", lambda root: os.symlink("/etc", root / "etc"))
    assert place.path.is_dir()
    assert told(plan) == [f"{RUN} t: unmerged, 2 B"]
