"""Whatever happens to files between runs: what stands there afterwards is what running all of it would leave.

And nothing runs again without a reason, which is true. The plan is run as by `weft run`: the short way if
nothing is left to do, else with an event loop and commands.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from pathlib import Path
from typing import assert_never

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from tests.cache.project import LATER_NS, tick

from weft.cache.packing import Packing, Source
from weft.cache.saved import Shelf
from weft.cache.unchanged import holds, load
from weft.model.miss import (
    CopyCorrupt,
    CopyGone,
    EntryUnreadable,
    Expired,
    FieldChanged,
    Forced,
    InputAppeared,
    InputChanged,
    InputGone,
    MissReason,
    NothingKept,
    NotPutBack,
    OutputChanged,
    OutputGone,
    Unreadable,
)
from weft.planfile.load import load as load_plan
from weft.runtime.layout import cache_folder
from weft.runtime.links import prepare_on_disk
from weft.runtime.run import run_plan
from weft.scheduling.states import RunState

PLAN = """
tasks:
  join:
    run: "cat src/*.txt > all 2> /dev/null; true"
    reads: ["src/*.txt"]
    writes: [all]
    cache: true
  count:
    run: "wc -c < all > out/count; echo counted"
    reads: [all]
    writes: [out/count]
    cache: {restore: true}
  copy:
    run: "mkdir -p far; cat all all > far/twice"
    reads: [all]
    writes: [far/twice]
    workspace: copy
    merge: last
    cache: true
"""
SOURCES = st.sampled_from(["src/a.txt", "src/b.txt", "src/c.md"])
OUTPUTS = ("all", "out/count", "far/twice")
MADE = st.sampled_from(OUTPUTS)
CONTENTS = st.sampled_from(["one", "two", "three"])
MOMENTS = st.sampled_from([10**18, 10**18 + 1, 2 * 10**18])
Files = dict[str, str]


class Edits(RuleBasedStateMachine):
    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.root = Path(self.folder.name)
        for name in ("src", "out"):
            (self.root / name).mkdir()
        (self.root / "weft.yaml").write_text(PLAN)
        self.before: Files = {}  # as it was after the last run
        self.has_run = False
        self.is_run = False

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            self.folder.cleanup()

    @rule(path=st.one_of(SOURCES, MADE), content=CONTENTS)
    def write(self, path: str, content: str) -> None:
        (self.root / path).parent.mkdir(exist_ok=True)
        (self.root / path).write_text(content)
        self.is_run = False

    @rule(path=st.one_of(SOURCES, MADE), moment=MOMENTS)
    def touch(self, path: str, moment: int) -> None:
        if (self.root / path).exists():
            os.utime(self.root / path, ns=(moment, moment))
            self.is_run = False

    @rule(path=st.one_of(SOURCES, MADE))
    def delete(self, path: str) -> None:
        (self.root / path).unlink(missing_ok=True)
        self.is_run = False

    @rule(path=SOURCES, content=CONTENTS, moment=MOMENTS)
    def replace(self, path: str, content: str, moment: int) -> None:
        """As `git checkout` and `cp -p` do: another file, with a time of its own."""
        beside = self.root / "beside"
        beside.write_text(content)
        os.utime(beside, ns=(moment, moment))
        beside.replace(self.root / path)
        self.is_run = False

    @rule()
    def run(self) -> None:
        now = self.files()
        known = load(str(self.root), "weft.yaml", PLAN.encode(), "v")
        if known is None or not holds(known, str(self.root), os.environ, 0.0):
            self.run_the_long_way(now)
        else:
            assert self.is_run or self.before == now, "something has changed"
        self.before, self.has_run, self.is_run = self.files(), True, True
        tick(self.root)  # what is written from now on has another time

    @invariant()
    def what_has_run_is_never_stale(self) -> None:
        if getattr(self, "is_run", False):
            files = self.files()
            assert {path: files.get(path) for path in ("all", "out/count", "far/twice")} == self.expected(
                files
            )

    def run_the_long_way(self, now: Files) -> None:
        source = Source()
        plan = load_plan(self.root / "weft.yaml", seen=source)
        packing = Packing(str(self.root), os.environ, "v", lambda: LATER_NS)
        report = asyncio.run(run_plan(prepare_on_disk(plan), watcher=packing))
        assert report.state is RunState.SUCCEEDED, report.outcomes
        assert set(report.cached) | set(report.missed) == {"join", "count", "copy"}
        assert report.not_kept == {}
        packing.save(Shelf(cache_folder(self.root)), plan.tasks, "weft.yaml", source)
        for task, reason in report.missed.items():
            # What comes after `join` finds what that has made.
            found = now if task == "join" else {**now, "all": self.expected(now)["all"]}
            assert self.is_true(reason, found), f"{task}: {reason}"

    def files(self) -> Files:
        """Return what stands there, by path."""
        paths = [
            *(self.root / "src").iterdir(),
            *(self.root / path for path in ("all", "out/count", "far/twice")),
        ]
        return {str(path.relative_to(self.root)): path.read_text() for path in paths if path.exists()}

    def expected(self, files: Files) -> Files:
        """Return what running all of it would make."""
        joined = "".join(files[path] for path in sorted(files) if path.endswith(".txt"))
        return {"all": joined, "out/count": f"{len(joined)}\n", "far/twice": joined * 2}

    def is_true(self, reason: MissReason, now: Files) -> bool:
        match reason:
            case NothingKept():
                return not self.has_run
            case InputChanged(path) | OutputChanged(path):
                return path in now and path in self.before and now[path] != self.before[path]
            case InputGone(path) | OutputGone(path):
                return path in self.before and path not in now
            case InputAppeared(path):
                return path in now and path not in self.before
            case Forced() | FieldChanged() | EntryUnreadable() | Expired():
                return False
            case CopyGone() | CopyCorrupt() | NotPutBack() | Unreadable():
                return False
            case _:
                assert_never(reason)


Edits.TestCase.settings = settings(max_examples=20, stateful_step_count=15, deadline=None)
TestEdits = Edits.TestCase
