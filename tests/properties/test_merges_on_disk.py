"""Runs of tasks that all begin with the same files and write what they like: what becomes of it."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from random import Random

import pytest
from tests.runtime.places import Ran, does, run
from tests.workspaces.trees import Seen, make, seen, texts

from weft.model.outcome import Failed, Succeeded
from weft.model.reason import MergeConflict
from weft.model.workspace import MergePolicy, Workspace, WorkspaceKind
from weft.workspaces.record import State

NAMES = (
    "a",
    "b",
    "d/a",
    "d/b",
    "new/x",
    "new",
)  # few, so that tasks meet; the last may be in the way of another
BASE: dict[str, str | None] = {"a": "base a", "b": "base b", "d/a": "base d/a", "d/b": "base d/b"}
N_TASKS = 4
POLICIES = [MergePolicy.FAIL, MergePolicy.FIRST, MergePolicy.LAST, MergePolicy.KEEP_BOTH]


def doing(chance: Random, task: int) -> str:
    """Return what a task does: each file that it writes has a content of its own."""
    lines = []
    for name in chance.sample(NAMES, chance.randint(1, 3)):
        folder = name.rpartition("/")[0]
        if chance.random() < 0.2:
            lines.append(f"rm -rf {name}")
            continue
        lines.append(f"rm -rf {name}; test -z '{folder}' || test -d ./{folder} || rm -f ./{folder}")
        lines.append(f"mkdir -p ./{folder}; printf %s {shlex.quote(f'{task} {name}')} > {name}")
    return "\n".join(lines)


def run_all(
    root: Path, doings: Sequence[str], delays: Sequence[int], policy: MergePolicy, kind: WorkspaceKind
) -> Ran:
    """Run tasks that have all begun before one of them does anything, and end in this order."""
    begun = make(root.with_name(f"{root.name}-begun"), {})
    wait = (
        f"touch {begun}/$WEFT_TASK_ID; while [ $(ls {begun} | wc -l) -lt {len(doings)} ]; do sleep 0.01; done"
    )
    tasks = [
        does(f"t{n}", f"{wait}; sleep 0.0{delay}\n{doing}", Workspace(kind), merge=policy)
        for n, (doing, delay) in enumerate(zip(doings, delays, strict=True))
    ]
    return run(root, *tasks, files=BASE)


@pytest.mark.parametrize("seed", range(12))
def test_the_order_in_which_tasks_end_does_not_matter(seed: int, tmp_path: Path) -> None:
    chance = Random(seed)
    doings = [doing(chance, task) for task in range(N_TASKS)]
    policy, kind = POLICIES[seed % 4], chance.choice((WorkspaceKind.COPY, WorkspaceKind.DIRECTORY))
    left: list[tuple[Seen, dict[str, type]]] = []
    for n, delays in enumerate(([0, 3, 6, 9], [9, 6, 3, 0], [5, 0, 9, 3])):
        ran = run_all(tmp_path / str(n), doings, delays, policy, kind)
        left.append((seen(ran.root), {id: type(outcome) for id, outcome in ran.report.outcomes.items()}))
    assert left[0] == left[1] == left[2]


@pytest.mark.parametrize("seed", range(12))
def test_fail_loses_no_byte_of_either_side(seed: int, tmp_path: Path) -> None:
    chance = Random(seed)
    doings = [doing(chance, task) for task in range(N_TASKS)]
    kind = chance.choice((WorkspaceKind.COPY, WorkspaceKind.DIRECTORY))
    ran = run_all(tmp_path / "plan", doings, [0] * N_TASKS, MergePolicy.FAIL, kind)
    plan = texts(ran.root)
    merged = {text for n in range(N_TASKS) if ran.state(f"t{n}") is State.MERGED for text in written(ran, n)}
    # Nobody has changed what somebody else had: so what was brought back is there, whole.
    assert merged <= set(plan.values())
    assert set(plan.values()) <= merged | {text for text in BASE.values() if text is not None}
    for n in range(N_TASKS):
        outcome = ran.report.outcomes[f"t{n}"]
        if ran.state(f"t{n}") is State.MERGED:
            assert outcome == Succeeded()
            continue
        assert isinstance(outcome, Failed)
        assert isinstance(outcome.because, MergeConflict)
        assert not set(written(ran, n)) & set(plan.values())


def written(ran: Ran, n: int) -> list[str]:
    """Return what a task has written, as it lies in its workspace."""
    return [text for text in texts(ran.folder / f"t{n}/workspace").values() if text.startswith(f"{n} ")]
