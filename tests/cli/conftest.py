"""What the tests of the command line share: a directory with a plan, and a line to its tasks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.cli.process import Told


@pytest.fixture
def plan(tmp_path: Path) -> Callable[[str], Path]:
    """Writes a plan and returns its directory."""

    def write(text: str, name: str = "weft.yaml") -> Path:
        (tmp_path / name).write_text(text, encoding="utf-8")
        return tmp_path

    return write


@pytest.fixture
def told(tmp_path: Path) -> Iterator[Told]:
    """What tasks write to the named pipe `told` in the plan's directory."""
    told = Told(tmp_path / "told")
    yield told
    told.close()
