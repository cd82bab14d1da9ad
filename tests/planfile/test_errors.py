from __future__ import annotations

import re
from pathlib import Path

import pytest

from weft.errors import PlanError, Problem
from weft.planfile import Format, loads
from weft.planfile.keys import PLAN, TASK
from weft.planfile.other_words import HINTS_OF_PLAN, HINTS_OF_TASK

GOLDEN = Path(__file__).parent / "golden"

WITH_RESULT = "tasks: {a: {run: x, result: json}}"


def problems_of(text: str, format: Format = "yaml", root: str | Path = ".") -> tuple[Problem, ...]:
    with pytest.raises(PlanError) as caught:
        loads(text, name="plan", format=format, root=root)
    return caught.value.problems


def only_problem_of(text: str, format: Format = "yaml") -> Problem:
    found = problems_of(text, format)
    assert len(found) == 1, found
    return found[0]


def test_every_mistake_of_a_plan_is_told_at_once_with_its_line_and_a_hint(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    plan = GOLDEN / "ten_mistakes.yaml"
    with pytest.raises(PlanError) as caught:
        loads(plan.read_text(encoding="utf-8"), name=plan.name, root=tmp_path)
    assert f"{caught.value}\n" == (GOLDEN / "ten_mistakes.txt").read_text(encoding="utf-8")
    assert len(caught.value.problems) >= 10
    assert all(problem.place for problem in caught.value.problems)


def test_a_key_of_a_later_version_is_not_accepted_and_ignored() -> None:
    assert "unknown key `secrets`" in only_problem_of("tasks: {a: {run: x, secrets: 1}}").message


@pytest.mark.parametrize(
    ("text", "ours"),
    [
        ("tasks: {a: {run: x, depends_on: []}}", "needs"),
        ("tasks: {a: {run: x, dependsOn: []}}", "needs"),
        ("tasks: {a: {run: x, working-directory: y}}", "cwd"),
        ("{tasks: {a: x}, parallel: 3}", "max_concurrent"),
        ("{tasks: {a: x}, jobs: 3}", "max_concurrent"),
    ],
)
def test_the_word_of_another_tool_is_told_in_ours(text: str, ours: str) -> None:
    hint = only_problem_of(text).hint
    assert hint is not None
    assert f"`{ours}`?" in hint


def test_words_of_others_stand_for_keys_that_there_are_and_are_none_themselves() -> None:
    for record, words in ((PLAN, HINTS_OF_PLAN), (TASK, HINTS_OF_TASK)):
        keys = {key.name for key in record.keys}
        assert not keys & set(words)
        assert set(re.findall("`(.+?)`", " ".join(words.values()))) <= keys


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("needs", "{a: b}"),
        ("needs", ""),
        ("run", "{a: b}"),
        ("run", "5"),
        ("run", "''"),
        ("run", "[]"),
        ("run", r'"a\0b"'),
        ("each", "docs"),
        ("each", "{doc: []}"),
        ("each", "{doc: {}}"),
        ("each", "{doc: {list: [a], glob: b}}"),
        ("each", "{a-b: [1]}"),
        ("env", "{A: [1]}"),
        ("env", "{'A=B': 1}"),
        ("cwd", "7"),
        ("limits", "{max_concurrent: 0}"),
        ("limits", "{max_concurrent: true}"),
        ("limits", "{max_concurrent: 1.0}"),
        ("priority", "3"),
        ("duration", "5 bananas"),
        ("duration", "-1"),
        ("duration", ".nan"),
        ("duration", "true"),
        ("result", "xml"),
    ],
)
def test_a_value_of_another_shape_is_told_with_the_name_of_its_task(key: str, value: str) -> None:
    run = "" if key == "run" else "run: x\n    "
    problem = only_problem_of(f"tasks:\n  upload:\n    {run}{key}: {value}\n")
    assert "task `upload`" in problem.message
    assert problem.place is not None
    assert problem.place.line == (3 if key == "run" else 4)


@pytest.mark.parametrize("threshold", ["1.5", "101%", "-1", "'40'", ".inf", "true", "[]"])
def test_a_threshold_lies_between_nothing_and_all(threshold: str) -> None:
    text = f"{WITH_RESULT}\naggregates: {{c: {{from: a, strategy: frequency, threshold: {threshold}}}}}"
    assert "expected a percentage" in only_problem_of(text).message


def test_a_task_needs_a_command() -> None:
    problem = only_problem_of("tasks:\n  a:\n    cwd: x\n")
    assert problem.message == "task `a` has no `run`"


def test_a_plan_needs_tasks() -> None:
    assert only_problem_of("max_concurrent: 1").message == "the plan has no `tasks`"


@pytest.mark.parametrize("text", ["[]", "5", "hello"])
def test_a_plan_is_a_mapping(text: str) -> None:
    assert "expected a plan: a mapping" in only_problem_of(text).message


@pytest.mark.parametrize(("text", "format"), [("", "yaml"), (" \n", "json"), ("# nothing\n", "yaml")])
def test_an_empty_file_is_told_so(text: str, format: Format) -> None:
    problem = only_problem_of(text, format)
    assert problem.message.startswith("the file is empty")
    assert problem.hint is not None
    assert "weft init" in problem.hint


def test_a_broken_task_can_still_be_needed() -> None:
    found = problems_of("tasks:\n  a: [1]\n  b: {run: x, needs: a}\n")
    assert [problem.path for problem in found] == [("tasks", "a")]


def test_members_of_a_broken_fan_out_are_not_called_unknown() -> None:
    text = "tasks:\n  a: {each: {n: []}, run: x, needs: ['b[{n}]']}\n  b: {run: x, needs: ['a[1]']}\n"
    assert [problem.path for problem in problems_of(text)] == [("tasks", "a", "each", "n")]


def test_names_are_not_called_unknown_where_their_declarations_could_not_be_read() -> None:
    found = problems_of("limits: 5\ntasks: {a: {run: x, limits: {gpu: 1}}}\n")
    assert [problem.path for problem in found] == [("limits",)]
    found = problems_of("tasks: 5\naggregates: {c: {from: a, strategy: frequency}}\n")
    assert [problem.path for problem in found] == [("tasks",)]


def test_a_limit_that_could_not_be_read_is_not_too_small() -> None:
    found = problems_of("limits: {gpu: x}\ntasks: {a: {run: x, limits: {gpu: 99}}}\n")
    assert [problem.path for problem in found] == [("limits", "gpu")]


def test_what_a_plan_says_can_not_command_the_terminal() -> None:
    text = 'tasks: {"a\\u001b[2J": x, b: {run: x, needs: ["\\u001b[2J"], "\\u001b": 1}}'
    assert "\x1b" not in "".join(map(str, problems_of(text, "json")))


def test_an_unknown_name_on_a_line_of_its_own_is_told_with_that_line() -> None:
    problem = only_problem_of("tasks:\n  a:\n    run: x\n    needs:\n      - a2\n  b: x\n")
    assert problem.place is not None
    assert (problem.place.line, problem.place.column) == (5, 9)


def test_an_expression_in_the_old_way_of_writing_is_accepted_without_a_warning() -> None:
    assert loads(
        f"{WITH_RESULT}\naggregates: {{c: {{from: a, strategy: frequency, field: '[?x==`y`]'}}}}"
    ).aggregates
