"""The names of the signals of this system."""

from __future__ import annotations

import signal
from collections.abc import Mapping

# With the names that are only another word for a signal, such as SIGPOLL.
NUMBERS: Mapping[str, int] = {name: int(number) for name, number in signal.Signals.__members__.items()}


def signal_name(number: int) -> str:
    """Return the name of a signal.

    >>> signal_name(15)
    'SIGTERM'
    """
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
