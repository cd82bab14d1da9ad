"""Runs are killed while the work of many tasks is brought back: of each, all of it is there then, or nothing.

The environment variable `WEFT_KILLS` tells how often, see `test_kill`.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from random import Random

import pytest
from tests.cli.process import environment, weft
from tests.workspaces.trees import make, seen, texts

from weft.runtime.places import complete_publishing

N_KILLS = int(os.environ.get("WEFT_KILLS", "6"))
SEED = 17
N_TASKS = 30
LATEST_S = 0.8  # after the first merge has begun; to bring all back takes about as long
PATIENCE_S = 30.0
TICK_S = 0.002

PLAN = f"""
max_concurrent: 4
workspace: copy
tasks:
  t:
    each: {{n: {list(range(N_TASKS))}}}
    run: >-
      mkdir new{{n}} && echo {{n}} > new{{n}}/x && echo {{n}} > new{{n}}/y && echo {{n}} > old/{{n}} &&
      rm -f gone/{{n}}
    merge: MERGE
"""


def before(n: int) -> dict[str, str]:
    return {f"old/{n}": "old", f"gone/{n}": "old"}


def after(n: int) -> dict[str, str]:
    return {f"new{n}/x": f"{n}\n", f"new{n}/y": f"{n}\n", f"old/{n}": f"{n}\n"}


def begun(root: Path, merge: str) -> Path:
    make(root, {path: text for n in range(N_TASKS) for path, text in before(n).items()})
    make(root, {"gone/still": "there"})
    (root / "weft.yaml").write_text(PLAN.replace("MERGE", merge))
    return root


def kill_one(root: Path, delay_s: float) -> None:
    """Run the plan, and kill the run when merging has begun and ``delay_s`` has passed."""
    with subprocess.Popen(
        [sys.executable, "-m", "weft", "run", "-q"],
        cwd=root,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        patience = time.monotonic() + PATIENCE_S
        while not (root / ".weft/publish/lock").exists() and time.monotonic() < patience:
            assert process.poll() is None, "the run has ended before it has merged anything"
            time.sleep(TICK_S)
        time.sleep(delay_s)
        process.send_signal(signal.SIGKILL)


def standing(root: Path, n: int) -> str:
    """Return which of both a task's files are; nothing between is either."""
    mine = (f"new{n}/", f"old/{n}", f"gone/{n}")
    found = {path: text for path, text in texts(root).items() if path in mine[1:] or path.startswith(mine[0])}
    there = f"new{n}" in seen(root)
    if found == before(n) and not there:
        return "before"
    return "after" if found == after(n) else f"between: {found}"


@pytest.mark.parametrize("merge", ["{at: task}", "{at: run}"])
def test_a_run_that_is_killed_has_brought_back_all_or_nothing_of_each_task(
    merge: str, tmp_path: Path
) -> None:
    chance = Random(f"{SEED} {merge}")
    counts: Counter[str] = Counter()
    for number in range(N_KILLS):
        root = begun(tmp_path / str(number), merge)
        kill_one(root, chance.uniform(0.0, LATEST_S))
        counts["cut off"] += any(path.is_dir() for path in (root / ".weft/publish").iterdir())
        complete_publishing(root)  # as the next run does
        states = [standing(root, n) for n in range(N_TASKS)]
        assert set(states) <= {"before", "after"}, (number, states)
        assert not [path for path in (root / ".weft/publish").iterdir() if path.is_dir()]
        assert not [path for path in seen(root) if ".weft" in path]
        counts.update(states)
    print(dict(counts))  # noqa: T201  # seen with `pytest -s`


def test_after_a_kill_the_next_run_completes_what_was_begun(tmp_path: Path) -> None:
    chance = Random(SEED)
    root = begun(tmp_path / "plan", "{policy: last}")
    kill_one(root, chance.uniform(0.0, LATEST_S))
    (root / "weft.yaml").write_text(PLAN.replace("MERGE", "{policy: last}").replace("mkdir", "mkdir -p"))
    ended = weft("run", "-q", cwd=root)
    assert ended.code == 0, ended
    assert {standing(root, n) for n in range(N_TASKS)} == {"after"}
