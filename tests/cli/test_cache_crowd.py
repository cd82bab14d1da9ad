"""Many runs of `weft` share one cache, are killed at any moment, and nothing breaks.

`WEFT_CROWD_S=30 WEFT_CROWD=20` makes it as many and as long as a change to the cache deserves.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
from pathlib import Path

from tests.cli.process import WEFT, environment, weft

# Of this process, not of those that it starts.
DURATION_S = float(os.environ.get("WEFT_CROWD_S", "3"))
N_PROCESSES = int(os.environ.get("WEFT_CROWD", "6"))
N_TASKS = 8

PLAN = "max_concurrent: 2\ntasks:\n" + "".join(
    f"  t{n}: {{run: 'cat src/{n} src/{n} > tmp.$$; mv tmp.$$ out/{n}; echo made {n}', reads: [src/{n}],"
    f" writes: [out/{n}], result: text, cache: {{restore: true}}}}\n"
    for n in range(N_TASKS)
)


def begin(root: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*WEFT, "run", "-q"],
        cwd=root,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def disturbed(root: Path) -> tuple[int, int]:
    """Let many runs go on at once; return how many were killed, and how many have come to their end."""
    chance = random.Random(1)
    crowd = [begin(root) for _ in range(N_PROCESSES)]
    n_killed = n_ended = 0
    end = time.monotonic() + DURATION_S
    while time.monotonic() < end:
        at = chance.randrange(N_PROCESSES)
        one = crowd[at]
        if chance.random() < 0.3:
            os.killpg(one.pid, signal.SIGKILL)
            one.communicate()
            n_killed += 1
        else:
            _, said = one.communicate(timeout=60)
            assert (one.returncode, said) == (0, "")
            n_ended += 1
        if chance.random() < 0.3:
            (root / f"out/{chance.randrange(N_TASKS)}").unlink(missing_ok=True)
        if chance.random() < 0.1:
            assert weft("cache", "prune", "--size", chance.choice(["0", "1kB"]), cwd=root).code in (0, 1)
        crowd[at] = begin(root)
    for one in crowd:
        _, said = one.communicate(timeout=60)
        assert (one.returncode, said) == (0, "")
    return n_killed, n_ended


def test_runs_that_share_a_cache_and_are_killed_break_nothing(tmp_path: Path) -> None:
    (tmp_path / "weft.yaml").write_text(PLAN)
    for name in ("src", "out"):
        (tmp_path / name).mkdir()
    for n in range(N_TASKS):
        (tmp_path / f"src/{n}").write_text(f"{n}\n")
    assert all(disturbed(tmp_path))
    assert weft("run", "-q", cwd=tmp_path).code == 0
    for n in range(N_TASKS):
        assert (tmp_path / f"out/{n}").read_text() == f"{n}\n{n}\n"
    verified = weft("cache", "verify", cwd=tmp_path)
    assert verified.code == 0, verified.out
    events = [json.loads(line) for line in weft("run", "--json", cwd=tmp_path).out.splitlines()]
    assert {event["value"] for event in events if event["event"] == "task_ended"} == {
        f"made {n}" for n in range(N_TASKS)
    }
