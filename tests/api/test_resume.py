from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import weft
from weft.errors import UsageError
from weft.model.outcome import Succeeded
from weft.model.workspace import MergeAt

DONE: list[str] = []


def work(name: str, *_: Any) -> dict[str, str]:
    DONE.append(name)
    return {"made by": name}


def may_fail(ok: Path, _: Any) -> tuple[int, int]:
    DONE.append("may fail")
    if not ok.exists():
        raise LookupError("not yet")
    return (1, 2)


def made(folder: Path, *, last: str = "last") -> weft.Plan:
    plan = weft.Plan(root=folder)
    first = plan.add(work, "first", id="first")
    middle = plan.add(may_fail, folder / "ok", first, id="middle")
    plan.add(work, last, first, middle, id="last")
    return plan


def with_arun(plan: weft.Plan, **options: Any) -> weft.Report:
    return asyncio.run(weft.arun(plan, **options))


both_doors = pytest.mark.parametrize("run", [weft.run, with_arun], ids=["run", "arun"])
Run = Callable[..., weft.Report]


@both_doors
def test_results_of_what_has_succeeded_are_there_for_those_who_need_them(run: Run, tmp_path: Path) -> None:
    run(made(tmp_path), journal=True)
    (tmp_path / "ok").touch()
    DONE.clear()
    report = run(made(tmp_path), resume="latest")
    assert DONE == ["may fail", "last"]
    assert report.taken_over == ("first",)
    assert report.results == {"first": {"made by": "first"}, "middle": (1, 2), "last": {"made by": "last"}}


def test_a_result_that_json_can_not_hold_is_made_again(tmp_path: Path) -> None:
    (tmp_path / "ok").touch()
    weft.run(made(tmp_path), journal=True)
    DONE.clear()
    report = weft.run(made(tmp_path), resume="latest")
    assert DONE == ["may fail", "last"]
    assert report.outcomes["middle"] == Succeeded((1, 2))


def appends(name: str, result: Any) -> Any:
    DONE.append(name)
    with (weft.current().workspace / name).open("a") as file:
        file.write(f"{name}\n")
    return result


def apart(folder: Path, at: MergeAt) -> weft.Plan:
    """`odd` has a result that JSON can't hold; it and `plain` are merged before `last`, or after it."""
    groups = {"both": weft.Group(), "last": weft.Group(critical=True)}
    plan = weft.Plan(root=folder, workspace="copy", merge=weft.Merge(at=at), groups=groups, max_concurrent=1)
    plan.add(appends, "odd", (1, 2), id="odd", group="both")
    plan.add(appends, "plain", 1, id="plain", group="both")
    needs = ["both"] if at is MergeAt.GROUP else []
    plan.add(may_fail, folder / "ok", None, id="last", group="last", workspace="shared", needs=needs)
    return plan


def test_what_waits_to_be_brought_back_is_replaced_when_its_task_runs_again(tmp_path: Path) -> None:
    weft.run(apart(tmp_path, MergeAt.RUN), journal=True)
    (tmp_path / "ok").touch()
    DONE.clear()
    report = weft.run(apart(tmp_path, MergeAt.RUN), resume="latest")
    assert sorted(DONE) == ["may fail", "odd"]
    assert report.results["odd"] == (1, 2)
    assert [(tmp_path / name).read_text() for name in ("odd", "plain")] == ["odd\n", "plain\n"]


def test_a_task_that_runs_again_finds_what_was_brought_back_and_only_its_work_is_brought_back_again(
    tmp_path: Path,
) -> None:
    weft.run(apart(tmp_path, MergeAt.GROUP), journal=True)
    (tmp_path / "plain").write_text("somebody else's")
    (tmp_path / "ok").touch()
    DONE.clear()
    report = weft.run(apart(tmp_path, MergeAt.GROUP), resume="latest")
    assert (DONE, report.taken_over) == (["odd", "may fail"], ("plain",))
    assert [(tmp_path / name).read_text() for name in ("odd", "plain")] == ["odd\nodd\n", "somebody else's"]


def test_a_run_is_resumed_by_its_id_and_is_recorded_as_well(tmp_path: Path) -> None:
    weft.run(made(tmp_path), journal=True)
    (tmp_path / "ok").touch()
    second = weft.run(made(tmp_path), resume="latest")
    assert second.resumed is not None
    third = weft.run(made(tmp_path), resume=second.resumed)
    assert third.resumed == second.resumed
    fourth = weft.run(made(tmp_path, last="another"), resume="latest")
    assert fourth.resumed not in (None, second.resumed)
    with pytest.raises(UsageError, match="no run `nonsense` was recorded here"):
        weft.run(made(tmp_path), resume="nonsense")


def test_without_the_wish_nothing_is_written(tmp_path: Path) -> None:
    weft.run(made(tmp_path))
    assert list(tmp_path.iterdir()) == []
