"""Rules of the house that no linter knows."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MODULES = sorted((ROOT / "src" / "weft").rglob("*.py"))

# Written so that this file does not match itself.
OUTSIDE = re.compile(
    r"""
      \.\./share[d]                               # a folder beside the project
    | (?<![\w.~}-])/(?:work\b|root/|home/|Users/)  # a folder of somebody's machine
    | /tmp/ven[v]
    | pypi\.or[g] | pythonhosted\.or[g]           # where packages come from
    """,
    re.VERBOSE,
)


def project_files() -> list[Path]:
    """Every file that is, or would be, part of a commit."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True, check=False
    )
    if listed.returncode != 0:
        pytest.skip("not a git checkout: there is no list of the project's files")
    paths = (ROOT / name for name in listed.stdout.decode().split("\0") if name)
    return [path for path in paths if path.is_file()]  # one that was deleted is still listed


def lines_of(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        return []  # a picture


def test_no_file_names_what_stands_outside_of_the_project() -> None:
    named = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in project_files()
        for number, line in enumerate(lines_of(path), start=1)
        if OUTSIDE.search(line)
    ]
    assert named == []


@pytest.mark.parametrize(
    "line", ["../share" + "d/x", "cd /wor" + "k/main", "/tmp/ven" + "v", "pypi.or" + "g"]
)
def test_a_name_of_the_outside_is_seen(line: str) -> None:
    assert OUTSIDE.search(line)


@pytest.mark.parametrize(
    "line", ["src/work/x.py", "../shares", "/tmp", "model/work.py", "https://docs.python.org"]
)
def test_a_name_of_the_inside_is_let_be(line: str) -> None:
    assert not OUTSIDE.search(line)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_each_module_opens_with_what_it_is_for(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))


def test_the_scheduler_stays_a_dispatch_table() -> None:
    assert len(lines_of(ROOT / "src" / "weft" / "scheduling" / "scheduler.py")) <= 400


def test_imports_keep_the_contracts_of_the_house() -> None:
    lint = "from importlinter.cli import lint_imports_command; lint_imports_command(['--no-logo'])"
    linted = subprocess.run(
        [sys.executable, "-c", lint], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert linted.returncode == 0, linted.stdout + linted.stderr
