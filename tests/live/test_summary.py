from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from weft.live.summary import LineKind, failures, summary
from weft.model.outcome import Cancelled, Failed, Outcome, Skipped, Succeeded
from weft.model.reason import CancelAsked, DependencyFailed, Exited, Interrupted, Raised
from weft.runtime.layout import RunFolder
from weft.scheduling.states import RunState
from weft.views.report import GroupReport, HealthReport, Report

Golden = Callable[[str, str], None]


def lines(report: Report, folder: RunFolder | None = None) -> list[str]:
    return [line.text for line in summary(report, folder)]


def test_the_summary_of_a_run_that_failed(report: Report, folder: RunFolder, golden: Golden) -> None:
    golden("summary.txt", "\n".join(lines(report, folder)) + "\n")


def test_the_failures_come_last_in_plan_order() -> None:
    outcomes: dict[str, Outcome] = {
        "z": Failed(Exited(1)),
        "skipped": Skipped(DependencyFailed("z")),
        "a": Failed(Exited(2)),
    }
    kinds = [line.kind for line in summary(Report(RunState.FAILED, outcomes))]
    assert kinds == [LineKind.COUNTS, LineKind.LEFT_OUT, LineKind.FAILURE, LineKind.FAILURE]
    assert lines(Report(RunState.FAILED, outcomes))[2:] == ["z failed: exit code 1", "a failed: exit code 2"]


def test_skipped_tasks_are_grouped_by_their_cause() -> None:
    outcomes: dict[str, Outcome] = {name: Skipped(DependencyFailed("build")) for name in "abcdefghijkl"}
    assert lines(Report(RunState.FAILED, outcomes, seconds=3.0)) == [
        "12 tasks in 3.0 s: 12 skipped",
        "12 tasks were skipped because `build` failed: a, b, c and 9 more",
    ]


def test_an_interrupted_run_says_so() -> None:
    outcomes: dict[str, Outcome] = {"a": Cancelled(Interrupted(2)), "b": Cancelled(CancelAsked())}
    assert lines(Report(RunState.INTERRUPTED, outcomes, seconds=0.5)) == [
        "interrupted: 2 tasks in 0.50 s: 2 cancelled",
        "1 task was cancelled because the run was interrupted by SIGINT: a",
        "1 task was cancelled: b",
    ]


def test_the_summary_of_a_run_in_trouble(bad_report: Report, golden: Golden) -> None:
    golden("trouble_summary.txt", "\n".join(lines(bad_report)) + "\n")


def test_a_degraded_run_says_so_and_how_its_groups_stand() -> None:
    outcomes: dict[str, Outcome] = {"a": Succeeded(), "b": Failed(Exited(1)), "c": Succeeded()}
    groups = {"survey": GroupReport(True, 1, 1, required=1), "fine": GroupReport(True, 1, required=1)}
    assert lines(Report(RunState.DEGRADED, outcomes, seconds=3.0, groups=groups)) == [
        "degraded: 3 tasks in 3.0 s: 2 succeeded, 1 failed",
        "group survey: 1 of 2 succeeded, 1 required: met",
        "b failed: exit code 1",
    ]


def test_a_group_that_nobody_could_decide_any_more_is_told_as_such() -> None:
    groups = {"survey": GroupReport(None, succeeded=1, cancelled=2)}
    assert lines(Report(RunState.INTERRUPTED, {}, groups=groups))[1:] == [
        "group survey: 1 of 3 succeeded: not decided"
    ]


def test_the_first_groups_in_trouble_are_told_and_the_others_counted() -> None:
    groups = {f"g{number}": GroupReport(False, failed=1) for number in range(12)}
    shown = lines(Report(RunState.FAILED, {}, groups=groups))
    assert len(shown) == 1 + 10 + 1
    assert shown[-1] == "2 more groups had members that did not succeed: g10, g11"


def test_what_is_unhealthy_in_the_end_is_told() -> None:
    health = {"limit `api`": HealthReport(False, 0.6, 20, 12), "the run": HealthReport(True, 0.1, 40, 12)}
    assert lines(Report(RunState.FAILED, {}, health=health))[1:] == [
        "limit `api` is unhealthy: 60% of the attempts failed"
    ]


def test_a_task_that_was_tried_more_than_once_tells_how_often() -> None:
    report = Report(RunState.FAILED, {"a": Failed(Exited(1))}, attempts={"a": 3})
    assert lines(report)[-1] == "a failed after 3 attempts: exit code 1"


def test_long_lists_are_cut_with_counts() -> None:
    outcomes: dict[str, Outcome] = {f"f{number}": Failed(Exited(1)) for number in range(30)}
    outcomes |= {f"s{number}": Skipped(DependencyFailed(f"f{number}")) for number in range(30)}
    shown = lines(Report(RunState.FAILED, outcomes))
    assert len(shown) == 1 + 11 + 21
    assert shown[11] == "20 more tasks were skipped, for 20 other causes"
    assert shown[-1] == "10 more tasks failed: f20, f21, f22 and 7 more"


def test_a_run_without_tasks_has_a_summary() -> None:
    assert lines(Report(RunState.SUCCEEDED, {})) == ["0 tasks in 0.00 s"]


def test_the_log_is_relative_to_the_current_directory_only_if_it_is_under_it(
    tmp_path: Path, folder: RunFolder
) -> None:
    report = Report(RunState.FAILED, {"build": Failed(Exited(1))})
    assert lines(report, folder)[-1] == "  log: .weft/runs/r1/build/stderr.log"
    elsewhere = RunFolder(tmp_path.parent / "elsewhere")
    path = elsewhere.stdout("build")
    path.parent.mkdir(parents=True)
    path.write_bytes(b"said on standard output\n")
    assert lines(report, elsewhere)[-2:] == ["  | said on standard output", f"  log: {path}"]


def test_the_end_of_a_huge_binary_log_is_quoted_without_harm(folder: RunFolder) -> None:
    folder.stderr("build").write_bytes(bytes(range(256)) * 1000 + b"\n10%\r50%\r100%\r\n\x1b[1mlast\x1b[0m\n")
    quoted = [line.text for line in failures(Report(RunState.FAILED, {"build": Failed(Exited(1))}), folder)]
    assert quoted[-3:-1] == ["  | 100%", "  | last"]
    assert all(line.isprintable() for line in quoted)


def test_a_function_without_a_log_shows_the_end_of_its_traceback() -> None:
    traceback = "".join(f"line {number}\n" for number in range(40))
    report = Report(RunState.FAILED, {"f": Failed(Raised("ValueError", "no", traceback))})
    assert lines(report)[1:] == ["f failed: ValueError: no", *(f"  | line {n}" for n in range(30, 40))]
