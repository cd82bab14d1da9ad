"""Decisions, on manifests that no disk has seen."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from weft.disk.entry import Entry, Kind
from weft.model.workspace import MergePolicy
from weft.workspaces.manifest import Manifest, above
from weft.workspaces.merge import Decision, Origin, merge

FAIL, KEEP_BOTH, FIRST, LAST = (
    MergePolicy.FAIL,
    MergePolicy.KEEP_BOTH,
    MergePolicy.FIRST,
    MergePolicy.LAST,
)
THREE_WAY, UNION = MergePolicy.THREE_WAY, MergePolicy.UNION

Files = Mapping[str, str | None]


def entry_of(text: str | None) -> Entry:
    """`-> x` is a link, None a directory, `!x` an executable file, `|` a pipe."""
    if text is None:
        return Entry(Kind.DIRECTORY, 0o755)
    if text == "|":
        return Entry(Kind.OTHER, 0o644)
    if text.startswith("-> "):
        return Entry(Kind.LINK, target=text.removeprefix("-> "))
    is_executable = text.startswith("!")
    return Entry(Kind.FILE, 0o755 if is_executable else 0o644, digest=text.removeprefix("!"))


def manifest_of(files: Files) -> Manifest:
    entries = {folder: entry_of(None) for path in files for folder in above(path)}
    entries |= {path: entry_of(text) for path, text in files.items()}
    return Manifest(dict(sorted(entries.items())))


def text_of(entry: Entry) -> str | None:
    if entry.kind is Kind.DIRECTORY:
        return None
    if entry.kind is Kind.LINK:
        return f"-> {entry.target}"
    return f"{'!' if entry.mode == 0o755 else ''}{entry.digest}"


def decide(base: Files, plan: Files, task: Files, policy: MergePolicy = FAIL) -> Decision:
    return merge(manifest_of(base), manifest_of(plan), manifest_of(task), policy, label="T")


def outcome(base: Files, plan: Files, task: Files, policy: MergePolicy = FAIL) -> dict[str, str | None]:
    """Return what the plan's directory holds afterwards, without directories that are not empty."""
    tree = dict(manifest_of(plan).entries)
    for change in decide(base, plan, task, policy).changes:
        assert tree.get(change.path) == change.was
        if change.to is None:
            del tree[change.path]
        else:
            tree[change.path] = change.to
    for path in tree:
        assert all(tree[folder].kind is Kind.DIRECTORY for folder in above(path)), path
    full = {folder for path in tree for folder in above(path)}
    return {path: text_of(tree[path]) for path in sorted(tree) if path not in full}


def conflicts(base: Files, plan: Files, task: Files, policy: MergePolicy = FAIL) -> list[str]:
    decision = decide(base, plan, task, policy)
    assert not (decision.conflicts and decision.changes)
    return [conflict.path for conflict in decision.conflicts]


def test_what_only_the_task_has_changed_is_taken_over() -> None:
    base: Files = {"changed": "1", "gone": "1", "d/gone": "1", "still": "1"}
    task: Files = {"changed": "2", "new/deep": "2", "void": None, "link": "-> x", "still": "1"}
    assert outcome(base, base, task) == dict(sorted(task.items()))


def test_what_only_the_plan_has_changed_stays() -> None:
    assert outcome({"a": "1", "b": "1"}, {"a": "2", "c": "3"}, {"a": "1", "b": "1"}) == {"a": "2", "c": "3"}


def test_disjoint_changes_are_all_there() -> None:
    base: Files = {"a": "1", "b": "1", "c": "1"}
    assert outcome(base, {"a": "2", "b": "1"}, {"a": "1", "b": "3", "c": "1"}) == {"a": "2", "b": "3"}


@pytest.mark.parametrize("text", ["2", None, "-> x"])
def test_the_same_change_twice_is_one(text: str | None) -> None:
    assert outcome({"a": "1"}, {"a": text}, {"a": text}) == {"a": text}
    assert decide({"a": "1"}, {"a": text}, {"a": text}).changes == ()


def test_a_file_that_both_have_removed_is_gone() -> None:
    assert outcome({"a": "1", "b": "1"}, {"b": "1"}, {"b": "1"}) == {"b": "1"}


def test_one_may_change_the_mode_and_one_the_content() -> None:
    assert outcome({"a": "1"}, {"a": "2"}, {"a": "!1"}) == {"a": "!2"}
    assert outcome({"a": "1"}, {"a": "!1"}, {"a": "2"}) == {"a": "!2"}
    (change,) = decide({"a": "1"}, {"a": "2"}, {"a": "!1"}).changes
    assert change.source is None, "no bytes have to be brought"


def test_a_rename_is_a_removal_and_something_new() -> None:
    assert outcome({"a": "1", "b": "1"}, {"a": "1", "b": "2"}, {"c": "1", "b": "1"}) == {"b": "2", "c": "1"}


def test_a_link_a_file_and_a_directory_can_become_each_other() -> None:
    base: Files = {"a": "1", "b": "-> x", "c/x": "1", "d": None}
    task: Files = {"a/x": "2", "b": "2", "c": "-> y", "d": "2"}
    assert outcome(base, base, task) == task


# What the base, the plan and the task have; which paths are in conflict; and what `first`, `last` and
# `keep-both` make of it.
BOTH_CHANGED = [
    ("contents", {"a.c": "1"}, {"a.c": "2"}, {"a.c": "3"}, ["a.c"], {"a.c": "2", "a.T.c": "3"}),
    ("both new", {}, {"a": "2"}, {"a": "3"}, ["a"], {"a": "2", "a.T": "3"}),
    ("links", {"a": "-> 1"}, {"a": "-> 2"}, {"a": "-> 3"}, ["a"], {"a": "-> 2", "a.T": "-> 3"}),
    ("file and link", {}, {"a": "2"}, {"a": "-> 3"}, ["a"], {"a": "2", "a.T": "-> 3"}),
    ("file and empty directory", {}, {"a": "2"}, {"a": None}, ["a"], {"a": "2", "a.T": None}),
    ("removed by the task", {"a": "1", "z": ""}, {"a": "2", "z": ""}, {"z": ""}, ["a"], {"a": "2", "z": ""}),
    ("removed in the plan", {"a": "1", "z": ""}, {"z": ""}, {"a": "3", "z": ""}, ["a"], {"a": "3", "z": ""}),
    ("hidden", {}, {".a": "2"}, {".a": "3"}, [".a"], {".a": "2", ".a.T": "3"}),
    ("name taken", {}, {"a": "2", "a.T": ""}, {"a": "3"}, ["a"], {"a": "2", "a.T": "", "a.T.2": "3"}),
    ("contents and modes", {"a": "1"}, {"a": "!2"}, {"a": "3"}, ["a"], {"a": "!2", "a.T": "3"}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("base", "plan", "task", "paths", "both"),
    [row[1:] for row in BOTH_CHANGED],
    ids=[row[0] for row in BOTH_CHANGED],
)
def test_what_both_have_changed_is_up_to_the_policy(
    base: Files, plan: Files, task: Files, paths: list[str], both: Files
) -> None:
    assert conflicts(base, plan, task) == paths
    assert outcome(base, plan, task) == plan
    assert outcome(base, plan, task, FIRST) == plan
    assert outcome(base, plan, task, LAST) == {**{k: v for k, v in plan.items() if k not in paths}, **task}
    assert outcome(base, plan, task, KEEP_BOTH) == dict(sorted(both.items()))
    for policy in (FIRST, LAST, KEEP_BOTH):
        assert [conflict.path for conflict in decide(base, plan, task, policy).overruled] == paths


# The same where one of them has no directory any more in which the other has changed something.
ABOVE_AND_BELOW = [
    (
        "the task has a file where the plan has added something",
        {"d/old": "1"}, {"d/old": "1", "d/new": "2"}, {"d": "3"}, ["d"],
        {"d/new": "2"}, {"d": "3"}, {"d/new": "2", "d.T": "3"},
    ),
    (
        "the task has removed where the plan has added something",
        {"d/old": "1", "z": ""}, {"d/old": "1", "d/new": "2", "z": ""}, {"z": ""}, ["d"],
        {"d/new": "2", "z": ""}, {"z": ""}, {"d/new": "2", "z": ""},
    ),
    (
        "the task has removed where the plan has changed something",
        {"d/e/x": "1", "z": ""}, {"d/e/x": "2", "z": ""}, {"z": ""}, ["d/e/x"],
        {"d/e/x": "2", "z": ""}, {"z": ""}, {"d/e/x": "2", "z": ""},
    ),
    (
        "the plan has a file where the task has added something",
        {"d/old": "1"}, {"d": "2"}, {"d/old": "1", "d/new": "3"}, ["d"],
        {"d": "2"}, {"d/new": "3"}, {"d": "2", "d.T/new": "3"},
    ),
    (
        "the plan has a link where the task has added something deep",
        {"d/old": "1"}, {"d": "-> x"}, {"d/old": "1", "d/e/f/new": "3"}, ["d"],
        {"d": "-> x"}, {"d/e/f/new": "3"}, {"d": "-> x", "d.T/e/f/new": "3"},
    ),
    (
        "the plan has removed where the task has added something",
        {"d/old": "1", "z": ""}, {"z": ""}, {"d/old": "1", "d/new": "3", "z": ""}, ["d"],
        {"z": ""}, {"d/new": "3", "z": ""}, {"d/new": "3", "z": ""},
    ),
    (
        "both new, a file and a directory",
        {}, {"d": "2"}, {"d/x": "3"}, ["d"],
        {"d": "2"}, {"d/x": "3"}, {"d": "2", "d.T/x": "3"},
    ),
    (
        "both new, a directory and a file",
        {}, {"d/x": "2"}, {"d": "3"}, ["d"],
        {"d/x": "2"}, {"d": "3"}, {"d/x": "2", "d.T": "3"},
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("base", "plan", "task", "paths", "first", "last", "both"),
    [row[1:] for row in ABOVE_AND_BELOW],
    ids=[row[0] for row in ABOVE_AND_BELOW],
)
def test_a_directory_of_one_that_is_none_for_the_other_is_a_conflict(
    base: Files, plan: Files, task: Files, paths: list[str], first: Files, last: Files, both: Files
) -> None:
    assert conflicts(base, plan, task) == paths
    assert outcome(base, plan, task) == plan
    assert outcome(base, plan, task, FIRST) == first
    assert outcome(base, plan, task, LAST) == last
    assert outcome(base, plan, task, KEEP_BOTH) == dict(sorted(both.items()))


def test_a_conflict_names_what_lies_below() -> None:
    (conflict,) = decide({"d/old": "1"}, {"d/old": "1", "d/new": "2"}, {"d": "3"}).conflicts
    assert conflict.below == ("d/new",)


def test_a_task_may_turn_a_file_into_a_directory_while_others_change_other_files() -> None:
    assert outcome({"a": "1", "b": "1"}, {"a": "1", "b": "2"}, {"a/x": "3", "b": "1"}, KEEP_BOTH) == {
        "a/x": "3",
        "b": "2",
    }


def test_one_conflict_keeps_back_all_of_a_task() -> None:
    decision = decide({"a": "1"}, {"a": "2"}, {"a": "3", "new": "4"})
    assert (decision.changes, [conflict.path for conflict in decision.conflicts]) == ((), ["a"])


@pytest.mark.parametrize("policy", [THREE_WAY, UNION, MergePolicy.COMMAND])
def test_files_that_both_have_changed_are_left_to_those_who_read_them(policy: MergePolicy) -> None:
    decision = decide({"a": "1"}, {"a": "2"}, {"a": "!3", "new": "4"}, policy)
    (file,) = decision.contested
    assert (file.path, file.mode, decision.conflicts) == ("a", 0o755, ())
    assert [change.path for change in decision.changes] == ["new"]


@pytest.mark.parametrize(
    ("base", "plan", "task"),
    [
        ({"a": "1", "b": "1"}, {"a": "2", "b": "2"}, {"b": "3"}),
        ({}, {"a": "2"}, {"a": "!2"}),
        ({"a": "1"}, {"a": "-> 2"}, {"a": "3"}),
        ({"d/a": "1"}, {"d": "2"}, {"d/b": "3"}),
    ],
    ids=["removed", "modes", "kinds", "directory"],
)
@pytest.mark.parametrize("policy", [THREE_WAY, UNION, MergePolicy.COMMAND])
def test_what_is_no_matter_of_contents_stays_in_conflict(
    base: Files, plan: Files, task: Files, policy: MergePolicy
) -> None:
    assert conflicts(base, plan, task, policy) == conflicts(base, plan, task)


def test_modes_that_both_have_changed_are_in_conflict() -> None:
    base, plan, task = (Manifest({"d": Entry(Kind.DIRECTORY, mode)}) for mode in (0o755, 0o700, 0o750))
    assert [conflict.path for conflict in merge(base, plan, task).conflicts] == ["d"]
    (change,) = merge(base, plan, task, LAST).changes
    assert (change.to, change.source) == (Entry(Kind.DIRECTORY, 0o750), None)
    assert merge(base, plan, task, KEEP_BOTH).changes == ()


def test_pipes_stay_in_the_workspace() -> None:
    decision = decide({"a": "1"}, {"a": "1"}, {"a": "|", "p": "|", "b": "2"})
    assert decision.left_out == ("a", "p")
    assert [change.path for change in decision.changes] == ["b"]


def test_a_long_name_is_shortened_to_bear_the_task() -> None:
    name = "ü" * 125 + ".txt"
    decision = decide({}, {name: "2"}, {name: "3"}, KEEP_BOTH)
    (change,) = decision.changes
    assert len(change.path.encode()) <= 255
    assert change.path.endswith(".T.txt")
    assert change.source is not None
    assert (change.source.origin, change.source.path) == (Origin.TASK, name)
