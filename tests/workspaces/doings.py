"""Random trees, and random things that tasks do to files, by force: whatever is in the way is gone."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
from hypothesis import strategies as st
from tests.workspaces.trees import put, remove

# Few names, so that tasks meet; some odd, and some that sort between a directory and what is in it.
NAMES = ["a", "b", "a-b", "b.c", os.fsdecode(b"\xff")]
PATHS = st.lists(st.sampled_from(NAMES), min_size=1, max_size=3).map("/".join)


class Put(msgspec.Struct, frozen=True):
    """A file with this text, a link, or an empty directory stands there; see `trees.put`."""

    path: str
    text: str | None


class Remove(msgspec.Struct, frozen=True):
    """Nothing stands there."""

    path: str


class Move(msgspec.Struct, frozen=True):
    """What stands there, if anything, gets another name."""

    path: str
    to: str


class SetMode(msgspec.Struct, frozen=True):
    """What stands there, if anything and no link, gets another mode."""

    path: str
    mode: int


Doing = Put | Remove | Move | SetMode


def do(root: Path, doing: Doing) -> None:
    """Do it below ``root``."""
    match doing:
        case Put(path, text):
            put(root, path, text)
        case Remove(path):
            remove(root, path)
        case Move(path, to):
            if is_there(root, path) and not f"{to}/".startswith(f"{path}/"):
                put(root, to, None)
                remove(root, to)
                if is_there(root, path):  # and has not been in the way of the new name
                    (root / path).rename(root / to)
        case SetMode(path, mode):
            if is_there(root, path) and not (root / path).is_symlink():
                (root / path).chmod(mode | (0o700 if (root / path).is_dir() else 0o400))


def is_there(root: Path, path: str) -> bool:
    """Tell whether something stands there, without following a link on the way."""
    place = root / path
    links = (root / folder for folder in place.relative_to(root).parents[:-1])
    return os.path.lexists(place) and not any(folder.is_symlink() for folder in links)


def base_trees() -> st.SearchStrategy[list[Put]]:
    """Return trees as the doings that make them, each file with a content of its own."""
    paths = st.lists(PATHS, max_size=8)
    kinds = st.lists(st.sampled_from(["file", "file", "folder", "link"]), min_size=8, max_size=8)
    return st.builds(
        lambda paths, kinds: [
            Put(path, {"file": f"base {number}", "folder": None, "link": f"-> base {number}"}[kind])
            for number, (path, kind) in enumerate(zip(paths, kinds, strict=False))
        ],
        paths,
        kinds,
    )


def any_doings(task: str) -> st.SearchStrategy[list[Doing]]:
    """Return what a task does; each file that it writes has a content of its own."""
    contents = st.integers(0, 999).map(lambda number: f"{task} {number}")
    texts = contents | contents.map("-> {}".format) | st.none()
    doing = st.one_of(
        st.builds(Put, PATHS, texts),
        st.builds(Put, PATHS, contents),
        st.builds(Remove, PATHS),
        st.builds(Move, PATHS, PATHS),
        st.builds(SetMode, PATHS, st.sampled_from([0o600, 0o644, 0o755])),
    )
    return st.lists(doing, max_size=5)


def effective(base: Path, doings: list[Doing]) -> list[Doing]:
    """Return those that change what was there before, each somewhere else than the others.

    What the others do in a sequential run depends on nothing but that: to remove what is not there, to write
    and remove again, or to move what somebody has changed, has another meaning in a tree of one's own.
    """
    chosen: list[Doing] = []
    for doing in doings:
        apart = all(
            not f"{doing.path}/".startswith(f"{other.path}/")
            and not f"{other.path}/".startswith(f"{doing.path}/")
            for other in chosen
        )
        match doing:
            case Put(path, None):
                is_effective = not is_there(base, path) or not (base / path).is_dir()
            case Put():
                is_effective = True
            case Remove(path):
                is_effective = is_there(base, path)
            case _:
                is_effective = False
        if apart and is_effective:
            chosen.append(doing)
    return chosen
