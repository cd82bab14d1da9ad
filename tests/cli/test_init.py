from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.cli.process import weft

from weft.cli import starter
from weft.planfile import Format, loads

PlanIn = Callable[..., Path]


@pytest.mark.parametrize("args", [(), ("more.yml",), ("weft.toml",), ("p.json",)])
def test_the_plan_that_it_writes_has_no_mistake_and_runs_at_once(
    args: tuple[str, ...], tmp_path: Path
) -> None:
    ended = weft("init", *args, cwd=tmp_path)
    name = args[0] if args else "weft.yaml"
    next_command = "weft run" if name.startswith("weft.") else f"weft run {name}"
    assert (ended.code, ended.out) == (0, f"Wrote {name}. Next: {next_command}\n")
    assert weft("check", name, cwd=tmp_path) == (0, "5 tasks, no mistakes\n", "")
    ran = weft(*next_command.split()[1:], cwd=tmp_path)
    assert ran.code == 0, ran.err
    assert '["a","e","l","p"]\n["a","b","n"]\n["c","e","h","r","y"]\n' in ran.out
    assert "| a | 2 | 66.7 | `letters[apple]`, `letters[banana]` |" in ran.out


def test_the_plan_is_the_same_in_each_format(tmp_path: Path) -> None:
    texts: dict[Format, str] = {"yaml": starter.YAML, "toml": starter.TOML, "json": starter.JSON}
    plans = [loads(text, format=format) for format, text in texts.items()]
    assert plans[0] == plans[1] == plans[2]


@pytest.mark.parametrize("name", ["weft.yaml", "mine.yaml"])
def test_a_file_that_is_there_is_left_as_it_is(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("mine")
    ended = weft("init", name, cwd=tmp_path)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err == f"weft: `{name}` is there already, and was left as it is\n"
    assert (tmp_path / name).read_text() == "mine"


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("weft.json", "there is a plan already: `weft.yaml`"),
        ("plan.txt", "expected a name that ends in .yaml, .yml, .toml, .json"),
        ("no/such/p.yaml", "can't write `no/such/p.yaml`: No such file or directory"),
        ("dir.yaml", "`dir.yaml` is there already"),
    ],
)
def test_a_place_where_no_plan_can_be_is_told(name: str, says: str, plan: PlanIn) -> None:
    root = plan("tasks: {}")
    (root / "dir.yaml").mkdir()
    ended = weft("init", name, cwd=root)
    assert ended.code == 2
    assert says in ended.err
    assert sorted(path.name for path in root.iterdir()) == ["dir.yaml", "weft.yaml"]
