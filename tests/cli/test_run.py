from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.cli.process import weft

from weft.runtime.layout import RunFolder

PlanIn = Callable[..., Path]


def latest(root: Path) -> RunFolder:
    return RunFolder(root / ".weft" / "runs" / "latest")


def log(root: Path, task: str) -> str:
    return latest(root).stdout(task).read_text(encoding="utf-8")


def events(out: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.splitlines()]


# Exit codes and streams


def test_a_run_that_succeeds_writes_what_tasks_write_to_standard_output(plan: PlanIn) -> None:
    ended = weft("run", cwd=plan("tasks: {a: echo out; echo err >&2}"))
    assert (ended.code, ended.out) == (0, "out\n")
    assert "err\n" in ended.err
    assert "1 task in" in ended.err


def test_a_run_in_which_a_task_failed_exits_1_and_tells_failures_last_with_their_log(plan: PlanIn) -> None:
    root = plan("tasks: {a: 'echo why >&2; exit 3', b: {run: 'true', needs: a}, c: 'true'}")
    ended = weft("run", cwd=root)
    assert ended.code == 1
    last = ended.err.splitlines()[-3:]
    assert last[:2] == ["a failed: exit code 3", "  | why"]
    assert (root / last[2].removeprefix("  log: ")).read_text(encoding="utf-8") == "why\n"


def test_ten_mistakes_are_ten_errors_on_standard_error_and_exit_2(tmp_path: Path) -> None:
    golden = Path(__file__).parents[1] / "planfile" / "golden"
    (tmp_path / "docs").mkdir()
    (tmp_path / "ten_mistakes.yaml").write_bytes((golden / "ten_mistakes.yaml").read_bytes())
    for command in ("run", "check", "graph"):
        ended = weft(command, "ten_mistakes.yaml", cwd=tmp_path)
        assert (ended.code, ended.out) == (2, "")
        assert ended.err == (golden / "ten_mistakes.txt").read_text(encoding="utf-8")
    assert not (tmp_path / ".weft").exists()


@pytest.mark.parametrize(
    ("args", "says"),
    [
        ((), "no plan in"),
        (("no.yaml",), "no such file: `no.yaml`\n"),
        (("build",), "no such file: `build`\n  hint: expected a plan, of which all tasks are"),
        (("a.yaml", "-f", "b.yaml"), "two plans were named: a.yaml and b.yaml"),
        (("-C", "nowhere"), "can't enter `nowhere`: No such file or directory"),
        (("-j", "0"), "expected 1 or more, or `auto`"),
        (("-j", "some"), "expected 1 or more, or `auto`"),
        (("--nonsense",), "No such option"),
    ],
)
def test_a_mistake_in_the_command_exits_2_and_says_what_is_wrong(
    args: tuple[str, ...], says: str, tmp_path: Path
) -> None:
    ended = weft("run", *args, cwd=tmp_path)
    assert (ended.code, ended.out) == (2, "")
    assert says in ended.err
    assert "Traceback" not in ended.err


def test_a_folder_for_logs_that_can_not_be_made_exits_2_before_anything_runs(plan: PlanIn) -> None:
    root = plan("tasks: {a: touch ran}")
    (root / ".weft").write_text("a file")
    ended = weft("run", cwd=root)
    assert ended.code == 2
    assert ended.err.startswith("weft: can't make the folder of the run")
    assert not (root / "ran").exists()


# Where the plan comes from


def test_a_plan_is_read_from_standard_input(tmp_path: Path) -> None:
    assert weft("run", "-f", "-", cwd=tmp_path, stdin='{"tasks": {"a": "echo json"}}').out == "json\n"
    assert weft("run", "-", cwd=tmp_path, stdin="tasks: {a: echo yaml}").out == "yaml\n"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("weft.toml", '[tasks]\na = "echo hi"'),
        ("weft.json", '{"tasks": {"a": "echo hi"}}'),
        ("weft.yml", "tasks: {a: echo hi}"),
    ],
)
def test_a_plan_in_another_format_is_found(name: str, text: str, plan: PlanIn) -> None:
    assert weft("run", cwd=plan(text, name)).out == "hi\n"


def test_a_directory_to_change_to_comes_before_everything_else(plan: PlanIn, tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    (inner / "p.yaml").write_text("tasks: {a: 'pwd; echo $WEFT_DIRECTORY'}")
    assert weft("run", "-f", "p.yaml", "-C", "inner", cwd=tmp_path).out == f"{inner}\n\n"
    by_variable = weft("run", "p.yaml", cwd=tmp_path, env={"WEFT_DIRECTORY": "inner"})
    assert by_variable.out == f"{inner}\n\n"  # and a task that calls weft does not go there again
    assert (inner / ".weft").is_dir()


def test_state_lies_beside_the_plan_and_commands_run_there(plan: PlanIn, tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    (inner / "weft.yaml").write_text("tasks: {a: pwd}")
    assert weft("run", "inner/weft.yaml", cwd=tmp_path).out == f"{inner}\n"
    assert (inner / ".weft").is_dir()
    assert not (tmp_path / ".weft").exists()


# How many at once


def test_one_at_a_time_and_eight_give_the_same(plan: PlanIn) -> None:
    root = plan(
        """
        tasks:
          part: {each: {n: [1, 2, 3, 4, 5, 6]}, run: "echo {n} | tee part{n}", result: json}
          whole: {run: "cat part?; cat $WEFT_RESULTS/0*.json", needs: part, result: text}
        """
    )
    values = []
    for jobs in ("1", "8"):
        ended = weft("run", f"-j{jobs}", "--json", cwd=root)
        assert ended.code == 0
        told = {event["task"]: event["value"] for event in events(ended.out) if "value" in event}
        values.append(dict(sorted(told.items())))
    assert values[0] == values[1]
    assert values[0]["whole"] == "1\n2\n3\n4\n5\n6\n123456"


def test_a_task_that_is_wider_than_the_run_still_runs(plan: PlanIn) -> None:
    assert weft("run", "-j1", cwd=plan("tasks: {a: {run: echo hi, limits: {max_concurrent: 3}}}")).code == 0


def test_auto_is_one_for_each_processor(plan: PlanIn) -> None:
    ended = weft("run", "-n", "-j", "auto", cwd=plan("tasks: {a: 'true'}"))
    assert f"at most {len(os.sched_getaffinity(0))} at once" in ended.err


# What tasks find, and what they leave


def test_a_task_finds_its_run_its_name_and_its_attempt_in_its_environment(plan: PlanIn) -> None:
    root = plan(
        """
        tasks:
          a b: |
            echo $WEFT_RUN_ID
            echo $WEFT_TASK_ID, $WEFT_ATTEMPT, $WEFT_WORKSPACE, ${WEFT_RESULTS:-none}
        """
    )
    run, rest = weft("run", cwd=root).out.splitlines()
    assert rest == f"a b, 1, {root}, none"
    assert (root / ".weft" / "runs" / "latest").readlink() == Path(run)


def test_a_task_finds_the_results_of_what_it_needs_in_plan_order(plan: PlanIn) -> None:
    root = plan(
        """
        tasks:
          z: {run: "echo '{\\"n\\": 1}'", result: json}
          a: {each: {n: [2, 1]}, run: "echo {n}", result: lines}
          log: echo no result
          all: {run: 'cat "$WEFT_RESULTS/index.json"; cat "$WEFT_RESULTS"/0*.json', needs: [a, z, log]}
        """
    )
    ended = weft("run", cwd=root)
    assert ended.code == 0, ended.err
    index, end = json.JSONDecoder().raw_decode(log(root, "all"))
    assert [entry["task"] for entry in index] == ["z", "a[2]", "a[1]"]
    assert log(root, "all")[end:] == '{"n":1}["2"]["1"]'


def test_the_state_is_private_and_unseen_by_git(plan: PlanIn) -> None:
    root = plan("tasks: {a: 'true'}")
    assert weft("run", cwd=root).code == 0
    assert stat.S_IMODE((root / ".weft").stat().st_mode) == 0o700
    assert (root / ".weft" / ".gitignore").read_text() == "*\n"
    assert latest(root).path.is_symlink()


def test_odd_names_have_logs_of_their_own_inside_the_folder_of_the_run(plan: PlanIn) -> None:
    names = ["..", ".", "a/b", "/etc/x", "x" * 300, "x" * 301, "ünï ☃", "-v", "*", "latest", "a%2Fb", "A"]
    tasks = {name: {"run": ["printf", "%s", name]} for name in names}
    root = plan(json.dumps({"tasks": tasks}), "weft.json")
    ended = weft("run", cwd=root)
    assert ended.code == 0, ended.err
    assert [log(root, name) for name in names] == names
    assert sorted(path.name for path in root.iterdir()) == [".weft", "weft.json"]
    folders = [path for path in (root / ".weft" / "runs").iterdir() if not path.is_symlink()]
    assert len(folders) == 1
    assert len(list(folders[0].iterdir())) == len(names)


# How it is shown


def test_each_line_of_json_is_an_event_and_nothing_else_is_written(plan: PlanIn) -> None:
    root = plan(
        """
        tasks: {a: 'echo hi; echo there >&2; exit 1', b: {run: "echo '[1]'", result: json}}
        aggregates: {x: {from: b, strategy: frequency}}
        """
    )
    ended = weft("run", "--json", cwd=root)
    assert (ended.code, ended.err) == (1, "")
    told = events(ended.out)
    assert (told[0]["event"], told[-1]["event"]) == ("run_started", "run_ended")


def test_lines_can_be_marked_with_their_task_or_not(plan: PlanIn) -> None:
    root = plan("tasks: {a: 'echo 1; echo 2'}")
    assert weft("run", "--output", "prefixed", cwd=root).out == "a | 1\na | 2\n"
    interleaved = weft("run", "--output", "interleaved", cwd=root)
    assert interleaved.out == "1\n2\n"
    assert "── a ──" not in interleaved.err


def test_starts_are_told_on_request(plan: PlanIn) -> None:
    root = plan("tasks: {a: 'true'}")
    assert "a started" in weft("run", "-v", cwd=root).err
    assert "a started" not in weft("run", cwd=root).err


AGGREGATES = """
tasks:
  a: {run: "printf '[\\"x\\", \\"y\\"]'", result: json}
  b: {run: "printf no-line-break; exit 1"}
aggregates:
  common: {from: a, strategy: frequency}
  broken: {from: a, strategy: frequency, field: "abs(@)"}
"""


def test_aggregates_come_on_standard_output_before_the_summary(plan: PlanIn) -> None:
    root = plan(AGGREGATES)
    both = weft("run", cwd=root, stderr=-2).out  # both streams in one pipe
    lines = both.splitlines()
    assert lines[-3:-1] == ["b failed: exit code 1", "  | no-line-break"]
    assert both.index("## common") < both.index("2 tasks in")
    ended = weft("run", cwd=root)
    assert "| x | 1 | 100.0 | a |\n" in ended.out
    assert "aggregate `broken` could not be made: the result of `a`" in ended.err


def test_quiet_tells_nothing_but_failures_and_aggregates(plan: PlanIn) -> None:
    root = plan(AGGREGATES)
    ended = weft("run", "-q", cwd=root)
    assert ended.out.startswith("\n## common\n\n2 of 2 elements")
    assert [line.split(":")[0] for line in ended.err.splitlines()] == [
        "aggregate `broken` could not be made",
        "b failed",
        "  | no-line-break",
        "  log",
    ]


def test_a_dry_run_tells_what_waits_for_what_by_needs_and_by_what_is_touched(plan: PlanIn) -> None:
    root = plan(
        """
        tasks:
          get: {each: {n: [1, 2, 3, 4, 5]}, run: "true", writes: "p{n}"}
          join: {run: "true", reads: "p*", writes: all}
          tell: {run: "true", needs: get, reads: all, writes: []}
        """
    )
    lines = weft("run", "-n", cwd=root).out.splitlines()
    assert lines[-2:] == [
        "join: true  (after get[1], get[2], get[3] and 2 more)",
        "tell: true  (after get, join)",
    ]


def test_a_dry_run_tells_what_would_run_and_runs_nothing(plan: PlanIn) -> None:
    root = plan(
        """
        tasks:
          a: |
            touch ran
            touch "more than once"
          b: {run: [touch, "a b", "\\e[2J"], needs: a}
        """
    )
    ended = weft("run", "-n", "-j", "3", cwd=root)
    assert ended.code == 0
    assert ended.out == "a: touch ran\n    touch \"more than once\"\nb: touch 'a b' '\\x1b[2J'  (after a)\n"
    assert ended.err == "2 tasks, at most 3 at once; nothing was run\n"
    assert sorted(path.name for path in root.iterdir()) == ["weft.yaml"]


@pytest.mark.parametrize(
    "args",
    [
        ("-q", "-v"),
        ("--json", "-q"),
        ("--json", "-v"),
        ("--json", "--output", "prefixed"),
        ("-q", "--output", "group"),
        ("-n", "--json"),
        ("-n", "-v"),
        ("-n", "-q"),
        ("-n", "--output", "group"),
    ],
)
def test_an_option_that_would_have_no_effect_is_a_mistake(args: tuple[str, ...], plan: PlanIn) -> None:
    root = plan("tasks: {a: touch ran}")
    ended = weft("run", *args, cwd=root)
    assert ended.code == 2
    assert "has no effect beside" in ended.err
    assert not (root / "ran").exists()


def test_the_command_line_wins_over_a_variable_that_excludes_it(plan: PlanIn) -> None:
    root = plan("tasks: {a: echo hi}")
    assert "a started" in weft("run", "-v", cwd=root, env={"WEFT_QUIET": "1", "WEFT_JSON": "1"}).err
    assert weft("run", "--output", "prefixed", cwd=root, env={"WEFT_JSON": "1"}).out == "a | hi\n"
    assert events(weft("run", "--json", cwd=root, env={"WEFT_OUTPUT": "prefixed"}).out)
    assert weft("run", "weft.yaml", cwd=root, env={"WEFT_FILE": "other.yaml"}).code == 0
    assert weft("run", "-v", cwd=root, env={"WEFT_DRY_RUN": "1"}).out == "a: echo hi\n"
