"""`weft run --no-wait`: what another process holds is told, and not waited for."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.cli.process import weft

from weft.model.lock import Hold
from weft.sharing.base import Ask, Lease, PoolAsked
from weft.sharing.owner import this_process
from weft.sharing.sqlite import SqliteSharing

PlanIn = Callable[..., Path]
PLAN = """
limits: {gpu: {pool: 1, scope: machine}, api: {rate: 1/200ms, scope: machine}}
locks: {site: {scope: machine}}
tasks:
  deploy: {run: touch deployed, locks: site}
  train: {run: touch trained, limits: {gpu: 1}}
  ask: {run: touch asked, limits: {api: 1}}
  ask again: {run: touch asked-again, limits: {api: 1}}
"""


@pytest.fixture(autouse=True)
def sharing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SqliteSharing]:
    """What another process of the user has."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    folder = tmp_path / "weft/sharing"
    folder.mkdir(parents=True)
    other = SqliteSharing(folder)
    yield other
    other.close()


def test_what_nobody_holds_is_taken_and_rates_are_waited_for(plan: PlanIn) -> None:
    ended = weft("run", "--no-wait", cwd=plan(PLAN))
    assert ended.code == 0, ended.err


@pytest.mark.parametrize("asked", [["--no-wait"], []], ids=["option", "variable"])
def test_what_another_process_holds_is_told_and_not_waited_for(
    asked: list[str], plan: PlanIn, sharing: SqliteSharing
) -> None:
    held = Ask("held", pools={"gpu": PoolAsked(1, 1)}, locks={"site": Hold.SHARED})
    assert isinstance(sharing.acquire(held), Lease)
    folder = plan(PLAN)
    ended = weft("run", *asked, cwd=folder, env={} if asked else {"WEFT_NO_WAIT": "1"})
    us = re.escape(str(this_process()))
    assert ended.code == 1
    assert re.search(rf"deploy.*: lock `site` is held by {us}; and it was not to be waited for", ended.err)
    assert re.search(rf"train.*: {us} has all but 0 of `gpu`", ended.err)
    assert (folder / "asked-again").exists()
    assert not (folder / "deployed").exists()
    assert not (folder / "trained").exists()


def test_tasks_of_one_run_wait_for_each_other(plan: PlanIn) -> None:
    tasks = "\n".join(f"  t{n}: {{run: sleep 0.02, locks: site}}" for n in range(5))
    ended = weft("run", "--no-wait", cwd=plan(f"locks: {{site: {{scope: machine}}}}\ntasks:\n{tasks}\n"))
    assert ended.code == 0, ended.err


def test_it_has_no_effect_in_a_dry_run(plan: PlanIn) -> None:
    assert weft("run", "--no-wait", "-n", cwd=plan(PLAN)).code == 2
