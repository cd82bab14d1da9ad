"""Which results may be used again, and what they depend on: as the user declares it.

Knows words and texts only. What is kept, and when it may be used, is decided in the room `cache`.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from weft.errors import UsageError
from weft.model.access import Accesses

# As much as ccache takes where its user says nothing.
CACHE_BYTES = 5 * 2**30


class Cache(msgspec.Struct, frozen=True):
    """What a task must find unchanged, so that it need not run again.

    Args:
        inputs: patterns like those of `reads`: the files that it depends on. None: its `reads`.
            A file that comes to match, or is gone, is a change. Weft's own folder never counts,
            `.git` only if a pattern names it.
        outputs: patterns of the files that it makes. None: its `writes`. They must be there as it
            left them, or it runs again.
        ttl_s: for how many seconds a result may be used; None: for ever.
        env: names of variables of the environment that it depends on. Those that the task itself
            sets always count.
        version: any text; another one makes all earlier results void. It also stands for what can't
            be compared in the code of a function, as a lock or a connection among its globals.
        restore: copies of the outputs are kept, and put back where they are missing or changed.

    >>> Cache(outputs=("out/",), ttl_s=3600).filled(Accesses(reads=("src/",))).inputs
    ('src/',)
    """

    inputs: tuple[str, ...] | None = None
    outputs: tuple[str, ...] | None = None
    ttl_s: float | None = None
    env: tuple[str, ...] = ()
    version: str = ""
    restore: bool = False

    def filled(self, accesses: Accesses | None) -> Cache:
        """Return this with what a task's ``accesses`` tell about inputs and outputs not told here."""
        known = accesses or Accesses()
        return msgspec.structs.replace(
            self,
            inputs=known.reads if self.inputs is None else self.inputs,
            outputs=known.writes if self.outputs is None else self.outputs,
        )


Cached = Cache | bool


def cache_of(given: Cached | None) -> Cache | None:
    """Return what a caller declares by a `Cache`, or by true or false.

    Raises:
        UsageError: it is something else.

    >>> cache_of(True) == Cache(), cache_of(False) is None
    (True, True)
    """
    if given is None or given is False:
        return None
    if given is True:
        return Cache()
    if not isinstance(given, Cache):
        raise UsageError(f"`cache` is {given!r}; expected true, false or a `weft.policy.Cache`")
    return msgspec.structs.replace(
        given,
        inputs=_texts("inputs", given.inputs),
        outputs=_texts("outputs", given.outputs),
        env=_texts("env", given.env) or (),
    )


def _texts(key: str, given: object) -> tuple[str, ...] | None:
    if given is None:
        return None
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise UsageError(f"`{key}` of a cache is {given!r}; expected a list of texts")
    return tuple(given)
