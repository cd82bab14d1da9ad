"""`subscribe`: hear of what happens in every run of this program."""

from __future__ import annotations

from collections.abc import Callable

from weft.runtime.subscription import EVERYWHERE, Subscription
from weft.scheduling.facts import Fact


def subscribe(callback: Callable[[Fact], object]) -> Subscription:
    """Call ``callback`` with every fact of every run that begins from now on, until it is closed.

    It is called in a thread of its own: it can neither slow down a run nor break it. If it can't keep up,
    facts are dropped, and counted in ``dropped``; if it raises, that is logged under `weft.subscribe`, and it
    is called no more. `Engine.subscribe` does the same for one engine.

    Args:
        callback: is given one fact at a time; what there is stands in `weft.scheduling.facts`.

    >>> from weft import map
    >>> names = []
    >>> with subscribe(lambda fact: names.append(type(fact).__name__)):
    ...     map(abs, [-1])
    [1]
    >>> names
    ['RunStarted', 'TaskAdded', 'AttemptStarted', 'AttemptEnded', 'TaskEnded', 'RunEnded']
    """
    return EVERYWHERE.add(Subscription(callback))
