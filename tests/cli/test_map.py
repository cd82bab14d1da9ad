from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.cli.process import Ended, weft

from weft.cli.names import names_in, task_ids
from weft.cli.script import Script
from weft.errors import UsageError

ODD = ["a b", "it's", '"q"', "$HOME", "`id`", "a;b", "*", "-n", "\\", "new\nline", "ü", "#x", "~", "{}"]


def scripts(ended: Ended) -> list[str]:
    assert ended.code == 0, ended.err
    return [line.partition(": ")[2] for line in ended.out.splitlines()]


# The command


@pytest.mark.parametrize(
    ("command", "script"),
    [
        ("gzip -k {}", "gzip -k 'a b'"),
        ("gzip -k", "gzip -k 'a b'"),
        ("gzip -k  \n", "gzip -k 'a b'"),
        ("cp {} {}.bak", "cp 'a b' 'a b'.bak"),
        ("echo {{}} ${} {x} {1..3}", "echo {} ${} {x} {1..3} 'a b'"),
        ("echo {{}} {}", "echo {} 'a b'"),
        ('echo "$(cat {})"', "echo \"$(cat 'a b')\""),
        ('echo "{}"', None),
        ("echo '{}'", None),
        ("cat <<E\n{}\nE", None),
        ("echo 'x", None),
        ("echo # x", None),
        ("echo &", None),
        ("echo;", None),
        ("echo \\", None),
        ("   ", None),
    ],
)
def test_a_name_stays_one_word_or_is_refused(command: str, script: str | None) -> None:
    if script is None:
        with pytest.raises(UsageError):
            Script.of(command).with_name("a b")
    else:
        assert Script.of(command).with_name("a b") == script


def test_a_name_that_needs_no_quotes_may_stand_inside_of_them() -> None:
    assert Script.of('echo "<{}>"').with_name("a.txt") == 'echo "<a.txt>"'


def test_every_name_reaches_the_command_as_it_is(tmp_path: Path) -> None:
    ended = weft("map", "-j1", r"printf '<%s>\n' {}", *ODD, cwd=tmp_path)
    assert ended.code == 0, ended.err
    assert ended.out == "".join(f"<{name}>\n" for name in ODD)


def test_bytes_that_are_no_text_pass_through(tmp_path: Path) -> None:
    for args, data in (((b"\xff\xfe",), b""), ((), b"\xff\xfe\n")):
        (tmp_path / os.fsdecode(b"\xff\xfe")).write_bytes(b"found")
        assert weft("map", "cat", *args, cwd=tmp_path, stdin=data).out == "found"


# The names


def test_names_come_from_standard_input_one_a_line(tmp_path: Path) -> None:
    ended = weft("map", "-n", "echo", cwd=tmp_path, stdin="a\n\n  \nb c\nlast")
    assert scripts(ended) == ["echo a", "echo 'b c'", "echo last"]


def test_names_may_end_with_a_nul(tmp_path: Path) -> None:
    ended = weft("map", "-n", "-0", "echo", cwd=tmp_path, stdin="a\nb\0 \0")
    assert ended.out == "a\\nb: echo 'a\n    b'\n : echo ' '\n"


def test_names_behind_the_command_may_begin_with_a_dash(tmp_path: Path) -> None:
    assert scripts(weft("map", "-n", "echo {}", "-j", "--json", cwd=tmp_path)) == ["echo -j", "echo --json"]
    assert scripts(weft("map", "-n", "echo {}", "--", "--", "x", cwd=tmp_path)) == ["echo --", "echo x"]


def test_no_names_are_nothing_to_do(tmp_path: Path) -> None:
    assert weft("map", "echo", cwd=tmp_path) == (0, "", "no names: nothing to do\n")
    assert weft("map", "-q", "echo", cwd=tmp_path) == (0, "", "")
    assert (
        weft("map", "--json", "echo", cwd=tmp_path).out.splitlines()[-1].startswith('{"event": "run_ended"')
    )
    assert not (tmp_path / ".weft").exists()


def test_ids_are_names_and_the_same_name_gets_a_number() -> None:
    assert task_ids(["a", "a[2]", "a", "a", "b"]) == ["a", "a[2]", "a[3]", "a[4]", "b"]
    assert len(set(task_ids(["a"] * 1000 + ["a[7]"] * 3))) == 1003


@pytest.mark.parametrize(
    ("args", "data", "says"),
    [
        (("echo", "a", ""), "", "name 2 of 2 is empty"),
        (("-0", "echo"), "a\0\0b\0", "name 2 of 3 is empty"),
        (("echo",), "a\0b\0", "read with -0"),
        (("-0", "echo", "a"), "", "--null has no effect"),
        (("", "a"), "", "the command is empty"),
        ((), "", "Missing argument 'COMMAND'"),
        (("echo '{}'", "it's"), "", "would not stay one word"),
    ],
)
def test_a_mistake_exits_2_before_anything_runs(
    args: tuple[str, ...], data: str, says: str, tmp_path: Path
) -> None:
    ended = weft("map", *args, cwd=tmp_path, stdin=data)
    assert (ended.code, ended.out) == (2, "")
    assert says in ended.err
    assert not (tmp_path / ".weft").exists()


def test_lines_of_any_bytes_are_names() -> None:
    assert names_in(b"", null=False) == []
    assert names_in(b"", null=True) == []
    assert names_in(b"\xff\r\n", null=False) == ["\udcff\r"]


# The run


def test_outputs_are_grouped_and_the_exit_code_is_that_of_a_run(tmp_path: Path) -> None:
    ended = weft("map", "echo {} 1; echo {} 2; test {} != b", "a", "b", "c", cwd=tmp_path)
    assert ended.code == 1
    lines = ended.out.splitlines()
    assert sorted(zip(lines[::2], lines[1::2], strict=True)) == [(f"{name} 1", f"{name} 2") for name in "abc"]
    assert "\nb failed: exit code 1\n" in ended.err
    assert (tmp_path / ".weft" / "runs" / "latest" / "a" / "stdout.log").is_file()


def test_a_hundred_thousand_names_are_told(tmp_path: Path) -> None:
    names = "".join(f"{number}\n" for number in range(100_000))
    ended = weft("map", "-n", "-j7", "echo {}", cwd=tmp_path, stdin=names)
    assert ended.out.endswith("\n99999: echo 99999\n")
    assert ended.err == "100000 tasks, at most 7 at once; nothing was run\n"
