"""Many processes on one cache, killed at any moment."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.cache.project import Project

from weft.cache.prune import list_entries, prune, verify
from weft.cache.store import Kept, Replay, Store

ROOT = Path(__file__).parents[2]
PROGRAM = Path(__file__).with_name("crowd.py")
DURATION_S = 2.0


def crowd(folder: Path) -> str:
    paths = [str(ROOT), str(ROOT / "src"), os.environ.get("PYTHONPATH", "")]
    done = subprocess.run(
        [sys.executable, str(PROGRAM), str(folder), str(DURATION_S)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_processes_that_are_killed_leave_a_sound_cache(tmp_path: Path) -> None:
    said = crowd(tmp_path)
    assert re.fullmatch(r"killed [1-9]\d*, used again [1-9]\d*\n", said), said
    store = Store(tmp_path / "cache")
    assert verify(store.shelf).corrupt == ()
    assert all(listed.task == "make" for listed in list_entries(store.shelf))
    project = Project(tmp_path / "last")
    project.declare(restore=True)
    project.store = store
    assert isinstance(project.run(), Kept)
    assert isinstance(project.reuse(), Replay)
    store.close()
    assert prune(store.shelf, size_bytes=0).left_bytes == 0
