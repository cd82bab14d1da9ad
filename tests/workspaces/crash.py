"""Publishes a change of everything in a child that is killed, or refused something, at its n-th system call.

Run as a program, for it forks: `crash.py kill FOLDER`, and so with `refuse`, `twice` and `middle`. Every call
that opens, makes, renames or removes something is told to an audit hook, so that none is left out. Prints
how many children were stopped, and what became of their publishes.
"""

from __future__ import annotations

import errno
import os
import shutil
import signal
import sys
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path

from tests.workspaces.trees import Plan, make, put, remove, seen

from weft.workspaces.publish import HowRecovered
from weft.workspaces.record import State

WATCHED = frozenset({
    "open", "os.chmod", "os.link", "os.listdir", "os.mkdir", "os.remove", "os.rename", "os.rmdir",
    "os.scandir", "os.symlink", "os.utime",
})  # fmt: skip

MOST = 2_000  # calls: far more than one publish makes


def task(root: Path) -> None:
    """Change a bit of everything: contents, modes, kinds, names; folders that come, go and are locked."""
    put(root, "changed", "new")
    put(root, "d/e/changed", "new")
    put(root, "new/deep/file", "new")
    put(root, "new/void", None)
    put(root, "new/link", "-> deep/file")
    put(root, "link", "-> new")
    put(root, "file-to-folder/x", "new")
    put(root, "folder-to-file", "new")
    put(root, "link-to-file", "new")
    remove(root, "gone/deep")
    remove(root, "gone-file")
    (root / "mode").chmod(0o750)
    (root / "d").chmod(0o500)
    (root / "locked").chmod(0o755)
    put(root, "locked/new", "new")
    remove(root, "locked/old")
    (root / "locked").chmod(0o511)
    (root / "new/deep").chmod(0o500)


def plan_in(folder: Path) -> Plan:
    plan = Plan(folder / "plan")
    make(plan.root, {
        "changed": "old", "d/e/changed": "old", "d/still": "old", "link": "-> old", "file-to-folder": "old",
        "folder-to-file/deep/x": "old", "link-to-file": "-> old", "gone/deep/x": "old", "gone/y": "old",
        "gone-file": "old", "mode": "old", "locked/old": "old", "still": "old",
    })  # fmt: skip
    (plan.root / "locked").chmod(0o555)
    return plan


def fresh(folder: Path) -> Plan:
    """Make the plan and a place in which the task has done its work."""
    if folder.exists():
        for path in folder.rglob("*"):
            if path.is_dir() and not path.is_symlink():
                path.chmod(0o700)
        shutil.rmtree(folder)
    plan = plan_in(folder)
    place = plan.open("t")
    task(place.path)
    place.close()
    return plan


def child(doing: Callable[[], object], at: int, stop: Callable[[], None]) -> bool:
    """Fork, let the child do this and be stopped at a call; tell whether it came to that call."""
    pid = os.fork()
    if not pid:
        code = 1
        try:
            watch(at, stop)
            doing()
            code = 0
        except OSError as error:
            code = 2 if error.errno == errno.EIO else 1
        finally:
            os._exit(code)
    _, status = os.waitpid(pid, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) in (0, 2), status
    return os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 2


def watch(at: int, stop: Callable[[], None]) -> None:
    calls = iter(range(1, at + 1))

    def see(event: str, args: tuple[object, ...]) -> None:
        if event in WATCHED and next(calls, None) == at:
            stop()

    sys.addaudithook(see)


def kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def refuse() -> None:
    raise OSError(errno.EIO, "refused by the test")


def publish(plan: Plan) -> None:
    """Bring back what the task has left, from what is written down, as a process would that knows no more."""
    left = plan.left("t")
    assert plan.bring(left).is_merged


def expected(folder: Path) -> tuple[object, object]:
    plan = fresh(folder)
    before = seen(plan.root)
    publish(plan)
    return before, seen(plan.root)


def debris(plan: Plan) -> list[str]:
    """Return what a publish has left of its own."""
    room = plan.home / "publish"
    inside = [path.name for path in room.iterdir() if path.name != "lock"] if room.exists() else []
    return inside + [path for path in seen(plan.root) if ".weft" in path]


def killed(folder: Path) -> Counter[str]:
    """Kill at each call, once; then recover."""
    before, after = expected(folder)
    counts: Counter[str] = Counter()
    for at in range(1, MOST):
        plan = fresh(folder)
        if not child(partial(publish, plan), at, kill):
            return counts
        recovered = plan.publisher.recover()
        state = seen(plan.root)
        assert state in (before, after), at
        for one in recovered:
            assert one.how is HowRecovered.CLEARED or state == after, (at, one)
        assert debris(plan) == [], at
        is_told = plan.left("t").state is State.MERGED
        assert is_told == (state == after), at
        counts[recovered[0].how if recovered else "nothing to recover"] += 1
        publish(plan)
        assert seen(plan.root) == after, at
    raise AssertionError("it never came to its end")


def refused(folder: Path) -> Counter[str]:
    """Let every other call fail, once: either all was done nevertheless, or nothing."""
    before, after = expected(folder)
    counts: Counter[str] = Counter()
    for at in range(1, MOST, 2):
        plan = fresh(folder)
        if not child(partial(publish, plan), at, refuse):
            return counts
        plan.publisher.recover()
        state = seen(plan.root)
        assert state in (before, after), at
        assert debris(plan) == [], at
        is_told = plan.left("t").state is State.MERGED
        assert is_told == (state == after), at
        counts["before" if state == before else "after"] += 1
    raise AssertionError("it never came to its end")


def killed_twice(folder: Path) -> Counter[str]:
    """Kill, and kill who recovers, at calls that lie all over both; then recover."""
    before, after = expected(folder)
    counts: Counter[str] = Counter()
    for at in range(1, MOST, 11):
        for again in range(1 + at % 5, MOST, 13):
            plan = fresh(folder)
            if not child(partial(publish, plan), at, kill):
                return counts
            if not child(plan.publisher.recover, again, kill):
                break
            plan.publisher.recover()
            assert seen(plan.root) in (before, after), (at, again)
            assert debris(plan) == [], (at, again)
            counts["killed twice"] += 1
    raise AssertionError("it never came to its end")


def left_in_the_middle(folder: Path) -> Counter[str]:
    """Leave a publish that has put `changed` in place, and nothing that comes later."""

    def is_replaced(at: int) -> bool:
        plan = fresh(folder)
        child(partial(publish, plan), at, kill)
        return (plan.root / "changed").read_text() == "new"

    first = bisect_left(range(MOST), True, key=is_replaced)
    assert is_replaced(first)
    return Counter({"killed": first})


if __name__ == "__main__":
    how, where = sys.argv[1:]
    ways = {"kill": killed, "refuse": refused, "twice": killed_twice, "middle": left_in_the_middle}
    for name, count in sorted(ways[how](Path(where)).items()):
        sys.stdout.write(f"{name}: {count}\n")
