"""What a user of the command line sees when things go wrong: exit codes, flags, retries, what is told."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.cli.process import weft

PlanIn = Callable[..., Path]

TOLERATED = "groups: {extras: {critical: false}}\ntasks: {a: 'true', b: {run: exit 4, group: extras}}"
# `b` ends only when it is ended.
FAILS_EARLY = "tasks: {a: exit 1, b: sleep 1000, c: {run: touch ran, needs: b}}"
FLAKY = """
tasks:
  a:
    run: test $WEFT_ATTEMPT = 3 || { echo no network >&2; exit 75; }
    retry: {base: 10ms}
"""


# Exit codes


def test_failures_that_groups_tolerate_degrade_the_run_and_exit_3(plan: PlanIn) -> None:
    ended = weft("run", cwd=plan(TOLERATED))
    assert ended.code == 3
    assert "degraded: 2 tasks in" in ended.err
    assert "group extras: 0 of 1 succeeded, 1 required: lost\n" in ended.err
    assert ended.err.endswith("b failed: exit code 4\n")


def test_a_run_that_takes_too_long_exits_124_and_leaves_nothing_to_start(plan: PlanIn) -> None:
    root = plan("timeout: 200ms\ntasks: {a: sleep 1000, b: {run: touch ran, needs: a}}")
    ended = weft("run", cwd=root)
    assert ended.code == 124
    assert "the run ended early: the run took longer than 0.2 s\n" in ended.err
    assert not (root / "ran").exists()


def test_a_run_in_which_only_timeouts_failed_exits_124(plan: PlanIn) -> None:
    ended = weft("run", cwd=plan("tasks: {a: {run: sleep 1000, timeout: 100ms}, b: 'true'}"))
    assert ended.code == 124
    assert ended.err.endswith("a failed: it took longer than 0.1 s\n")


def test_a_timeout_among_other_failures_exits_1(plan: PlanIn) -> None:
    root = plan("tasks: {a: {run: sleep 1000, timeout: 100ms}, b: exit 1}")
    assert weft("run", cwd=root).code == 1


# Flags


def test_fail_fast_ends_the_run_with_its_first_failure(plan: PlanIn) -> None:
    root = plan(FAILS_EARLY)
    ended = weft("run", "--fail-fast", cwd=root)
    assert ended.code == 1
    assert "the run ends early: `a` failed, and the run ends with the first failure\n" in ended.err
    assert not (root / "ran").exists()


def test_keep_going_goes_on_whatever_the_plan_says(plan: PlanIn) -> None:
    root = plan("on_failure: cancel\nmax_concurrent: 1\ntasks: {a: exit 1, b: touch ran}")
    assert weft("run", cwd=root).code == 1
    assert not (root / "ran").exists()
    assert weft("run", "-k", cwd=root).code == 1
    assert (root / "ran").exists()


@pytest.mark.parametrize("span", ["200ms", "0.2", "0.2s"])
def test_a_timeout_on_the_command_line_takes_the_place_of_the_plan_s(span: str, plan: PlanIn) -> None:
    ended = weft("run", "--timeout", span, cwd=plan("timeout: 1h\ntasks: {a: sleep 1000}"))
    assert ended.code == 124
    assert "the run took longer than 0.2 s" in ended.err


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("-k", "--fail-fast"), "--fail-fast has no effect beside --keep-going"),
        (("-n", "-k"), "--keep-going has no effect beside --dry-run"),
        (("-n", "--fail-fast"), "--fail-fast has no effect beside --dry-run"),
        (("-n", "--timeout", "5s"), "--timeout has no effect beside --dry-run"),
        (("--timeout", "soon"), "'soon' is no span of time: expected one such as 90s, 5m or 1h30m"),
        (("--timeout", "0"), "'0' is no span of time"),
        (("--timeout", ""), "'' is no span of time"),
    ],
)
def test_flags_that_contradict_each_other_or_say_nothing_are_refused(
    args: tuple[str, ...], says: str, plan: PlanIn
) -> None:
    ended = weft("run", *args, cwd=plan("tasks: {a: touch ran}"))
    assert ended.code == 2
    assert says in ended.err


def test_a_flag_wins_over_a_variable_that_contradicts_it(plan: PlanIn) -> None:
    root = plan("max_concurrent: 1\ntasks: {a: exit 1, b: touch ran}")
    weft("run", "--fail-fast", cwd=root, env={"WEFT_KEEP_GOING": "1"})
    assert not (root / "ran").exists()
    weft("run", "-k", cwd=root, env={"WEFT_FAIL_FAST": "1"})
    assert (root / "ran").exists()


# Retries


def test_a_retry_is_told_and_is_no_failure_if_the_last_attempt_succeeds(plan: PlanIn) -> None:
    ended = weft("run", cwd=plan(FLAKY))
    assert (ended.code, ended.out) == (0, "")
    told = [line for line in ended.err.splitlines() if line.startswith("a: ")]
    assert told == [
        "a: attempt 1 failed: exit code 75; attempt 2 in 0.02 s",
        "a: attempt 2 failed: exit code 75; attempt 3 in 0.04 s",
    ]
    assert ended.err.count("no network\n") == 2
    assert "a succeeded after 3 attempts" in ended.err
    assert weft("run", "-q", cwd=plan(FLAKY)).err == ""


def test_map_tries_a_command_as_often_as_it_is_told(tmp_path: Path) -> None:
    ended = weft("map", "--retry", "2", "echo {}$WEFT_ATTEMPT; test $WEFT_ATTEMPT = 2", "a", cwd=tmp_path)
    assert (ended.code, ended.out) == (0, "a2\n")
    assert "a: attempt 1 failed: exit code 1; attempt 2 in 2.0 s" in ended.err


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("--retry", "0"), "0 is not in the range x>=1"),
        (("-n", "--retry", "3"), "--retry has no effect beside --dry-run"),
    ],
)
def test_a_retry_that_can_not_be_is_refused(args: tuple[str, ...], says: str, tmp_path: Path) -> None:
    ended = weft("map", *args, "echo", "a", cwd=tmp_path)
    assert ended.code == 2
    assert says in ended.err


def test_a_program_reads_of_retries_in_the_stream_of_events(plan: PlanIn) -> None:
    events = [json.loads(line) for line in weft("run", "--json", cwd=plan(FLAKY)).out.splitlines()]
    retries = [event["attempt"] for event in events if event["event"] == "retry_scheduled"]
    assert retries == [2, 3]
    assert [event["attempts"] for event in events if event["event"] == "task_ended"] == [3]
