"""Which results may be used again, and what they depend on: as the user declares it.

Knows words and texts only. What is kept, and when it may be used, is decided in the room `cache`.
"""

from __future__ import annotations

import msgspec

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
