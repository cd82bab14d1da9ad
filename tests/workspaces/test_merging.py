from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.workspaces.trees import COPY, DIRECTORY, Plan, make, put, removes, texts, writes

from weft.model.workspace import Merge, MergePolicy
from weft.workspaces.merging import look_at

LINES = "".join(f"line {number}\n" for number in range(10))
THREE_WAY = Merge(MergePolicy.THREE_WAY)


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    return Plan(tmp_path / "plan", {"a.txt": LINES, "d/b": "b"})


def test_tasks_that_work_at_once_are_brought_back_one_after_the_other(plan: Plan) -> None:
    brought = plan.together(
        MergePolicy.FAIL, writes("new", "1"), writes("d/b", "2"), removes("a.txt"), writes("d/c/e", "4")
    )
    assert all(one.is_merged for one in brought)
    assert texts(plan.root) == {"d/b": "2", "d/c/e": "4", "new": "1"}


def test_the_second_of_two_in_conflict_stays_in_its_workspace(plan: Plan) -> None:
    first, second = plan.together(MergePolicy.FAIL, writes("out", "1"), writes("out", "2"))
    assert first.is_merged
    assert [conflict.path for conflict in second.conflicts] == ["out"]
    assert texts(plan.root)["out"] == "1"
    left = plan.left("t2")
    assert texts(left.close().tree)["out"] == "2"
    assert plan.bring(left, MergePolicy.KEEP_BOTH).is_merged
    assert (texts(plan.root)["out"], texts(plan.root)["out.t2"]) == ("1", "2")


def test_the_same_output_twice_is_there_once(plan: Plan) -> None:
    brought = plan.together(MergePolicy.FAIL, writes("out", "x"), writes("out", "x"), workspace=DIRECTORY)
    assert [one.is_merged for one in brought] == [True, True]
    assert texts(plan.root)["out"] == "x"


def test_to_bring_back_twice_changes_nothing_more(plan: Plan) -> None:
    place = plan.open("t")
    put(place.path, "new", "1")
    assert len(plan.bring(place).changes) == 1
    assert plan.bring(place).changes == ()


def test_a_file_written_anew_with_what_it_held_is_no_change(plan: Plan) -> None:
    first, second = plan.together(MergePolicy.FAIL, writes("a.txt", "new"), writes("a.txt", LINES))
    assert first.is_merged
    assert second.is_merged
    assert texts(plan.root)["a.txt"] == "new"


def test_a_large_file_is_brought_back_too(plan: Plan) -> None:
    make(plan.root, {"large": "x" * 200_000, "other": "y" * 200_000})
    (brought,) = plan.together(MergePolicy.FAIL, writes("large", "z" * 200_000))
    assert [change.path for change in brought.changes] == ["large"]


def test_texts_changed_in_different_places_have_both_changes(plan: Plan) -> None:
    top, bottom = LINES.replace("line 0", "first"), LINES.replace("line 9", "second")
    brought = plan.together(THREE_WAY, writes("a.txt", top), writes("a.txt", bottom))
    assert all(one.is_merged for one in brought)
    assert texts(plan.root)["a.txt"] == top.replace("line 9", "second")


def test_texts_changed_in_the_same_place_stay_in_conflict(plan: Plan) -> None:
    one, other = LINES.replace("line 5", "first"), LINES.replace("line 5", "second")
    _, second = plan.together(THREE_WAY, writes("a.txt", one), writes("a.txt", other))
    (conflict,) = second.conflicts
    assert conflict.note == "both have changed the same lines, in one place"
    assert texts(plan.root)["a.txt"] == one
    assert texts(plan.left("t2").close().tree)["a.txt"] == other


def test_what_is_no_text_stays_in_conflict(plan: Plan) -> None:
    for policy in (THREE_WAY, Merge(MergePolicy.UNION)):
        put(plan.root, "a.txt", "old\0")
        _, second = plan.together(policy, writes("a.txt", "1\0"), writes("a.txt", "2\0"))
        assert [conflict.path for conflict in second.conflicts] == ["a.txt"]
        assert second.conflicts[0].note
        shutil.rmtree(plan.home / "runs")


def test_without_what_both_began_with_texts_stay_in_conflict(plan: Plan) -> None:
    top, bottom = LINES.replace("line 0", "first"), LINES.replace("line 9", "second")
    _, second = plan.together(THREE_WAY, writes("a.txt", top), writes("a.txt", bottom), keep_base=False)
    assert [conflict.note for conflict in second.conflicts] == ["what both have begun with is not known"]


def test_the_union_has_the_lines_of_both(plan: Plan) -> None:
    plan.together(Merge(MergePolicy.UNION), writes("log", "a\nb\n"), writes("log", "b\nc"))
    assert texts(plan.root)["log"] == "a\nb\nc\n"


def test_the_union_does_not_bring_back_what_one_of_both_has_replaced(plan: Plan) -> None:
    put(plan.root, "list", "a\nb\nc\n")
    plan.together(Merge(MergePolicy.UNION), writes("list", "a\nB\nc\n"), writes("list", "a\nb\nc\nd\n"))
    assert texts(plan.root)["list"] == "a\nB\nc\nd\n"


def test_who_has_not_seen_a_text_has_removed_no_line_of_it(plan: Plan) -> None:
    put(plan.root, "log", "a\n")
    union = Merge(MergePolicy.UNION)
    plan.together(union, writes("log", "a\nb\n"), writes("log", "c\n"), workspace=DIRECTORY)
    assert texts(plan.root)["log"] == "a\nb\nc\n"


def test_a_command_merges_what_it_is_told(plan: Plan) -> None:
    command = (
        'cat "$WEFT_MERGE_BASE" "$WEFT_MERGE_OURS" "$WEFT_MERGE_THEIRS" > "$WEFT_MERGE_RESULT"; '
        'echo "$WEFT_MERGE_PATH" >> "$WEFT_MERGE_RESULT"; cat d/b >> "$WEFT_MERGE_RESULT"'
    )
    put(plan.root, "a.txt", "base,")
    brought = plan.together(
        Merge(MergePolicy.COMMAND, command), writes("a.txt", "one,"), writes("a.txt", "two,")
    )
    assert brought[1].is_merged
    assert texts(plan.root)["a.txt"] == "base,one,two,a.txt\nb"


@pytest.mark.parametrize(
    ("command", "note"),
    [("exit 3", "the command ended with 3"), (("/no/such/program",), "the command can't be run: No such")],
)
def test_a_command_that_fails_leaves_the_conflict(
    command: str | tuple[str, ...], note: str, plan: Plan
) -> None:
    how = Merge(MergePolicy.COMMAND, command)
    _, second = plan.together(how, writes("a.txt", "one"), writes("a.txt", "two"))
    assert second.conflicts[0].note is not None
    assert second.conflicts[0].note.startswith(note)
    assert texts(plan.root)["a.txt"] == "one"


def test_a_merge_keeps_the_mode_of_the_one_who_has_changed_it(plan: Plan) -> None:
    top, bottom = LINES.replace("line 0", "first"), LINES.replace("line 9", "second")

    def writes_and_lets_run(root: Path) -> None:
        put(root, "a.txt", bottom)
        (root / "a.txt").chmod(0o755)

    plan.together(THREE_WAY, writes("a.txt", top), writes_and_lets_run)
    assert (plan.root / "a.txt").stat().st_mode & 0o777 == 0o755


def test_only_what_the_task_has_changed_is_looked_at(plan: Plan) -> None:
    make(plan.root, {"other/x": "x", "d/deep/y": "y"})
    place = plan.open("t", COPY)
    put(place.path, "d", "a file now")
    put(place.path, "new/z", "z")
    put(plan.root, "d/late", "late")
    assert list(look_at(plan.root, place.close()).entries) == ["d", "d/b", "d/deep", "d/deep/y", "d/late"]
