"""Where the source of the standard library stands: the task `list` prints it as JSON.

Knows files, not what is in them. Standard library only, as all of this example but the findings.
"""

from __future__ import annotations

import json
import sys
import sysconfig
from pathlib import Path

STDLIB = Path(sysconfig.get_path("stdlib"))

TEST_FOLDERS = {"test", "tests", "idle_test"}


def find_sources() -> dict[str, list[str]]:
    """Return the Python files of each top-level package and module, relative to `STDLIB`.

    Names and files are sorted; tests are left out. A module that has no Python source, because it is
    built in, an extension or not for this system, has an empty list.
    """
    return {name: [path.as_posix() for path in _files(name)] for name in sorted(sys.stdlib_module_names)}


def is_package(files: list[str]) -> bool:
    """Tell whether ``files`` are those of a package: a module has its one file at the top."""
    return any("/" in file for file in files)


def size_bytes(files: list[str]) -> int:
    """Return how much source there is in ``files``."""
    return sum((STDLIB / file).stat().st_size for file in files)


def _files(name: str) -> list[Path]:
    module = STDLIB / f"{name}.py"
    found = [module] if module.is_file() else (STDLIB / name).rglob("*.py")
    relative = sorted(path.relative_to(STDLIB) for path in found)
    return [path for path in relative if TEST_FOLDERS.isdisjoint(path.parts[1:-1])]


if __name__ == "__main__":
    json.dump(find_sources(), sys.stdout)
