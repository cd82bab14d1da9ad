"""A small plan on disk with one task that can be cached, and the ways in which its files change."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from weft.cache.inputs import Look
from weft.cache.key import Fingerprints
from weft.cache.store import Asked, Hit, Kept, Miss, NotKept, Replay, Store
from weft.model.cache import Cache
from weft.model.miss import MissReason, NotKeptReason
from weft.model.work import Command

NOW = 1_000_000.0
LATER_NS = 1 << 62  # a clock by which no file is young
TASK = Cache(inputs=("src/", "conf"), outputs=("out/",))


def write(root: Path, path: str, content: str = "", *, mtime_ns: int | None = None) -> Path:
    file = root / path
    file.resolve().parent.mkdir(parents=True, exist_ok=True)  # it may be a link that leads nowhere
    file.write_text(content, errors="surrogateescape")
    if mtime_ns is not None:
        os.utime(file, ns=(mtime_ns, mtime_ns))
    return file


def tick(root: Path) -> None:
    """Return when the clock of the file system has moved on."""
    file = root / ".clock"
    file.write_bytes(b"")
    start = file.stat().st_ctime_ns
    while file.stat().st_ctime_ns == start:
        file.write_bytes(b"")
    file.unlink()


class Project:
    """``root`` with a cache in it; ``make`` is what its task does.

    ``aged`` tells whether files that were not touched since a look are trusted without reading them.
    """

    def __init__(self, root: Path, cache: Cache = TASK, *, aged: bool = True) -> None:
        self.root = root
        self.cache = cache
        self.command = Command("make")
        self.environment: Mapping[str, str] = {}
        self.now = NOW
        self.make: Callable[[], Any] = self.join
        self.n_made = 0
        self.store = Store(root / ".weft" / "cache")
        self._clock: dict[str, Any] = {"clock_ns": lambda: LATER_NS} if aged else {}
        if not (root / "conf").exists():  # which comes last: one that was killed may have begun
            write(root, "src/a", "a")
            write(root, "src/b", "b")
            write(root, "conf", "c")

    def join(self) -> Any:
        """Put all inputs into one output, and their names into another."""
        sources = self.sources()
        for path, content in self.expected().items():
            write(self.root, path, content)
        return {"n": len(sources)}

    def sources(self) -> list[Path]:
        paths = (*(self.root / "src").rglob("*"), self.root / "conf")
        return sorted(path for path in paths if path.is_file())

    def expected(self) -> dict[str, str]:
        """Return what the task makes of its inputs."""
        sources = self.sources()
        names = " ".join(f"{path.name}:{path.stat().st_mode:o}" for path in sources)
        return {"out/all": "".join(path.read_text() for path in sources), "out/names/all": names}

    @property
    def asked(self) -> Asked:
        fingerprint = Fingerprints(self.environment).of(self.command, self.cache)
        return Asked("make", fingerprint, self.cache)

    def look(self) -> Look:
        return Look(self.root, **self._clock)

    def look_up(self) -> Hit | Miss:
        return self.store.look_up(self.asked, self.look(), self.now)

    def why(self) -> MissReason | None:
        """Return why the task would run, None if it would not."""
        verdict = self.look_up()
        return verdict.reason if isinstance(verdict, Miss) else None

    def reuse(self) -> Replay | MissReason:
        verdict = self.look_up()
        used = self.store.use(verdict, self.look()) if isinstance(verdict, Hit) else verdict
        return used.reason if isinstance(used, Miss) else used

    def run(self, **logs: str) -> Kept | NotKeptReason:
        """Run the task, whatever is kept."""
        asked, look = self.asked, self.look()
        before = self.store.before(asked, look)
        assert not isinstance(before, NotKept)
        value = self.make()
        self.n_made += 1
        kept = self.store.keep(asked, look, before, value, logs, self.now)
        return kept.reason if isinstance(kept, NotKept) else kept

    def declare(self, **changes: Any) -> None:
        self.cache = msgspec.structs.replace(self.cache, **changes)
