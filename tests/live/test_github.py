from __future__ import annotations

from io import BytesIO, TextIOWrapper

from weft.live.choose import open_display
from weft.live.github import MOST, annotated
from weft.live.kinds import DisplayKind
from weft.model.outcome import Failed, Succeeded
from weft.model.reason import Exited, Raised
from weft.scheduling.states import RunState
from weft.views.report import GroupReport, HealthReport, Report


def test_what_would_end_a_command_early_is_escaped() -> None:
    outcome = Failed(Raised("ValueError", "50% done\r\n::error::no"))
    (told,) = annotated(Report(RunState.FAILED, {"a::b,c\n": outcome}))
    assert told == "::error title=a%3A%3Ab%2Cc%0A::failed: ValueError: 50%25 done%0D%0A::error::no"


def test_no_more_errors_are_told_than_are_shown() -> None:
    many = {f"t{n}": Failed(Exited(1)) for n in range(3 * MOST)}
    assert len(list(annotated(Report(RunState.FAILED, many)))) == MOST


def test_a_run_in_which_all_went_well_has_none() -> None:
    groups = {"g": GroupReport(True, succeeded=1)}
    health = {"the run": HealthReport()}
    report = Report(RunState.SUCCEEDED, {"a": Succeeded()}, groups=groups, health=health)
    assert list(annotated(report)) == []


def test_a_group_that_fell_short_and_bad_health_are_warnings() -> None:
    groups = {"survey": GroupReport(True, succeeded=2, failed=1)}
    health = {"limit `api`": HealthReport(is_healthy=False, error_rate=0.5)}
    told = list(annotated(Report(RunState.DEGRADED, {}, groups=groups, health=health)))
    assert told == [
        "::warning title=limit `api`::limit `api` is unhealthy: 50%25 of the attempts failed",
        "::warning title=group survey::2 of 3 succeeded",
    ]


def test_annotations_come_after_the_summary() -> None:
    stdout, stderr = (TextIOWrapper(BytesIO(), encoding="utf-8") for _ in range(2))
    display = open_display(DisplayKind.PLAIN, stdout=stdout, stderr=stderr, annotate=True)
    display.finish(Report(RunState.FAILED, {"a": Failed(Exited(2))}))
    stderr.seek(0)
    *_, last = stderr.read().splitlines()
    assert last == "::error title=a::failed: exit code 2"
