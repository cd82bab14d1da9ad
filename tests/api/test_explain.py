from __future__ import annotations

from pathlib import Path

import pytest

import weft
from weft.errors import PlanError
from weft.planning.decision import Verdict


def test_a_plan_is_explained_before_anything_runs() -> None:
    plan = weft.Plan(max_concurrent=2)
    plan.add(print, "never printed", id="write", writes=["x"])
    plan.add(print, "never printed", id="read", reads=["x"])
    told = plan.explain()
    assert told.between("read", "write").verdict is Verdict.SEQUENTIAL
    assert told.summary.max_concurrent == 2
    assert plan.explain(max_concurrent=3).summary.max_concurrent == 3
    assert "2 tasks, 1 pair" in str(told)


def test_links_in_the_root_of_the_plan_are_seen(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    plan = weft.Plan(root=tmp_path)
    plan.add(print, id="write", writes=["real/x"])
    plan.add(print, id="read", reads=["link/x"])
    assert plan.explain().between("write", "read").verdict is Verdict.SEQUENTIAL


def test_not_less_than_one_can_run_at_once() -> None:
    with pytest.raises(PlanError, match="`max_concurrent` is 0; expected 1 or more"):
        weft.Plan().explain(max_concurrent=0)
