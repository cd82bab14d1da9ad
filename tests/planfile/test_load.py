from __future__ import annotations

import io
import os
import sys
from pathlib import Path

import pytest

from weft.errors import PlanError
from weft.planfile import find, load, loads


def refused(path: str | Path) -> str:
    with pytest.raises(PlanError) as caught:
        load(path)
    return str(caught.value)


def test_the_name_of_a_file_tells_its_format_and_its_directory_is_the_root(tmp_path: Path) -> None:
    (tmp_path / "a.md").touch()
    (tmp_path / "p.toml").write_text("tasks.t = { run = 'x', each = { d = '*.md' } }")
    plan = load(tmp_path / "p.toml")
    assert (plan.root, [task.id for task in plan.tasks]) == (str(tmp_path), ["t[a.md]"])


@pytest.mark.parametrize("text", ['\n {"tasks": {"a": "x"}}', "tasks: {a: x}"])
def test_a_dash_is_standard_input_in_the_current_directory(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    plan = load("-")
    assert (plan.root, [task.id for task in plan.tasks]) == (".", ["a"])


def test_a_mark_of_byte_order_and_windows_line_ends_are_fine(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_bytes(b"\xef\xbb\xbftasks:\r\n  a: |\r\n    x\r\n    y\r\n")
    assert getattr(load(tmp_path / "p.yaml").tasks[0].work, "run", None) == "x\ny\n"


def test_a_missing_file_is_told_with_the_nearest_name(tmp_path: Path) -> None:
    (tmp_path / "plan.yaml").touch()
    said = refused(tmp_path / "paln.yaml")
    assert "no such file" in said
    assert "did you mean `plan.yaml`?" in said


def test_a_directory_is_no_plan(tmp_path: Path) -> None:
    assert "is a directory" in refused(tmp_path)


def test_a_path_that_no_system_knows_is_told() -> None:
    assert "can't read" in refused("a\0b")


def test_a_file_in_another_encoding_is_told_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_bytes("tasks:\n  a: é\n".encode("latin-1"))
    assert "p.yaml:2: not UTF-8: the byte 0xe9" in refused(tmp_path / "p.yaml")
    (tmp_path / "p.yaml").write_bytes(b"\x7fELF\xd0\0")
    assert "p.yaml:1: no text; expected a plan" in refused(tmp_path / "p.yaml")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").touch(mode=0)
    assert "can't read" in refused(tmp_path / "p.yaml")


def test_the_plan_of_a_directory_is_found(tmp_path: Path) -> None:
    (tmp_path / "weft.toml").touch()
    assert find(tmp_path) == tmp_path / "weft.toml"


def test_no_plan_and_two_plans_are_errors(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="weft init"):
        find(tmp_path)
    (tmp_path / "weft.json").touch()
    (tmp_path / "weft.yml").touch()
    with pytest.raises(PlanError, match=r"weft\.yml and weft\.json"):
        find(tmp_path)


def test_the_environment_of_the_plan_reaches_every_command_and_the_tasks_own_wins() -> None:
    a, b = loads("env: {A: 1, B: 2}\ntasks: {a: x, b: {run: x, env: {B: 3}}}").tasks
    assert getattr(a.work, "env", None) == {"A": "1", "B": "2"}
    assert getattr(b.work, "env", None) == {"A": "1", "B": "3"}
