"""The live display of a call with ``progress=True``."""

from __future__ import annotations

import os
import sys

from weft.live.choose import open_display
from weft.live.kinds import choose
from weft.runtime.engine import Engine
from weft.runtime.watch import Display


def live_display(engine: Engine) -> Display:
    """Open the display that suits standard error."""
    kind = choose(json=False, quiet=False, is_terminal=sys.stderr.isatty(), environment=os.environ)
    return open_display(
        kind, stdout=sys.stdout, stderr=sys.stderr, folder=engine.folder, queues=engine.queues
    )
