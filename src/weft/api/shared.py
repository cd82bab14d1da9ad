"""`shared`: an argument that each worker process gets once."""

from __future__ import annotations

from typing import TypeVar, cast

from weft.executors.shared import Shared

T = TypeVar("T")


def shared(value: T) -> T:
    """Return what stands for ``value`` among the arguments of tasks, so that a worker process gets it once.

    Without it, an argument is pickled for each call. The function gets the value itself, also where it stands
    in lists, tuples and dictionaries or is held by `functools.partial`. In threads and in the event loop that
    is the very object.

    It must not be changed: what is changed after the first call is not seen in the workers, and what a
    function changes in one of them stays there, for whoever comes next. A worker forgets it when nothing here
    stands for it any more.

    >>> from functools import partial
    >>> from weft import map
    >>> def look_up(index, word):
    ...     return index[word]
    >>> index = shared({"weft": 7})
    >>> map(partial(look_up, index), ["weft"])
    [7]
    """
    # Those who check types see the value, for that is what the function gets.
    return cast("T", Shared(value))
