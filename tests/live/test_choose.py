from __future__ import annotations

import os
import subprocess
import sys
from io import TextIOWrapper

import pytest

from weft.live.choose import open_display
from weft.live.jsonl import JsonDisplay
from weft.live.kinds import DisplayKind, choose
from weft.live.plain import PlainDisplay
from weft.live.quiet import QuietDisplay
from weft.live.tty import TtyDisplay


def chosen(*, json: bool = False, quiet: bool = False, is_terminal: bool = True, **env: str) -> DisplayKind:
    return choose(json=json, quiet=quiet, is_terminal=is_terminal, environment=env)


def test_a_terminal_is_drawn_upon() -> None:
    assert chosen(TERM="xterm-256color") is DisplayKind.TTY
    assert chosen(NO_COLOR="", CI="") is DisplayKind.TTY
    assert chosen(CI="false") is DisplayKind.TTY


@pytest.mark.parametrize(
    ("name", "value"), [("CI", "true"), ("CI", "1"), ("NO_COLOR", "1"), ("TERM", "dumb")]
)
def test_ci_no_color_and_dumb_terminals_get_plain_lines(name: str, value: str) -> None:
    kind = choose(json=False, quiet=False, is_terminal=True, environment={name: value})
    assert kind is DisplayKind.PLAIN


def test_what_is_no_terminal_gets_plain_lines() -> None:
    assert chosen(is_terminal=False) is DisplayKind.PLAIN


def test_json_wins_over_quiet_and_quiet_over_the_terminal() -> None:
    assert chosen(json=True, quiet=True) is DisplayKind.JSON
    assert chosen(quiet=True) is DisplayKind.QUIET


def test_every_kind_has_its_display(stdout: TextIOWrapper, stderr: TextIOWrapper) -> None:
    kinds = {kind: type(open_display(kind, stdout=stdout, stderr=stderr)) for kind in DisplayKind}
    assert kinds == {
        DisplayKind.JSON: JsonDisplay,
        DisplayKind.QUIET: QuietDisplay,
        DisplayKind.TTY: TtyDisplay,
        DisplayKind.PLAIN: PlainDisplay,
    }


def test_rich_is_not_loaded_where_nothing_is_drawn() -> None:
    program = "import sys, weft.live.choose; sys.exit('rich' in sys.modules)"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    assert subprocess.run([sys.executable, "-c", program], env=environment, check=False).returncode == 0
