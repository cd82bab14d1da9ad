"""The demo, from end to end."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.cli.process import weft

PLAN = Path(__file__).parents[2] / "examples" / "stdlib_survey" / "plan.py"


def test_one_task_at_a_time_and_eight_find_the_same_bytes(tmp_path: Path) -> None:
    plan = subprocess.run([sys.executable, PLAN], capture_output=True, check=True).stdout
    found = []
    for jobs in ("1", "8"):
        root = tmp_path / jobs
        root.mkdir()
        ended = weft("run", "-f", "-", "-j", jobs, "-q", "-C", str(root), cwd=tmp_path, stdin=plan)
        assert ended.code == 0, ended.err
        assert "## patterns" in ended.out
        found.append((root / "findings.json").read_bytes())
    assert found[0] == found[1]
    assert len(json.loads(found[0])["modules"]) > 100
