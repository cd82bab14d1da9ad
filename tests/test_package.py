"""What is built for others: the sdist builds the wheel, and that works in a clean environment, no extras."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from collections.abc import Iterable
from email.parser import BytesHeaderParser
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest
from tests.cli.process import environment

import weft

ROOT = Path(__file__).parent.parent


def run(*command: str | Path, cwd: Path) -> str:
    """Run a command that sees no more than what is installed; return what it prints."""
    ran = subprocess.run(
        command, cwd=cwd, env=environment(PYTHONPATH=""), capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def build(kind: str, source: Path, into: Path) -> Path:
    """Build with the backend of the project, which needs no network; return the file."""
    program = f"from hatchling.build import build_{kind} as build; print(build({str(into)!r}))"
    return into / run(sys.executable, "-c", program, cwd=source).splitlines()[-1]


def names(requirements: Iterable[str]) -> list[str]:
    """Return the names among ``requirements`` that are not asked for by an extra only."""
    return [re.split(r"[^\w.-]", line, maxsplit=1)[0] for line in requirements if "extra ==" not in line]


def link_installed(requirements: Iterable[str], site: Path) -> None:
    """Let ``site`` have the packages of this environment that are required, directly or not, and no other."""
    todo, done = names(requirements), set()
    while todo:
        name = todo.pop()
        if name in done:
            continue
        done.add(name)
        try:
            found = distribution(name)
        except PackageNotFoundError:
            continue  # it is for another system, or another Python
        for top in {path.parts[0] for path in found.files or ()} - {"..", "__pycache__"}:
            if not (site / top).exists():
                (site / top).symlink_to(Path(str(found.locate_file(top))))
        todo += names(found.requires or ())


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("hatchling", reason="hatchling, which builds the project, is not installed")
    return build("sdist", ROOT, tmp_path_factory.mktemp("sdist"))


@pytest.fixture(scope="module")
def wheel(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the sdist and not from this folder."""
    folder = tmp_path_factory.mktemp("wheel")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    return build("wheel", folder / sdist.name.removesuffix(".tar.gz"), folder)


@pytest.fixture(scope="module")
def programs(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment in which there is the wheel, what it requires, and nothing else."""
    folder = tmp_path_factory.mktemp("clean")
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    run(python, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", wheel, cwd=folder)
    with zipfile.ZipFile(wheel) as archive:
        (metadata,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        required = BytesHeaderParser().parsebytes(archive.read(metadata)).get_all("Requires-Dist", [])
    site = folder / "lib" / f"python{sysconfig.get_python_version()}" / "site-packages"
    link_installed(required, site)
    return folder / "bin"


def test_the_wheel_holds_all_of_the_code_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
    code = ROOT / "src" / "weft"
    here = {path.relative_to(ROOT / "src").as_posix() for path in code.rglob("*") if path.is_file()}
    assert held == {path for path in here if "__pycache__" not in path}
    assert {"weft/py.typed", "weft/planfile/schema.json"} <= held


def test_the_sdist_holds_the_tests_and_the_docs_and_nothing_that_was_made(sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        held = {Path(*Path(name).parts[1:]).as_posix() for name in archive.getnames()}
    assert {"LICENSE", "README.md", "docs/tutorial.md", "tests/test_package.py", "Makefile"} <= held
    assert [name for name in held if {".venv", ".weft", "__pycache__"} & {*Path(name).parts}] == []


def test_a_clean_environment_runs_a_plan(programs: Path, tmp_path: Path) -> None:
    assert weft.__version__ in run(programs / "weft", "--version", cwd=tmp_path)
    run(programs / "weft", "init", cwd=tmp_path)
    events = run(programs / "weft", "run", "--json", cwd=tmp_path).splitlines()
    assert json.loads(events[-1])["state"] == "succeeded"
    assert "succeeded" in run(programs / "weft", "runs", cwd=tmp_path)


def test_a_clean_environment_calls_functions(programs: Path, tmp_path: Path) -> None:
    program = "import weft; print(weft.map(str.upper, ['warp', 'weft']), weft.__file__)"
    shown = run(programs / "python", "-c", program, cwd=tmp_path)
    assert shown.startswith("['WARP', 'WEFT']")
    assert str(programs.parent) in shown


def test_each_command_can_be_called_without_extras(programs: Path, tmp_path: Path) -> None:
    told = run(programs / "weft", "--help", cwd=tmp_path).partition("Commands:\n")[2].partition("\n\n")[0]
    commands = re.findall(r"^  (\w+) ", told, re.MULTILINE)
    assert "run" in commands
    for command in commands:
        run(programs / "weft", command, "--help", cwd=tmp_path)


def test_the_environment_is_clean(programs: Path, tmp_path: Path) -> None:
    program = "from importlib.util import find_spec; print(find_spec('hypothesis'), find_spec('pytest'))"
    assert run(programs / "python", "-c", program, cwd=tmp_path) == "None None\n"
