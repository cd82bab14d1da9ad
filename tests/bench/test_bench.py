from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import weft

BENCH = Path(__file__).parents[2] / "bench"
SCRIPTS = sorted(BENCH.glob("[a-z]*.py"))
HOME_OF_WEFT = str(Path(weft.__file__).parents[1])


def run(script: Path, *args: str) -> str:
    ran = subprocess.run(
        [sys.executable, str(script), *args],
        env=os.environ | {"PYTHONPATH": HOME_OF_WEFT},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_a_benchmark_prints_its_table_with_each_goal_met_or_missed(script: Path) -> None:
    table = run(script, "--quick")
    assert f"Python {sys.version.split()[0]}" in table
    goals = [line for line in table.splitlines() if "<=" in line or ">=" in line]
    assert goals or "not installed" in table
    assert all(line.endswith((": met", ": MISSED")) for line in goals)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_a_benchmark_is_explained(script: Path) -> None:
    assert "--rounds" in run(script, "--help")
    assert f"`{script.name}`" in (BENCH / "README.md").read_text(encoding="utf-8")
