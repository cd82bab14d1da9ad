from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from weft.errors import PlanError
from weft.model.task import Task
from weft.model.work import Command
from weft.planfile import loads

NASTY = [
    "a b.md",
    "it's.md",
    'say "hi".md',
    "$(rm -rf x).md",
    "`id`.md",
    "new\nline.md",
    "*.md",
    "-n.md",
    "é.md",
]


def command_of(task: Task) -> Command:
    assert isinstance(task.work, Command)
    return task.work


def run_of(text: str, root: Path | str = ".") -> list[str | tuple[str, ...]]:
    return [command_of(task).run for task in loads(text, root=root).tasks]


def refused(text: str, root: Path | str = ".") -> str:
    with pytest.raises(PlanError) as caught:
        loads(text, name="plan", root=root)
    return str(caught.value)


def touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def test_one_key_makes_a_member_for_each_value() -> None:
    tasks = loads("tasks: {t: {each: {n: [2, 1]}, run: 'echo {n}'}}").tasks
    assert [(task.id, task.family) for task in tasks] == [("t[2]", "t"), ("t[1]", "t")]


def test_several_keys_make_every_combination_in_the_order_written() -> None:
    tasks = loads("tasks: {t: {each: {os: [linux, mac], py: [3.10, 3.12]}, run: x}}").tasks
    assert [task.id for task in tasks] == ["t[linux,3.10]", "t[linux,3.12]", "t[mac,3.10]", "t[mac,3.12]"]


def test_numbers_and_booleans_are_put_in_as_written() -> None:
    assert run_of("tasks: {t: {each: {n: [3.10, 1e3, true, 007, null_]}, run: 'x {n}'}}") == [
        "x 3.10",
        "x 1e3",
        "x true",
        "x 007",
        "x null_",
    ]


def test_a_glob_gives_the_files_under_the_plans_directory_sorted(tmp_path: Path) -> None:
    touch(tmp_path, "docs/b.md", "docs/a.md", "docs/a.txt", "docs/.hidden.md", "docs/sub/c.md", "x.md")
    assert run_of("tasks: {t: {each: {d: 'docs/*.md'}, run: [x, '{d}']}}", tmp_path) == [
        ("x", "docs/a.md"),
        ("x", "docs/b.md"),
    ]


def test_two_stars_match_any_number_of_directories(tmp_path: Path) -> None:
    touch(tmp_path, "x.md", "docs/b.md", "docs/sub/deep/c.md", "docs/.git/d.md")
    tasks = loads("tasks: {t: {each: {d: {glob: '**/*.md'}}, run: x}}", root=tmp_path).tasks
    assert [task.id for task in tasks] == ["t[docs/b.md]", "t[docs/sub/deep/c.md]", "t[x.md]"]


def test_a_circle_of_links_does_not_lead_astray(tmp_path: Path) -> None:
    touch(tmp_path, "docs/a.md")
    (tmp_path / "docs" / "again").symlink_to(tmp_path)
    assert len(loads("tasks: {t: {each: {d: '**/*.md'}, run: x}}", root=tmp_path).tasks) == 1


def test_a_pattern_with_a_slash_at_its_end_matches_directories(tmp_path: Path) -> None:
    touch(tmp_path, "src/a/x", "src/b/x", "src/c")
    assert run_of("tasks: {t: {each: {d: 'src/*/'}, run: [x, '{d}']}}", tmp_path) == [
        ("x", "src/a"),
        ("x", "src/b"),
    ]


def test_absolute_patterns_and_parents_work_as_written(tmp_path: Path) -> None:
    touch(tmp_path, "a.md", "plan/x")
    assert run_of("tasks: {t: {each: {d: '../*.md'}, run: [x, '{d}']}}", tmp_path / "plan") == [
        ("x", "../a.md")
    ]
    assert run_of(f"tasks: {{t: {{each: {{d: '{tmp_path}/*.md'}}, run: [x, '{{d}}']}}}}", tmp_path) == [
        ("x", f"{tmp_path}/a.md")
    ]


def test_a_glob_that_matches_nothing_is_an_error_with_a_hint(tmp_path: Path) -> None:
    touch(tmp_path, "docs/a.md")
    said = refused("tasks:\n  t:\n    each:\n      d: dcos/*.md\n    run: x\n", tmp_path)
    assert said == "plan:4: nothing matches `dcos/*.md`\n  hint: did you mean `docs`?"


def test_a_file_whose_name_is_not_utf_8_is_told(tmp_path: Path) -> None:
    try:
        touch(tmp_path, "\udcff.md")
    except OSError:
        pytest.skip("this file system has no such names")
    assert "not UTF-8" in refused("tasks: {t: {each: {d: '*.md'}, run: x}}", tmp_path)


def test_a_product_beyond_reason_is_refused() -> None:
    hundred = str(list(range(100)))
    each = ", ".join(f"k{n}: {hundred}" for n in range(4))
    assert "this makes 100,000,000 tasks" in refused(f"tasks: {{t: {{each: {{{each}}}, run: x}}}}")


def test_any_file_name_stays_one_argument(tmp_path: Path) -> None:
    touch(tmp_path, *NASTY)
    got = []
    for script in run_of("tasks: {t: {each: {d: '*.md'}, run: 'printf %s {d}'}}", tmp_path):
        assert isinstance(script, str)
        ran = subprocess.run(
            ["/bin/sh", "-c", script], capture_output=True, text=True, check=True, cwd=tmp_path
        )
        got.append(ran.stdout)
    assert got == sorted(NASTY)


def test_an_id_fits_into_one_line_and_can_be_needed(tmp_path: Path) -> None:
    touch(tmp_path, "new\nline.md")
    each = "each: {d: '*.md'}"
    first, second = loads(
        f"tasks: {{a: {{{each}, run: x}}, b: {{{each}, run: x, needs: ['a[{{d}}]']}}}}", root=tmp_path
    ).tasks
    assert first.id == r"a[new\nline.md]"
    assert second.needs == (first.id,)


def test_a_value_is_quoted_in_a_script_and_nowhere_else() -> None:
    text = "tasks: {t: {each: {d: [a b]}, run: 'x {d}', env: {D: 'y {d}'}, cwd: 'o/{d}', needs: 's'}, s: x}"
    work = command_of(loads(text).tasks[0])
    assert (work.run, work.env, work.cwd) == ("x 'a b'", {"D": "y a b"}, "o/a b")


def test_only_the_names_of_this_task_are_placeholders() -> None:
    script = "echo ${d} ${HOME} {1..3} {other} $(x) | awk '{print}' {{d}}"
    assert run_of(f'tasks: {{t: {{each: {{d: [v]}}, run: "{script} {{d}}"}}}}') == [
        "echo ${d} ${HOME} {1..3} {other} $(x) | awk '{print}' {d} v"
    ]


def test_a_task_without_each_has_no_placeholders() -> None:
    assert run_of("tasks: {t: 'echo {d} {{d}}'}") == ["echo {d} {{d}}"]


def test_members_of_two_fan_outs_can_be_paired() -> None:
    text = """
tasks:
  build: {each: {os: [linux, mac]}, run: 'build {os}'}
  test: {each: {os: [linux, mac]}, run: 'test {os}', needs: ['build[{os}]']}
"""
    assert [task.needs for task in loads(text).tasks[2:]] == [("build[linux]",), ("build[mac]",)]


@pytest.mark.parametrize(
    "script",
    ['echo "{d}"', "echo '{d}'", 'echo "$(x)" "a {d}"', "cat <<END\n{d}\nEND", "x # {d}", 'echo "`x`{d}"'],
)
def test_a_value_that_would_break_out_of_quotes_is_refused(script: str) -> None:
    text = "tasks:\n  t:\n    each: {{d: [ok, {value}]}}\n    run: |-\n      {script}\n"
    indented = script.replace("\n", "\n      ")
    assert "stands inside quotes" in refused(text.format(value='"$(rm)"', script=indented))
    assert loads(text.format(value="plain", script=indented)).tasks


@pytest.mark.parametrize(
    "script",
    [
        "echo {d}",
        'echo "$(cat {d})"',
        "echo 'a'{d}",
        r"echo \" {d}",
        'x "y" # don\'t\necho {d}',
        'echo "`cat {d}`"',
    ],
)
def test_a_placeholder_outside_of_quotes_is_fine(script: str) -> None:
    indented = script.replace("\n", "\n      ")
    assert loads(f"tasks:\n  t:\n    each: {{d: [a b]}}\n    run: |-\n      {indented}\n").tasks


def test_the_same_value_twice_is_told() -> None:
    assert "two tasks `t[a]`" in refused("tasks: {t: {each: {n: [a, a]}, run: x}}")
