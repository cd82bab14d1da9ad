"""References: results of other tasks among the arguments of a call; and what stands there to be shared.

A reference is a handle, or a `ResultOf` in a plan. It may stand alone or in lists, tuples and dictionaries,
down to `DEEPEST` levels, and so may what is `Shared`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from weft.errors import UsageError
from weft.executors.shared import Shared
from weft.model.outcome import Succeeded
from weft.model.work import Call, ResultOf, Work
from weft.runtime.handle import Handle

Reference = Handle | ResultOf

# Far deeper than anybody writes, and far from where Python's own stack ends.
DEEPEST = 100


def stand_ins(value: object, depth: int = 0) -> Iterator[Reference | Shared[Any]]:
    """Yield all that stands in ``value`` for something else, in the order in which it stands.

    Raises:
        UsageError: ``value`` is nested too deeply, or contains itself.
    """
    if depth > DEEPEST:
        raise UsageError(
            f"an argument contains itself, or is nested more than {DEEPEST} levels deep\n"
            "  hint: put it into an object of your own, where no results are looked for"
        )
    if isinstance(value, Handle | ResultOf | Shared):
        yield value
    elif type(value) in (list, tuple):
        for item in value:  # type: ignore[attr-defined]  # narrowed by the exact type above
            yield from stand_ins(item, depth + 1)
    elif type(value) is dict:
        for item in value.values():
            yield from stand_ins(item, depth + 1)


def references(value: object) -> Iterator[Reference]:
    """Yield every reference in ``value``; see `stand_ins`."""
    return (found for found in stand_ins(value) if not isinstance(found, Shared))


def references_of(work: Work) -> tuple[Reference, ...]:
    """Return every reference among the arguments of ``work``."""
    if isinstance(work, Call) and work.refers:
        return (*references(work.args), *references(work.kwargs))
    return ()


def filled_in(value: Any, results: Mapping[str, Any]) -> Any:
    """Return ``value`` with every reference replaced by the result of its task.

    A `ResultOf` is looked up in ``results`` by id; a handle has its result itself. What holds no
    reference is handed on as it is, not copied.

    >>> filled_in(["a", {"k": ResultOf("t")}], {"t": 7})
    ['a', {'k': 7}]
    """
    if isinstance(value, ResultOf):
        return results[value.task]
    if isinstance(value, Handle):
        return value.value
    if next(references(value), None) is None:
        return value
    if type(value) is dict:
        return {key: filled_in(item, results) for key, item in value.items()}
    return type(value)(filled_in(item, results) for item in value)


def unshared(value: Any) -> Any:
    """Return ``value``, be it a partial function, with the object itself wherever it is `Shared`.

    >>> unshared([Shared("index"), {"k": 7}])
    ['index', {'k': 7}]
    """
    if isinstance(value, Shared):
        return value.value
    if type(value) is partial:
        return partial(value.func, *unshared(value.args), **unshared(value.keywords))
    if not any(isinstance(found, Shared) for found in stand_ins(value)):
        return value
    if type(value) is dict:
        return {key: unshared(item) for key, item in value.items()}
    return type(value)(unshared(item) for item in value)


def results_of(needed: Sequence[Handle]) -> Iterator[tuple[str, Any]]:
    """Yield ids and results of those that have one: of a group that is needed, some may have failed."""
    for handle in needed:
        if isinstance(handle.outcome, Succeeded):
            yield handle.id, handle.value
