from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from weft.live.summary import LineKind, failures, summary
from weft.model.outcome import Cancelled, Failed, Outcome, Skipped
from weft.model.reason import CancelAsked, DependencyFailed, Exited, Interrupted, Raised
from weft.runtime.layout import RunFolder
from weft.scheduling.states import RunState
from weft.views.report import Report

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
