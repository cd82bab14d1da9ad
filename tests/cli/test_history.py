"""`weft run --resume`, and the commands that tell of earlier runs."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.cli.process import Told, ends, start, weft

Write = Callable[[str], Path]

PLAN = """
tasks:
  fetch: {run: "echo '[1, 2]'", result: json}
  clean: {run: "echo cleaning; echo trouble >&2; test -e ok", needs: fetch}
  tell: {run: 'cat "$WEFT_RESULTS"/*0.json', needs: [fetch, clean]}
"""


def listed(folder: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(weft("runs", "--json", cwd=folder).out)
    return found


@pytest.fixture
def failed(plan: Write) -> Path:
    """The directory of a plan of which one run has failed."""
    folder = plan(PLAN)
    assert weft("run", "-q", cwd=folder).code == 1
    return folder


def test_resuming_runs_what_has_not_succeeded_with_the_results_of_what_has(failed: Path) -> None:
    (failed / "ok").touch()
    first = listed(failed)[0]["run"]
    ran = weft("run", "--resume", cwd=failed)
    assert ran.code == 0
    assert ran.out == "cleaning\n[1,2]"
    assert f"resuming {first}: 1 task is done, 2 run again\n  clean: it failed: exit code 1\n" in ran.err
    assert re.search(rf"3 tasks in .*: 3 succeeded \(1 taken over from {first}\)", ran.err)
    assert "fetch" not in ran.err


@pytest.mark.parametrize(
    "args",
    [
        ("run", "--resume", "weft.yaml"),
        ("run", "weft.yaml", "--resume"),
        ("run", "--resume", "latest"),
        ("run", "--rerun-failed"),
    ],
)
def test_a_run_is_named_or_is_the_latest(failed: Path, args: tuple[str, ...]) -> None:
    (failed / "ok").touch()
    assert weft(*args, cwd=failed).code == 0
    assert listed(failed)[-1]["counts"] == {"succeeded": 3}
    assert "(1 taken over" in weft("run", "--resume", listed(failed)[0]["run"], cwd=failed).err


def test_what_has_changed_runs_again_unless_only_what_failed_is_wanted(plan: Write) -> None:
    folder = plan("tasks: {a: echo one, b: test -e ok}")
    weft("run", cwd=folder)
    (folder / "ok").touch()
    plan("tasks: {a: echo two, b: test -e ok}")
    assert "a: it has changed: command" not in weft("run", "--rerun-failed", "-n", cwd=folder).err
    assert weft("run", "--rerun-failed", "-n", cwd=folder).out == "b: test -e ok\n"
    ran = weft("run", "--resume", cwd=folder)
    assert "a: it has changed: command" in ran.err
    assert ran.out == "two\n"


def test_without_an_earlier_run_all_of_it_runs_and_that_is_said(plan: Write) -> None:
    ran = weft("run", "--resume", cwd=plan("tasks: {a: echo a}"))
    assert (ran.code, ran.out) == (0, "a\n")
    assert "no run of this plan was recorded: all of it runs" in ran.err


def test_a_run_that_is_not_there_is_a_mistake(failed: Path) -> None:
    ran = weft("run", "--resume", "20200101-000000-aaaaaa", cwd=failed)
    assert (ran.code, ran.out) == (2, "")
    assert "no run `20200101-000000-aaaaaa` was recorded here" in ran.err


def test_a_run_that_goes_on_is_not_resumed_beside_itself(plan: Write, told: Told) -> None:
    folder = plan('tasks: {a: "echo $$ > told; exec sleep 60"}')
    process = start("run", cwd=folder)
    pid = int(told.line())
    ran = weft("run", "--resume", cwd=folder)
    assert ran.code == 2
    assert "still goes on" in ran.err
    assert [run["state"] for run in listed(folder)] == ["running"]
    process.kill()
    process.communicate()
    assert ends(pid)
    assert [run["state"] for run in listed(folder)] == ["crashed"]


def test_a_run_without_a_journal_leaves_none(plan: Write) -> None:
    folder = plan("tasks: {a: echo a}")
    assert weft("run", "--no-journal", cwd=folder).code == 0
    assert not (folder / ".weft" / "weft.db").exists()
    ran = weft("runs", cwd=folder)
    assert ran.code == 2
    assert "no run was recorded here" in ran.err


def test_map_is_recorded_too(tmp_path: Path) -> None:
    weft("map", "echo", "x", "y", cwd=tmp_path)
    assert [run["counts"] for run in listed(tmp_path)] == [{"succeeded": 2}]
    assert weft("logs", "latest", "y", cwd=tmp_path).out == "y\n"


def test_runs_are_listed_the_newest_last(failed: Path) -> None:
    (failed / "ok").touch()
    weft("run", "--resume", cwd=failed)
    first, last = weft("runs", cwd=failed).out.splitlines()
    assert re.fullmatch(
        r"\d{8}-\d{6}-\w{6}  [\d-]+ [\d:]+  failed +[\d.]+ s  1 succeeded, 1 failed, 1 skipped +weft run -q",
        first,
    )
    assert last.endswith("weft run --resume")
    assert weft("runs", "-n", "1", cwd=failed).out.splitlines() == [last]


def test_show_tells_how_each_task_ended(failed: Path) -> None:
    (failed / "ok").touch()
    weft("run", "--resume", cwd=failed)
    first, last = (run["run"] for run in listed(failed))
    assert "clean failed: exit code 1\n" in weft("show", first, cwd=failed).out
    assert "tell was skipped: `clean` failed\n" in weft("show", first, cwd=failed).out
    shown = weft("show", cwd=failed).out
    assert f"fetch was done in run {first}\n" in shown
    assert "clean succeeded; it ran again: it failed: exit code 1\n" in shown
    fetch, clean, _ = json.loads(weft("show", last, "--json", cwd=failed).out)["tasks"]
    assert (fetch["taken_over_from"], fetch["value"]) == (first, [1, 2])
    assert (clean["state"], clean["attempts"]) == ("succeeded", 1)


def test_logs_go_to_the_streams_of_their_names(failed: Path) -> None:
    shown = weft("logs", "latest", "clean", cwd=failed)
    assert (shown.out, shown.err) == ("cleaning\n", "trouble\n")
    assert (
        "has no task `clena`\n  hint: did you mean `clean`?"
        in weft("logs", "latest", "clena", cwd=failed).err
    )


@pytest.mark.parametrize("command", ["logs", "why"])
def test_without_a_run_a_task_is_one_of_the_latest(failed: Path, command: str) -> None:
    assert weft(command, "clean", cwd=failed) == weft(command, "latest", "clean", cwd=failed)
    assert "has no task `latest`\n  hint: `weft show " in weft(command, "latest", cwd=failed).err
    for names in ((), ("one", "two", "three")):
        ended = weft(command, *names, cwd=failed)
        assert (ended.code, f"Usage: weft {command} [OPTIONS] [RUN] TASK\n" in ended.err) == (2, True)


def test_that_there_are_no_logs_is_told_with_the_cause(failed: Path) -> None:
    assert "`tell` did not run in run " in weft("logs", "latest", "tell", cwd=failed).err
    (failed / "weft.yaml").write_text("tasks: {quiet: 'true'}")
    weft("run", "-q", cwd=failed)
    assert "`quiet` wrote nothing in 1 attempt in run " in weft("logs", "latest", "quiet", cwd=failed).err


def test_of_a_task_that_was_taken_over_the_logs_of_its_run_are_shown(failed: Path) -> None:
    (failed / "ok").touch()
    weft("run", "--resume", cwd=failed)
    assert weft("logs", "latest", "fetch", cwd=failed).out == "[1, 2]\n"


def test_logs_are_followed_until_the_task_has_ended(plan: Write, told: Told) -> None:
    folder = plan('tasks: {a: "echo one; echo $$ > told; while ! test -e go; do sleep 0.01; done; echo two"}')
    running = start("run", cwd=folder)
    told.line()
    following = start("logs", "latest", "a", "--follow", cwd=folder)
    assert following.stdout is not None
    assert following.stdout.readline() == "one\n"
    (folder / "go").touch()
    assert following.stdout.readline() == "two\n"
    following.communicate()
    assert following.returncode == 0
    running.communicate()


def test_why_tells_the_story_of_a_task(failed: Path) -> None:
    told = weft("why", "latest", "tell", cwd=failed).out.splitlines()
    assert told[0].startswith("tell was skipped: `clean` failed in run ")
    assert [re.sub(r"^ +[\d.]+ s  |[\d.]+ s", "", line) for line in told[1:]] == [
        "added",
        "waited  for 2 tasks, at last for clean, which it needs",
        "was skipped: `clean` failed",
    ]
    passages = json.loads(weft("why", "latest", "clean", "--json", cwd=failed).out)["passages"]
    kinds = [passage.get("fact", passage)["type"] for passage in passages]
    assert kinds == ["TaskAdded", "WaitedAt", "AttemptStarted", "AttemptEnded", "TaskEnded"]


def test_diff_tells_what_was_different(failed: Path) -> None:
    (failed / "ok").touch()
    weft("run", "--resume", cwd=failed)
    first, last = (run["run"] for run in listed(failed))
    lines = weft("diff", first, last, cwd=failed).out.splitlines()
    assert [line for line in lines if " took " not in line] == [
        "clean succeeded; before, it failed: exit code 1",
        "tell succeeded; before, it was skipped: `clean` failed",
    ]
    assert weft("diff", last, last, cwd=failed).out == "the two runs are alike\n"
    assert json.loads(weft("diff", first, last, "--json", cwd=failed).out)["gone"] == []


def test_the_longest_chain_by_earlier_runs_goes_first(plan: Write) -> None:
    folder = plan("max_concurrent: 1\ntasks: {quick: echo quick, slow: sleep 0.3; echo slow}")
    assert weft("run", cwd=folder).out == "quick\nslow\n"
    assert weft("run", cwd=folder).out == "slow\nquick\n"
    assert weft("run", "--no-journal", cwd=folder).out == "quick\nslow\n"


def test_a_journal_that_can_not_be_read_is_an_error_before_anything_begins(plan: Write) -> None:
    folder = plan("tasks: {a: touch began}")
    (folder / ".weft").mkdir()
    (folder / ".weft" / "weft.db").write_text("no database" * 100)
    ran = weft("run", cwd=folder)
    assert ran.code == 2
    assert "file is not a database\n  hint: move the file away" in ran.err
    assert not (folder / "began").exists()
    assert weft("run", "--no-journal", cwd=folder).code == 0
