"""References: results of other tasks among the arguments of a call.

A reference is a handle, or a `ResultOf` in a plan; it may stand alone or in lists, tuples and
dictionaries, down to `DEEPEST` levels.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from weft.errors import UsageError
from weft.model.work import Call, ResultOf, Work
from weft.runtime.handle import Handle

Reference = Handle | ResultOf

# Far deeper than anybody writes, and far from where Python's own stack ends.
DEEPEST = 100


def references(value: object, depth: int = 0) -> Iterator[Reference]:
    """Yield every reference in ``value``, in the order in which they stand.

    Raises:
        UsageError: ``value`` is nested too deeply, or contains itself.
    """
    if depth > DEEPEST:
        raise UsageError(
            f"an argument contains itself, or is nested more than {DEEPEST} levels deep\n"
            "  hint: put it into an object of your own, where no results are looked for"
        )
    if isinstance(value, Reference):
        yield value
    elif type(value) in (list, tuple):
        for item in value:  # type: ignore[attr-defined]  # narrowed by the exact type above
            yield from references(item, depth + 1)
    elif type(value) is dict:
        for item in value.values():
            yield from references(item, depth + 1)


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
