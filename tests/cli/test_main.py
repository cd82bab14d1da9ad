from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from tests.cli.process import TIMEOUT_S, environment, weft

from weft.cli import main
from weft.cli.options import variable_of
from weft.planfile import schema

PlanIn = Callable[..., Path]

# They ask for something else than what the command does.
WITHOUT_VARIABLE = {("check", "--schema"), ("explain", "--retry"), ("explain", "--cache")}


def options() -> Iterator[tuple[str, click.Option]]:
    context = click.Context(main.weft)
    for name in main.COMMANDS:
        command = main.weft.get_command(context, name)
        assert command is not None
        for parameter in command.params:
            if isinstance(parameter, click.Option) and (name, parameter.opts[-1]) not in WITHOUT_VARIABLE:
                yield name, parameter


def test_every_option_has_its_variable() -> None:
    found = list(options())
    assert len(found) > 20
    for command, option in found:
        assert option.envvar == variable_of(tuple(option.opts)), f"weft {command} {option.opts}"


PLAN = "tasks: {a: echo hi, s: {each: {n: [1, 2, 3, 4, 5]}, run: 'echo {n}'}}"


@pytest.mark.parametrize(
    ("command", "option", "variable"),
    [
        ("run -n", "-j 3", "WEFT_JOBS=3"),
        ("run", "-n", "WEFT_DRY_RUN=1"),
        ("run -j1", "--output prefixed", "WEFT_OUTPUT=prefixed"),
        ("run", "-q", "WEFT_QUIET=true"),
        ("run -j1 fail.yaml", "--fail-fast", "WEFT_FAIL_FAST=1"),
        ("run -j1 fail-fast.yaml", "-k", "WEFT_KEEP_GOING=1"),
        ("run late.yaml", "--timeout 100ms", "WEFT_TIMEOUT=100ms"),
        ("map false a", "--retry 2", "WEFT_RETRY=2"),
        ("run -n", "-f plan.yaml", "WEFT_FILE=plan.yaml"),
        ("run -n", "-C inner", "WEFT_DIRECTORY=inner"),
        ("check", "-f plan.yaml", "WEFT_FILE=plan.yaml"),
        ("graph", "--format dot", "WEFT_FORMAT=dot"),
        ("graph", "-v", "WEFT_VERBOSE=1"),
        ("map -n echo", "-0", "WEFT_NULL=1"),
        ("init", "-C inner", "WEFT_DIRECTORY=inner"),
    ],
)
def test_a_variable_does_what_its_option_does(
    command: str, option: str, variable: str, tmp_path: Path
) -> None:
    seen = []
    first, *rest = command.split()
    name, _, value = variable.partition("=")
    for way, args, env in (
        ("neither", [first, *rest], {}),
        ("option", [first, *option.split(), *rest], {}),
        ("variable", [first, *rest], {name: value}),
    ):
        root = tmp_path / way
        (root / "inner").mkdir(parents=True)
        (root / "weft.yaml").write_text(PLAN)
        (root / "plan.yaml").write_text("tasks: {other: 'true'}")
        (root / "fail.yaml").write_text("tasks: {a: 'false', b: echo b}")
        (root / "fail-fast.yaml").write_text("on_failure: cancel\ntasks: {a: 'false', b: echo b}")
        (root / "late.yaml").write_text("tasks: {a: sleep 0.5}")
        if first != "init":
            (root / "inner" / "weft.yaml").write_text("tasks: {inner: 'true'}")
        ended = weft(*args, cwd=root, stdin="a\0b\0" if way != "neither" else "a\n", env=env)
        seen.append(
            (
                ended.code,
                ended.out,
                "".join(char for char in ended.err if not char.isdigit() or "most" in ended.err),
            )
        )
    assert seen[1] == seen[2] != seen[0]


def test_a_bad_value_in_a_variable_is_traced_to_it(plan: PlanIn) -> None:
    ended = weft("run", cwd=plan(PLAN), env={"WEFT_JOBS": "many"})
    assert ended.code == 2
    assert ended.err.endswith("  hint: the value comes from the variable WEFT_JOBS\n")


# What has no plan


def test_help_tells_all_commands_and_exit_codes() -> None:
    shown = CliRunner().invoke(main.weft, ["--help"])
    assert shown.exit_code == 0
    for word in (*main.COMMANDS, "130", "143", "70"):
        assert f"\n  {word} " in shown.output


@pytest.mark.parametrize("command", main.COMMANDS)
def test_each_command_has_help(command: str) -> None:
    for flag in ("-h", "--help"):
        shown = CliRunner().invoke(main.weft, [command, flag])
        assert shown.exit_code == 0
        assert shown.output.startswith(f"Usage: weft {command} [OPTIONS]")


def test_help_can_be_asked_for_by_a_word(tmp_path: Path) -> None:
    assert weft("help", cwd=tmp_path) == weft("--help", cwd=tmp_path)
    assert weft("help", "cache", "why", cwd=tmp_path) == weft("cache", "why", "--help", cwd=tmp_path)
    ended = weft("help", "rnu", cwd=tmp_path)
    assert (ended.code, "did you mean 'run'?" in ended.err) == (2, True)


def test_commands_and_options_are_completed(tmp_path: Path) -> None:
    def completed(*words: str) -> list[str]:
        env = {"_WEFT_COMPLETE": "bash_complete", "COMP_WORDS": " ".join(words)}
        return weft(cwd=tmp_path, env={**env, "COMP_CWORD": str(len(words) - 1)}).out.split()

    assert completed("weft", "ru") == ["plain,run", "plain,runs"]
    assert completed("weft", "run", "--res") == ["plain,--resume"]
    for shell in ("bash", "zsh", "fish"):
        source = weft(cwd=tmp_path, env={"_WEFT_COMPLETE": f"{shell}_source"})
        assert (source.code, "_WEFT_COMPLETE" in source.out) == (0, True)


def test_an_option_that_stands_before_the_command_is_told_its_place(tmp_path: Path) -> None:
    ended = weft("-C", "..", "run", cwd=tmp_path)
    assert ended.code == 2
    assert ended.err.endswith("  hint: options stand after the command, as in `weft run -C`\n")
    assert "hint" not in weft("run", "--nonsense", cwd=tmp_path).err


def test_a_command_that_is_misspelt_gets_a_hint(tmp_path: Path) -> None:
    ended = weft("rnu", cwd=tmp_path)
    assert ended.code == 2
    assert "did you mean 'run'?" in ended.err
    assert weft("nonsense", cwd=tmp_path).code == 2


def test_check_counts_tasks_also_of_standard_input(plan: PlanIn) -> None:
    assert weft("check", cwd=plan(PLAN)) == (0, "6 tasks, no mistakes\n", "")
    assert weft("check", "-", cwd=plan(PLAN), stdin="tasks: {a: x}") == (0, "1 task, no mistakes\n", "")
    ended = weft("check", "-f", "-", cwd=plan(PLAN), stdin="tasks:\n  a: {run: x, needs: aa}\n")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err == (
        "<stdin>:2: task `a` needs `aa`, which is not in the plan\n  hint: did you mean `a`?\n"
    )


def test_check_prints_the_schema_of_all_plans(tmp_path: Path) -> None:
    shown = CliRunner().invoke(main.weft, ["check", "--schema"])
    assert json.loads(shown.output) == schema()
    ended = weft("check", "--schema", "plan.yaml", cwd=tmp_path)
    assert ended.code == 2
    assert "name none" in ended.err


# Faults of our own

FAULTY = """
import sys, types, click
from weft.cli import main

@click.command()
def command():
    raise {error}

sys.modules["weft.cli.faulty"] = module = types.ModuleType("weft.cli.faulty")
module.command = command
main.COMMANDS["faulty"] = "Breaks."
main.main(["faulty"])
"""


def faulty(error: str, root: Path, **variables: str) -> tuple[int, str]:
    ran = subprocess.run(
        [sys.executable, "-c", FAULTY.format(error=error)],
        cwd=root,
        capture_output=True,
        text=True,
        env=environment(**variables),
        timeout=TIMEOUT_S,
        check=False,
    )
    assert ran.stdout == ""
    return ran.returncode, ran.stderr


def test_a_fault_of_ours_is_told_in_a_line_with_what_to_do(tmp_path: Path) -> None:
    code, err = faulty("AssertionError('one\\ntwo')", tmp_path)
    assert code == 70
    first, hint = err.splitlines()
    assert first == "weft: internal error: AssertionError: one two"
    assert "report it" in hint
    assert "WEFT_DEBUG=1" in hint


def test_the_traceback_of_a_fault_is_shown_on_request(tmp_path: Path) -> None:
    code, err = faulty("ZeroDivisionError", tmp_path, WEFT_DEBUG="1")
    assert code == 70
    assert "Traceback" in err
    assert "weft: internal error: ZeroDivisionError\n" in err


@pytest.mark.parametrize(
    ("error", "code", "says"),
    [
        ("KeyboardInterrupt", 130, "\n"),
        ("click.Abort", 130, ""),
        ("BrokenPipeError", 1, ""),
        ("PermissionError(13, 'Permission denied', 'x.db')", 70, "weft: Permission denied: x.db\n"),
    ],
)
def test_what_is_no_fault_of_ours_has_its_own_code(error: str, code: int, says: str, tmp_path: Path) -> None:
    assert faulty(error, tmp_path) == (code, says)
