"""Whatever happens to files: no result is ever a stale one, and nothing runs again without a true reason."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, assert_never

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.cache.project import Project, tick, write

from weft.cache.prune import prune
from weft.cache.store import Kept, Replay
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
    InputMoved,
    MissReason,
    NothingKept,
    NotPutBack,
    OutputChanged,
    OutputGone,
    Unreadable,
)

INPUTS = st.sampled_from(["src/a", "src/b", "src/deep/c", "conf"])
OUTPUTS = st.sampled_from(["out/all", "out/names/all", "out/mine"])
CONTENTS = st.sampled_from(["one", "two", "longer"])
MOMENTS = st.sampled_from([None, 10**18, 10**18 + 1, 2 * 10**18])
Snapshot = dict[str, tuple[int, str | None]]


class Kepts:
    """What has been kept under one key: when, and what the files were."""

    def __init__(self, files: Snapshot, at: float, ttl_s: float | None) -> None:
        self.files = files
        self.at = at
        self.ttl_s = ttl_s


class Life(RuleBasedStateMachine):
    @initialize(aged=st.booleans(), restore=st.booleans())
    def begin(self, aged: bool, restore: bool) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.root = Path(self.folder.name)
        self.project = Project(self.root, aged=aged)
        self.project.declare(restore=restore)
        self.aged = aged
        self.kept: dict[str, Kepts] = {}
        self.last_fields: dict[str, str] | None = None
        self.broken = set[str]()
        self.run()

    def teardown(self) -> None:
        self.project.store.close()
        self.folder.cleanup()

    def moved(self) -> None:
        """An aged file is one whose clock has moved on since it was looked at."""
        if self.aged:
            tick(self.root)

    @rule(path=INPUTS | OUTPUTS, content=CONTENTS, mtime_ns=MOMENTS)
    def write(self, path: str, content: str, mtime_ns: int | None) -> None:
        self.moved()
        write(self.root, path, content, mtime_ns=mtime_ns)

    @rule(path=INPUTS | OUTPUTS)
    def write_unseen(self, path: str) -> None:
        """Write as many bytes as there were, and set the time back."""
        file = self.root / path
        if file.is_file():
            self.moved()
            write(self.root, path, file.read_text().swapcase(), mtime_ns=file.stat().st_mtime_ns)

    @rule(path=INPUTS | OUTPUTS, mtime_ns=MOMENTS)
    def touch(self, path: str, mtime_ns: int | None) -> None:
        if (self.root / path).exists():
            moment = (self.root / path).stat().st_mtime_ns + 1 if mtime_ns is None else mtime_ns
            os.utime(self.root / path, ns=(moment, moment))

    @rule(path=INPUTS | OUTPUTS)
    def delete(self, path: str) -> None:
        (self.root / path).unlink(missing_ok=True)

    @rule(path=INPUTS | OUTPUTS, content=CONTENTS, mtime_ns=MOMENTS)
    def replace(self, path: str, content: str, mtime_ns: int | None) -> None:
        self.moved()
        file = write(self.root, "beside", content, mtime_ns=mtime_ns)
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        file.replace(self.root / path)

    @rule(path=INPUTS, other=INPUTS)
    def link(self, path: str, other: str) -> None:
        if path != other and not (self.root / other).is_symlink():
            self.delete(path)
            (self.root / path).parent.mkdir(parents=True, exist_ok=True)
            (self.root / path).symlink_to(self.root / other)

    @rule(path=INPUTS | OUTPUTS, mode=st.sampled_from([0o600, 0o644, 0o755]))
    def set_mode(self, path: str, mode: int) -> None:
        if (self.root / path).exists():
            (self.root / path).chmod(mode)

    @rule(seconds=st.sampled_from([1.0, 50.0]))
    def wait(self, seconds: float) -> None:
        self.project.now += seconds

    @rule(ttl_s=st.sampled_from([None, 10.0, 100.0]), version=st.sampled_from(["1", "2"]))
    def declare(self, ttl_s: float | None, version: str) -> None:
        self.project.declare(ttl_s=ttl_s, version=version)

    @precondition(lambda self: self.kept)
    @rule(content=st.sampled_from([b"", b"{}", b"rotten"]))
    def break_entry(self, content: bytes) -> None:
        key = self.project.asked.fingerprint.key
        entry = Path(self.project.store.shelf.entry(key))
        if entry.exists():
            entry.write_bytes(content)
            self.broken.add(key)

    @rule()
    def evict(self) -> None:
        self.project.store.close()
        pruned = prune(self.project.store.shelf, size_bytes=0)
        assert pruned.left_bytes == 0
        self.kept.clear()
        self.last_fields = None
        self.broken.clear()

    @rule(path=INPUTS, content=CONTENTS, before=st.booleans())
    def run_while_an_input_changes(self, path: str, content: str, before: bool) -> None:
        def change() -> None:
            tick(self.root)
            self.write(path, content, None)

        self.run(change, before=before)

    @invariant()
    def what_is_said_is_so(self) -> None:
        reason = self.project.why()
        if reason is not None:
            assert self.is_true(reason), reason
        elif not self.project.cache.restore:
            self.check_outputs()

    def check_outputs(self) -> None:
        for path, content in self.project.expected().items():
            assert (self.root / path).read_text() == content

    @rule()
    def run_if_needed(self) -> None:
        used = self.project.reuse()
        if isinstance(used, Replay):
            assert self.project.asked.fingerprint.key in self.kept.keys() - self.broken
            assert used.value == {"n": len(self.project.sources())}
        else:
            assert self.is_true(used), used
            self.run()
        self.check_outputs()

    def run(self, change: Callable[[], None] | None = None, before: bool = False) -> None:
        def make() -> Any:
            if change and before:
                change()
            value = self.project.join()
            if change and not before:
                change()
            return value

        self.project.make = make
        kept = self.project.run()
        if change is None:
            assert isinstance(kept, Kept)
        else:
            assert isinstance(kept, InputMoved)
        if isinstance(kept, Kept):
            key = self.project.asked.fingerprint.key
            self.kept[key] = Kepts(self.snapshot(), self.project.now, self.project.cache.ttl_s)
            self.last_fields = dict(kept.entry.fields)
            self.broken.discard(key)

    def snapshot(self) -> Snapshot:
        found: Snapshot = {}
        for top in ("src", "out", "conf"):
            for path in (self.root / top, *(self.root / top).rglob("*")):
                if path.is_symlink():
                    content = path.read_text() if path.is_file() else None
                    mode = stat.S_IMODE(path.stat().st_mode) if path.is_file() else 0
                    found[str(path.relative_to(self.root))] = (mode, f"{path.readlink()}: {content}")
                elif path.exists():
                    content = path.read_text() if path.is_file() else None
                    found[str(path.relative_to(self.root))] = (path.stat().st_mode, content)
        return found

    def is_true(self, reason: MissReason) -> bool:
        """Tell whether what ``reason`` says is so."""
        fingerprint = self.project.asked.fingerprint
        kept, now = self.kept.get(fingerprint.key), self.snapshot()
        match reason:
            case NothingKept():
                return kept is None and self.last_fields in (None, fingerprint.fields)
            case FieldChanged(field):
                return kept is None and (self.last_fields or {}).get(field) != fingerprint.fields.get(field)
            case EntryUnreadable():
                return fingerprint.key in self.broken
            case _ if kept is None:
                return False
            case Expired():
                ends = (each for each in (kept.ttl_s, self.project.cache.ttl_s) if each is not None)
                return self.project.now > kept.at + min(ends)
            case InputChanged(path) | OutputChanged(path):
                return path in kept.files and path in now and kept.files[path] != now[path]
            case InputGone(path) | OutputGone(path):
                return path in kept.files and path not in now
            case InputAppeared(path):
                return path not in kept.files and path in now
            case Forced() | CopyGone() | CopyCorrupt() | NotPutBack() | Unreadable():
                return False
            case _:
                assert_never(reason)


Life.TestCase.settings = settings(max_examples=100, stateful_step_count=30)
TestLife = Life.TestCase
