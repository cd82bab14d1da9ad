"""An argument that travels to each worker process once, however many calls use it.

In the pickle of a call there stands but its number. Whoever packs a call is told which ones stand in it, and
sends those ahead that the worker does not have yet. Where nothing is sent, it is replaced by the object
itself (`runtime.references`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from threading import Lock, local
from typing import Any, Generic, TypeVar

T = TypeVar("T")

_numbers = count()


class Shared(Generic[T]):
    """Stands among the arguments of calls for ``value``.

    The value is pickled when the first call that uses it is sent to a worker: what is changed later is not
    seen there.
    """

    __slots__ = ("__weakref__", "_inner", "_lock", "_pickle", "number", "value")

    def __init__(self, value: T) -> None:
        self.value = value
        self.number = next(_numbers)
        self._lock = Lock()  # several threads send calls
        self._pickle: bytes | None = None
        self._inner: list[Shared[Any]] = []

    def packed(self, dumps: Callable[[object], bytes]) -> tuple[bytes, list[Shared[Any]]]:
        """Return the pickle of the value, and the other shared arguments that stand in it."""
        with self._lock:
            if self._pickle is None:
                with collected() as inner:
                    self._pickle = dumps(self.value)
                self._inner = inner
            return self._pickle, self._inner

    def __reduce__(self) -> tuple[Any, ...]:
        into: list[Shared[Any]] | None = getattr(_packing, "into", None)
        if into is None:  # somebody else sends it, who knows nothing of us
            return _itself, (self.value,)
        into.append(self)
        return arrived, (self.number,)

    def __repr__(self) -> str:
        return f"shared({type(self.value).__qualname__})"


class _Packing(local):
    into: list[Shared[Any]] | None = None


_packing = _Packing()


@contextmanager
def collected() -> Iterator[list[Shared[Any]]]:
    """Collect the shared arguments that are pickled in this thread while the block runs."""
    outer = _packing.into
    found: list[Shared[Any]] = []
    _packing.into = found
    try:
        yield found
    finally:
        _packing.into = outer


def _itself(value: T) -> T:
    return value


# In a worker process.

_arrived: dict[int, Any] = {}
_broken: dict[int, BaseException] = {}


def arrive(number: int, load: Callable[[], Any]) -> None:
    """Keep what was sent ahead of a call; what can't be loaded is told to those calls that use it."""
    try:
        _arrived[number] = load()
    except BaseException as error:
        _broken[number] = error


def arrived(number: int) -> Any:
    """Return what was sent ahead."""
    if number in _broken:
        raise _broken[number]
    return _arrived[number]


def forget(number: int) -> None:
    """Let go of what no call will use any more."""
    _arrived.pop(number, None)
    _broken.pop(number, None)
