"""Where runs differ, the tasks that may be behind it are named."""

from __future__ import annotations

from collections.abc import Mapping

from weft.model.outcome import Outcome
from weft.planning.observed import Change
from weft.planning.prepare import prepare
from weft.testing import failed, plan, succeeded, task
from weft.views.race import FileDiffers, RaceReport, Trace, race_report, race_text

PLAN = plan(
    task("a", writes="x"), task("b", writes="y"), task("c", reads="x", writes="z"), task("d", reads="q")
)
CREATED = Change.CREATED


def trace(outcomes: Mapping[str, Outcome] | None = None, **files: str) -> Trace:
    return Trace(files, {task.id: succeeded() for task in PLAN.tasks} | dict(outcomes or {}))


def report(observed: Mapping[int, Mapping[str, Change]], *runs: Trace) -> RaceReport:
    expected = trace(x="1", y="1", z="1")
    others = {f"round-{number}": run for number, run in enumerate(runs, start=1)}
    return race_report(prepare(PLAN), (expected, expected), observed, others)


def test_runs_that_agree_are_no_race() -> None:
    agreed = report({}, trace(x="1", y="1", z="1"))
    assert not agreed.found
    assert race_text(agreed) == (
        "no race found: 1 run in other orders left the files and results of one task after the other\n"
    )


def test_a_file_that_two_write_is_told_with_both_and_who_did_not_declare_it() -> None:
    found = report({0: {"x": CREATED}, 1: {"x": Change.CHANGED}}, trace(x="2", y="1", z="1"))
    assert found.files == (FileDiffers("x", ("round-1",), ("a", "b"), ("b",)),)
    assert race_text(found) == (
        "a race: 1 run in other orders did not all leave what one task after the other leaves\n"
        "  `x` differs in round-1\n"
        "    written by `a`, `b`; not declared under the `writes` of `b`\n"
        "not declared: `b` changed `x`\n"
    )


def test_of_a_file_with_one_writer_those_that_write_beside_it_are_named() -> None:
    """It has read something; reads are not seen."""
    found = report(
        {0: {"x": CREATED}, 1: {"y": CREATED}, 2: {"z": CREATED}},
        trace(x="1", y="1", z="2"),
        trace(x="1", y="1"),
    )
    assert found.files == (FileDiffers("z", ("round-1", "round-2"), ("c",), (), ("b",)),)
    assert "written by `c`, beside which these write, too: `b`\n" in race_text(found)


def test_a_file_that_nobody_was_seen_writing_is_told() -> None:
    found = report({}, trace(x="1", y="1", z="1", new="1"))
    assert found.files == (FileDiffers("new", ("round-1",), ()),)
    assert "no task was seen writing it" in race_text(found)


def test_other_results_and_other_ends_are_differences() -> None:
    changed = trace(outcomes={"a": succeeded(7)}, x="1", y="1", z="1")
    found = report({}, changed, trace(outcomes={"d": failed()}, x="1", y="1", z="1"))
    assert [(end.task, end.runs) for end in found.outcomes] == [("a", ("round-1",)), ("d", ("round-2",))]
    assert found.differing == {"round-1", "round-2"}
    text = race_text(found)
    assert "task `a` differs in round-1\n    its result is another one\n" in text
    assert "it failed: exit code 1; one task after the other it succeeded\n" in text


def test_what_changes_from_run_to_run_anyway_is_not_compared() -> None:
    one, other = trace(x="10:00"), trace(x="10:01")
    found = race_report(prepare(PLAN), (one, other), {}, {"round-1": trace(x="10:02")})
    assert not found.found
    assert race_text(found).endswith("not compared, as it changes even from one such run to the next: `x`\n")
