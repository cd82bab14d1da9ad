"""Tasks do whatever they like, each in a workspace of its own, and what comes of it keeps the promises."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.workspaces.doings import Doing, Put, any_doings, base_trees, do, effective
from tests.workspaces.trees import COPY, DIRECTORY, Plan, Seen, seen

from weft.disk.entry import Entry, Kind
from weft.model.workspace import MergePolicy
from weft.workspaces.changed import changed
from weft.workspaces.manifest import Manifest, above, alike, take
from weft.workspaces.merge import Decision, merge, overlaid

POLICIES = [MergePolicy.FAIL, MergePolicy.FIRST, MergePolicy.LAST, MergePolicy.KEEP_BOTH]
Trees = tuple[Manifest, Manifest, Manifest]


@contextmanager
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def made(root: Path, doings: Sequence[Doing]) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    for doing in doings:
        do(root, doing)
    return root


def plan_of(root: Path, base: Sequence[Doing]) -> Plan:
    made(root, base)
    return Plan(root)


def result(plan: Manifest, decision: Decision) -> dict[str, Entry]:
    entries = dict(plan.entries)
    for change in decision.changes:
        assert entries.get(change.path) == change.was
        if change.to is None:
            del entries[change.path]
        else:
            entries[change.path] = change.to
    return dict(sorted(entries.items()))


def same(one: dict[str, Entry], other: dict[str, Entry]) -> bool:
    return one.keys() == other.keys() and all(alike(one[path], other[path]) for path in one)


@st.composite
def trees(draw: st.DrawFn) -> Trees:
    """Return a base, and what two have made of it."""
    base = draw(base_trees())
    with folder() as root:
        made(root / "base", base)
        for task in ("one", "two"):
            made(root / task, [*base, *draw(any_doings(task))])
        return take(root / "base"), take(root / "one"), take(root / "two")


@settings(max_examples=60)
@given(trees(), st.sampled_from(POLICIES))
def test_what_is_decided_is_a_tree(sides: Trees, policy: MergePolicy) -> None:
    merged = result(sides[1], merge(*sides, policy))
    for path in merged:
        assert all(merged[upper].kind is Kind.DIRECTORY for upper in above(path)), path


@settings(max_examples=60)
@given(trees())
def test_there_is_a_conflict_where_the_order_matters_and_nowhere_else(sides: Trees) -> None:
    base, one, two = sides
    one_then_two = result(one, merge(base, one, two, MergePolicy.LAST))
    two_then_one = result(two, merge(base, two, one, MergePolicy.LAST))
    decision = merge(base, one, two)
    assert bool(decision.conflicts) is not same(one_then_two, two_then_one)
    if not decision.conflicts:
        assert same(result(one, decision), one_then_two)


@settings(max_examples=60)
@given(trees())
def test_first_is_last_in_the_other_order(sides: Trees) -> None:
    base, one, two = sides
    first = result(one, merge(base, one, two, MergePolicy.FIRST))
    assert same(first, result(two, merge(base, two, one, MergePolicy.LAST)))


@settings(max_examples=60)
@given(trees())
def test_without_conflicts_the_changes_of_both_are_there(sides: Trees) -> None:
    base, one, two = sides
    decision = merge(base, one, two)
    merged = result(one, decision)
    if decision.conflicts:
        assert merged == one.entries
        return
    for path in {*base.entries, *one.entries, *two.entries}:
        entries = [side.entries.get(path) for side in (base, one, two)]
        new = [entry for entry in entries[1:] if not alike(entry, entries[0])] or entries[:1]
        assert any(alike(merged.get(path), entry) for entry in new) or is_combined(merged[path], entries), (
            path
        )


def is_combined(merged: Entry, entries: list[Entry | None]) -> bool:
    """One has changed the content and the other the mode."""
    told = [entry for entry in entries if entry is not None]
    return merged.mode in {entry.mode for entry in told} and merged.digest in {entry.digest for entry in told}


@settings(max_examples=60)
@given(trees())
def test_both_kept_means_that_every_new_file_is_there(sides: Trees) -> None:
    base, one, two = sides
    merged = result(one, merge(base, one, two, MergePolicy.KEEP_BOTH, label="T")).values()
    kept = {(entry.digest, entry.target) for entry in merged}
    for side in (one, two):
        for path, entry in side.entries.items():
            before = base.entries.get(path)
            is_new = before is None or (entry.digest, entry.target) != (before.digest, before.target)
            if entry.kind is not Kind.DIRECTORY and is_new:
                assert (entry.digest, entry.target) in kept, path


@settings(max_examples=60)
@given(trees(), st.sampled_from(POLICIES))
def test_it_is_enough_to_know_what_a_task_has_changed(sides: Trees, policy: MergePolicy) -> None:
    base, plan, task = sides
    part_of_base, part_of_task = changed(base, base, task, base.entries)
    part = merge(part_of_base, plan, part_of_task, policy)
    whole = merge(base, plan, task, policy)
    assert part.changes == whole.changes
    assert [conflict.path for conflict in part.conflicts] == [conflict.path for conflict in whole.conflicts]


@settings(max_examples=60)
@given(trees())
def test_to_lay_changes_over_what_they_were_made_of_gives_their_result(sides: Trees) -> None:
    base, one, _ = sides
    delta = {path: one.entries.get(path) for path in {*base.entries, *one.entries}}
    assert overlaid(base.entries, delta, one.entries) == one.entries


@settings(max_examples=30)
@given(base_trees(), st.tuples(*(any_doings(f"t{number}") for number in (1, 2, 3))))
def test_last_leaves_what_one_task_after_the_other_leaves(
    base: list[Put], programs: tuple[list[Doing], ...]
) -> None:
    with folder() as root:
        before = made(root / "before", base)
        chosen = [effective(before, doings) for doings in programs]
        expected = seen(made(root / "expected", [*base, *itertools.chain(*chosen)]))
        plan = plan_of(root / "plan", base)
        assert merged(plan, chosen, range(3), MergePolicy.LAST) == expected


@settings(max_examples=25)
@given(
    base_trees(),
    st.tuples(*(any_doings(f"t{number}") for number in (1, 2, 3))),
    st.permutations(range(3)),
    st.sampled_from(POLICIES),
)
def test_the_order_in_which_tasks_end_does_not_matter(
    base: list[Put], programs: tuple[list[Doing], ...], order: list[int], policy: MergePolicy
) -> None:
    with folder() as root:
        one, other = plan_of(root / "one", base), plan_of(root / "other", base)
        assert merged(one, programs, range(3), policy) == merged(other, programs, order, policy)


def merged(plan: Plan, programs: Sequence[list[Doing]], order: Sequence[int], policy: MergePolicy) -> Seen:
    """Let all tasks work at once and end in this order, and bring them back in the order of the plan."""
    places = [plan.open(f"t{number}") for number, _ in enumerate(programs)]
    for number in order:
        made(places[number].path, programs[number])
        places[number].close()
    for place in places:
        plan.bring(place, policy)
    return seen(plan.root)


@settings(max_examples=30)
@given(base_trees(), st.tuples(any_doings("t1"), any_doings("t2")), st.sampled_from([COPY, DIRECTORY]))
def test_fail_loses_no_byte_of_either_side(
    base: list[Put], programs: tuple[list[Doing], ...], workspace: object
) -> None:
    with folder() as root:
        plan = plan_of(root / "plan", base)
        places = [plan.open(f"t{number}", workspace) for number, _ in enumerate(programs)]  # type: ignore[arg-type]  # drawn
        for place, doings in zip(places, programs, strict=True):
            made(place.path, doings)
        for place in places:
            before, work = seen(plan.root), seen(place.path)
            brought = plan.bring(place)
            after = seen(plan.root)
            assert seen(place.path) == work
            if not brought.is_merged:
                assert brought.conflicts
                assert after == before
            new = {change.path for change in brought.changes}
            assert {path: before[path] for path in before.keys() - new} == {
                path: after[path] for path in after.keys() - new
            }
            for change in brought.changes:
                has = after.get(change.path)
                assert has == work.get(change.path) or is_of_both(has, before, work, change.path), change


def is_of_both(has: tuple[object, ...] | None, before: Seen, work: Seen, path: str) -> bool:
    """The plan has changed the content and the task the mode, or the other way round."""
    kinds_and_modes = {before[path][:2], work[path][:2]}
    contents = {before[path][2:], work[path][2:]}
    return has is not None and has[:2] in kinds_and_modes and has[2:] in contents
