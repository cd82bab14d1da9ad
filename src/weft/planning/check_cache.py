"""Can a task be cached as it is declared? Every mistake that can be told before anything runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import inf

from weft.errors import Problem
from weft.model.cache import Cache
from weft.model.task import Task
from weft.model.work import Command
from weft.planning.patterns import names_resource, pattern_problem


def of_task(entry: str, task: Task, cache: Cache) -> Iterator[Problem]:
    """Yield what is wrong with the ``cache`` of ``task``, which stands under ``entry``."""
    path = ("tasks", entry, "cache")
    if task.brings_back:
        return
    if task.is_merged_later:
        message = f"task `{entry}` is cached, and what it makes is brought back after it has ended"
        yield Problem(path, message, "write `merge: {at: task}`, and take it out of an atomic group")
    filled = cache.filled(task.accesses)
    if isinstance(task.work, Command) and task.accesses is None and cache.inputs is None:
        message = f"task `{entry}` is cached, and does not declare what it reads"
        yield Problem(path, message, "declare `reads:`, or `inputs:` of its cache; `[]` if it reads nothing")
    for key, other, patterns in (("inputs", "reads", filled.inputs), ("outputs", "writes", filled.outputs)):
        is_own = getattr(cache, key) is not None
        yield from _patterns(path, entry, key if is_own else other, patterns or (), is_own=is_own)
    if cache.ttl_s is not None and not 0 <= cache.ttl_s < inf:
        message = f"the cache of task `{entry}` has a ttl of {cache.ttl_s} s; expected 0 or more"
        yield Problem((*path, "ttl"), message)
    for number, name in enumerate(cache.env):
        if not name or "=" in name or "\0" in name:
            message = f"the cache of task `{entry}` depends on {name!r}, which is no name of a variable"
            yield Problem((*path, "env", number), message)


def _patterns(
    path: tuple[str, ...], entry: str, key: str, patterns: Sequence[str], *, is_own: bool
) -> Iterator[Problem]:
    for number, text in enumerate(patterns):
        if (what := pattern_problem(text)) is not None:
            if is_own:  # else it is told of `reads` and `writes`
                message = f"`{text}` under `{key}` of the cache of task `{entry}` is no pattern: {what}"
                yield Problem((*path, key, number), message)
        elif names_resource(text):
            message = f"task `{entry}` is cached, and its `{key}` name `{text}`, which is no file"
            hint = f"nobody can tell whether it has changed: write the {_OWN[key]} of its cache without it"
            yield Problem((*path, key, number) if is_own else ("tasks", entry, key, number), message, hint)


_OWN = {"reads": "`inputs`", "writes": "`outputs`", "inputs": "`inputs`", "outputs": "`outputs`"}
