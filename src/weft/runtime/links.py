"""Symbolic links: where a path really leads, so that two ways to one file are known as one."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from weft.model.plan import Plan
from weft.planning.patterns import Ground, Resolve
from weft.planning.prepare import PreparedPlan, prepare


def prepare_on_disk(plan: Plan) -> PreparedPlan:
    """Return ``plan`` prepared with the symbolic links that there are in its directory now.

    Raises:
        PlanError: with every problem of the plan.
    """
    with _no_collection():
        return prepare(plan, ground_of(Path(plan.root)))


@contextmanager
def _no_collection() -> Iterator[None]:
    """Let Python not look for cycles of garbage: planning makes none, and much that would be looked at."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def ground_of(root: Path) -> Ground:
    """Return where a plan in ``root`` lies, and where its paths lead."""
    return Ground(os.path.realpath(root), resolver(root))


def resolver(root: Path) -> Resolve:
    """Return a function from a path, as a plan in ``root`` writes it, to that path without links.

    What lies below ``root`` comes back relative to it; what does not exist stays as it is written.
    """
    real_root = os.path.realpath(root)
    inside = real_root.rstrip(os.sep) + os.sep

    @cache  # tasks share folders, and looking for links in one costs a call to the system for each name
    def inside_of(folder: str) -> str:
        return os.path.realpath(os.path.join(real_root, folder)).rstrip(os.sep) + os.sep

    def resolve(path: str) -> str:
        folder, slash, name = path.rpartition(os.sep)
        if name in ("", ".", ".."):
            found = inside_of(path).rstrip(os.sep) or os.sep
        else:
            found = inside_of(folder or slash) + name
            if os.path.islink(found):
                found = os.path.realpath(found)
        if found == real_root:
            return "."
        return found[len(inside) :] if found.startswith(inside) else found

    return resolve
