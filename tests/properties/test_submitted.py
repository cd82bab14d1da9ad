"""The central promise for tasks that are submitted one by one to an engine that runs already.

Random programs of functions that read and write real files. Each is submitted while others run; the files
must be those of doing them one after the other in the order of submission.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest
from tests.properties.fake_disk import mixed
from tests.properties.programs import COVERED, NARROW, WIDE, Doing, Write

from weft.model.outcome import Failed, Skipped, Succeeded
from weft.runtime.engine import Engine
from weft.runtime.handle import Handle

BLOCK = 75
AT_ONCE = 4
FOLDERS = ("d/e", "o")

Texts = tuple[str, ...]


class Part:
    """One task: what it declares, what it does, which of those before it are needed, when it is submitted."""

    def __init__(self, chance: Random, position: int) -> None:
        self.name = f"t{position}"
        self.reads = texts(chance)
        self.writes = texts(chance)
        self.doing = doing_of(chance, self.reads, self.writes)
        self.needs = [at for at in range(position) if chance.random() < 0.1]
        self.pauses = [chance.choice((0, 0, 1, 3)) for _ in range(len(self.doing.writes) + 2)]
        self.turns_before = chance.choice((0, 0, 0, 1, 5))


def texts(chance: Random) -> Texts:
    n_texts = chance.choice((0, 1, 1, 2))
    return tuple(chance.choice(WIDE if chance.random() < 0.1 else NARROW) for _ in range(n_texts))


def doing_of(chance: Random, reads: Texts, writes: Texts) -> Doing:
    """Return something that a task may do who has declared this."""
    seen = dict.fromkeys(file for text in reads for file in some(chance, COVERED[text]))
    made = dict.fromkeys(file for text in writes for file in some(chance, COVERED[text]))
    hows = ("replace", "replace", "append", "append", "remove")
    done = tuple(Write(file, chance.choice(hows)) for file in made)
    return Doing(tuple(seen), done, fails=chance.random() < 0.1)


def some(chance: Random, files: Sequence[str]) -> Sequence[str]:
    return chance.sample(files, chance.randint(1, len(files)))


def program(seed: int) -> list[Part]:
    chance = Random(seed)
    return [Part(chance, position) for position in range(chance.randint(2, 10))]


def fresh(root: Path) -> Path:
    for folder in FOLDERS:
        (root / folder).mkdir(parents=True)
    (root / "a.txt").write_text("from before")
    return root


def read(root: Path, doing: Doing) -> dict[str, str | None]:
    paths = {file: root / file for file in doing.reads}
    return {file: path.read_text() if path.exists() else None for file, path in paths.items()}


def carry_out(root: Path, write: Write, text: str) -> None:
    path = root / write.file
    if write.how == "remove":
        path.unlink(missing_ok=True)
    else:
        before = path.read_text() if write.how == "append" and path.exists() else ""
        path.write_text(before + text)


def body(root: Path, part: Part) -> Callable[[], Coroutine[Any, Any, None]]:
    """Return a function that does what ``part`` does, and lets others run in between."""

    async def work() -> None:
        pauses = iter(part.pauses)
        seen = read(root, part.doing)
        for write in part.doing.writes:
            await turns(next(pauses))
            carry_out(root, write, mixed(part.name, seen))
        await turns(next(pauses))
        own = {write.file for write in part.doing.writes}
        again = read(root, part.doing)
        assert all(again[file] == seen[file] for file in seen if file not in own), "changed while it was read"
        if part.doing.fails:
            raise ValueError

    return work


async def turns(number: int) -> None:
    for _ in range(number):
        await asyncio.sleep(0)


def one_by_one(root: Path, parts: Sequence[Part], skipped: set[str]) -> dict[str, str]:
    """Do the parts in order, without those ``skipped``; return the files."""
    for part in parts:
        if part.name not in skipped:
            seen = read(root, part.doing)
            for write in part.doing.writes:
                carry_out(root, write, mixed(part.name, seen))
    return files_in(root)


async def submitted(root: Path, parts: Sequence[Part]) -> tuple[dict[str, str], list[Handle]]:
    """Submit the parts to an engine, one by one while others run; return the files and the handles."""
    handles: list[Handle] = []
    async with Engine(max_concurrent=AT_ONCE, root=root) as engine:
        for part in parts:
            await turns(part.turns_before)
            needs = [handles[at] for at in part.needs]
            work = body(root, part)
            handles.append(
                engine.submit(work, id=part.name, needs=needs, reads=part.reads, writes=part.writes)
            )
    return files_in(root), handles


def files_in(root: Path) -> dict[str, str]:
    return {
        str(path.relative_to(root)): path.read_text()
        for path in sorted(root.rglob("*"))
        if path.is_file() and ".weft" not in path.parts
    }


def skipped_of(handles: Sequence[Handle]) -> set[str]:
    return {handle.id for handle in handles if isinstance(handle.outcome, Skipped)}


@pytest.mark.parametrize("start", range(0, 600, BLOCK))
def test_tasks_submitted_while_others_run_leave_the_files_of_one_by_one(start: int, tmp_path: Path) -> None:
    n_ended = n_skipped = 0
    for seed in range(start, start + BLOCK):
        parts = program(seed)
        files, handles = asyncio.run(submitted(fresh(tmp_path / f"{seed}"), parts))
        skipped = skipped_of(handles)
        for part, handle in zip(parts, handles, strict=True):
            lost = [at for at in part.needs if not isinstance(handles[at].outcome, Succeeded)]
            ended = Skipped if lost else Skipped | (Failed if part.doing.fails else Succeeded)
            assert isinstance(handle.outcome, ended), f"program({seed}): {handle.outcome}"
        assert files == one_by_one(fresh(tmp_path / f"{seed}-by-hand"), parts, skipped), f"program({seed})"
        n_ended += len(parts)
        n_skipped += len(skipped)
    assert 0 < n_skipped < n_ended / 4


def test_an_access_that_is_not_declared_is_seen_by_these_tests(tmp_path: Path) -> None:
    n_seen = 0
    for seed in range(100):
        parts = program(seed)
        for part in parts:
            part.reads = part.writes = ()
        files, handles = asyncio.run(submitted(fresh(tmp_path / f"{seed}"), parts))
        expected = one_by_one(fresh(tmp_path / f"{seed}-by-hand"), parts, skipped_of(handles))
        changed = any(
            isinstance(handle.outcome, Failed) and not part.doing.fails
            for part, handle in zip(parts, handles, strict=True)
        )
        n_seen += changed or files != expected
    assert n_seen > 20
