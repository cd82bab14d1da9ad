"""`weft merge`: what a run has left is brought back, in the order of the plan, and nothing is lost."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.cli.left_behind import RUN, LeftBehind
from tests.workspaces.trees import texts, writes

from weft.disk.held import let_go
from weft.model.workspace import MergePolicy
from weft.workspaces.record import Record, Room, State

WHERE = f".weft/runs/{RUN}"
HINT = "hint: `--policy keep-both` keeps all versions; `weft help merge` tells of the other policies\n"


@pytest.fixture
def plan(tmp_path: Path) -> LeftBehind:
    return LeftBehind(tmp_path / "plan", {"a": "a", "b": "b"})


def merge(plan: LeftBehind, *args: str, code: int = 0, **env: str) -> list[str]:
    ended = plan.weft("merge", *args, **env)
    is_contested = code == 1 and "others have changed" in ended.out
    assert (ended.code, ended.err) == (code, HINT if is_contested else ""), ended
    return ended.out.splitlines()


def state(plan: LeftBehind, task: str) -> State:
    return Room(plan.folder_of(task)).state()


def test_what_is_unmerged_or_conflicted_is_brought_back(plan: LeftBehind) -> None:
    conflicted = plan.wrote("one", "a", "of one")
    (plan.root / "a").write_text("of the plan")
    plan.bring(conflicted)
    plan.wrote("two", "new", "of two")
    assert merge(plan, "latest", "--policy", "last") == [
        "one: brought back, 1 change",
        "  a: others have changed it, too, which the policy settles",
        "two: brought back, 1 change",
    ]
    assert texts(plan.root) == {"a": "of one", "b": "b", "new": "of two"}
    assert merge(plan, RUN) == ["nothing is left to be brought back"]
    assert merge(plan, RUN, "one") == ["nothing is left to be brought back"]


def test_where_conflicts_remain_both_versions_are_kept_and_named(plan: LeftBehind) -> None:
    plan.wrote("one", "a", "of one")
    plan.wrote("two", "b", "of two")
    (plan.root / "a").write_text("of the plan")
    kept = f"{WHERE}/one/workspace"
    assert merge(plan, RUN, code=1) == [
        f"one: others have changed `a`, too; its version is in `{kept}` (`weft merge` settles it)",
        "two: brought back, 1 change",
    ]
    assert texts(plan.root) == {"a": "of the plan", "b": "of two"}
    assert (plan.folder_of("one") / "workspace/a").read_text() == "of one"
    assert state(plan, "one") is State.CONFLICTED


def test_the_order_of_the_plan_decides_and_its_policies(plan: LeftBehind) -> None:
    for task in ("a-first", "b-second", "c-third"):
        plan.wrote(task, "a", f"of {task}")
    plan.ordered("c-third", "b-second", "a-first", **{"a-first": MergePolicy.LAST})
    lines = merge(plan, RUN, code=1)
    assert [line.split(":")[0] for line in lines if line[0] != " "] == ["c-third", "b-second", "a-first"]
    assert texts(plan.root)["a"] == "of a-first"
    assert [state(plan, task) for task in ("a-first", "b-second", "c-third")] == [
        State.MERGED,
        State.CONFLICTED,
        State.MERGED,
    ]


def test_without_an_order_names_are_the_order(plan: LeftBehind) -> None:
    plan.wrote("z", "a", "of z")
    plan.wrote("y", "a", "of y")
    merge(plan, RUN, "--policy", "first")
    assert texts(plan.root)["a"] == "of y"


def test_a_task_can_be_chosen(plan: LeftBehind) -> None:
    plan.wrote("survey[a/b.md]", "a", "1")
    plan.wrote("other", "b", "2")
    assert merge(plan, RUN, "survey[a/b.md]") == ["survey[a/b.md]: brought back, 1 change"]
    assert state(plan, "other") is State.UNMERGED
    ended = plan.weft("merge", RUN, "othr")
    assert ended.code == 2
    assert ended.err == (
        "weft: there is no workspace of a task `othr` in that run\n  hint: did you mean `other`?\n"
    )


def test_what_a_failed_task_has_made_must_be_asked_for(plan: LeftBehind) -> None:
    plan.wrote("t", "a", "half").give_up()
    assert merge(plan, RUN) == ["nothing is left to be brought back"]
    assert texts(plan.root)["a"] == "a"
    assert merge(plan, RUN, "t") == ["t: brought back, 1 change"]
    assert texts(plan.root)["a"] == "half"


def test_a_command_merges_two_files(plan: LeftBehind) -> None:
    plan.did("t", writes("a", "theirs"), keep_base=True)
    (plan.root / "a").write_text("ours")
    program = 'cat "$WEFT_MERGE_OURS" "$WEFT_MERGE_THEIRS" > "$WEFT_MERGE_RESULT"'
    assert merge(plan, RUN, "--command", program) == ["t: brought back, 1 change"]
    assert texts(plan.root)["a"] == "ourstheirs"


def test_a_command_that_fails_keeps_both_and_is_told(plan: LeftBehind) -> None:
    plan.did("t", writes("a", "theirs"), keep_base=True)
    (plan.root / "a").write_text("ours")
    first, second = merge(plan, RUN, "--command", "exit 3", code=1)
    assert first.startswith("t: others have changed `a`, too")
    assert second.startswith("  a: ")
    assert texts(plan.root)["a"] == "ours"


def test_texts_are_merged_three_ways(plan: LeftBehind) -> None:
    lines = [f"{number}\n" for number in range(9)]
    (plan.root / "text").write_text("".join(lines))
    plan.did("t", writes("text", "".join(["its own\n", *lines[1:]])), keep_base=True)
    (plan.root / "text").write_text("".join([*lines[:-1], "the plan's\n"]))
    assert merge(plan, RUN, "--policy", "three-way") == ["t: brought back, 1 change"]
    assert texts(plan.root)["text"] == "".join(["its own\n", *lines[1:-1], "the plan's\n"])


def test_a_dry_run_tells_and_touches_nothing(plan: LeftBehind) -> None:
    plan.did("one", writes("a", "1"), writes("new", "1"), lambda root: (root / "b").unlink())
    conflicted = plan.wrote("two", "a", "2")
    before = texts(plan.root)
    assert merge(plan, RUN, "--dry-run") == [
        "one: would be brought back",
        "  change a",
        "  remove b",
        "  create new",
        "two: would be brought back",
        "  change a",
    ]
    (plan.root / "a").write_text("another")
    assert merge(plan, RUN, "two", "-n", code=1) == [
        "two: would not be brought back",
        "  a: others have changed it, too",
    ]
    assert merge(plan, RUN, "two", "-n", "--policy", "union") == [
        "two: would be brought back",
        "  a: both versions would be merged",
    ]
    assert texts(plan.root) == {**before, "a": "another"}
    assert conflicted.state is State.UNMERGED


def test_what_was_cut_off_or_can_not_be_read_is_told_and_kept(plan: LeftBehind) -> None:
    plan.wrote("cut", "a", "half")
    Room(plan.folder_of("cut")).write(Record("cut", "copy", State.RUNNING))
    plan.wrote("lost", "a", "whole")
    Room(plan.folder_of("lost")).record.unlink()
    assert merge(plan, RUN, code=1) == [
        (
            "cut: its work was not brought back: the run was cut off before the task had ended; it is in "
            f"`{WHERE}/cut/workspace`"
        ),
        (
            f"lost: its work was not brought back: its record is missing or can't be read; it is in "
            f"`{WHERE}/lost/workspace`"
        ),
    ]
    assert (plan.folder_of("cut") / "workspace/a").read_text() == "half"
    assert Room(plan.folder_of("cut")).read().state is State.RUNNING


def test_a_task_that_is_at_work_is_let_be(plan: LeftBehind) -> None:
    place = plan.open("t")
    (line,) = merge(plan, RUN, code=1)
    assert line.startswith("t: its work was not brought back: the task is at work")
    place.close()


def test_a_run_that_goes_on_is_let_be(plan: LeftBehind) -> None:
    plan.wrote("t", "a", "1")
    held = plan.run.hold()
    ended = plan.weft("merge", RUN)
    let_go(held)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith(f"weft: run `{RUN}` is at work on its workspaces\n")
    assert merge(plan, RUN) == ["t: brought back, 1 change"]


def test_what_was_cut_off_in_the_middle_of_a_merge_is_brought_to_an_end_first(plan: LeftBehind) -> None:
    (plan.home / "publish" / "0123").mkdir(parents=True)  # it was cut off before it had begun
    plan.wrote("t", "a", "1")
    ended = plan.weft("merge", RUN)
    assert (ended.code, ended.out) == (0, "t: brought back, 1 change\n")
    assert ended.err == "a merge was cut off earlier: it is cleared now\n"


def test_an_order_that_can_not_be_read_is_a_mistake(plan: LeftBehind) -> None:
    plan.wrote("t", "a", "1")
    (plan.run.folder / ".workspaces.json").write_text("[]")
    ended = plan.weft("merge", RUN)
    assert ended.code == 2
    assert ended.err.startswith(f"weft: the order of the tasks in `{WHERE}/.workspaces.json` can't be read: ")


def test_policy_and_command_exclude_each_other(plan: LeftBehind) -> None:
    plan.wrote("t", "a", "1")
    ended = plan.weft("merge", RUN, "--policy", "last", "--command", "true")
    assert ended.code == 2
    assert "exclude each other" in ended.err
    assert plan.weft("merge", RUN, "--policy", "loudest").code == 2
    assert plan.weft("merge").code == 2
    (plan.root / "a").write_text("2")
    assert merge(plan, RUN, "--policy", "first", WEFT_COMMAND="false")[0] == "t: brought back, 0 changes"
