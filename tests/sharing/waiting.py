"""One who waits for what is shared, as a program with nothing else to do would."""

from __future__ import annotations

from collections.abc import Callable

from weft.sharing.base import ASK_EVERY_S, Ask, Lease, LockTaken, NotYet, Sharing, look_after_s


def wait(sharing: Sharing, ask: Ask, sleep: Callable[[float], object]) -> Lease:
    """Ask until there is a lease, and return it in time for its start.

    Args:
        sharing: whom to ask.
        ask: what is needed.
        sleep: waits for some seconds, and may raise to give up.
    """
    began = sharing.now()
    try:
        while not isinstance(answer := _in_time(sharing, ask), Lease):
            _pause(sharing, answer, sleep, began)
    except BaseException:
        sharing.withdraw(ask.id)
        raise
    return answer


def _in_time(sharing: Sharing, ask: Ask) -> Lease | NotYet:
    answer = sharing.acquire(ask)
    while isinstance(answer, Lease) and sharing.now() > answer.start_by:  # we were given no time to run
        sharing.settle(answer, {name: (0,) * len(asked.costs) for name, asked in ask.rates.items()})
        sharing.release(answer)
        answer = sharing.acquire(ask)
    return answer


def _pause(sharing: Sharing, answer: NotYet, sleep: Callable[[float], object], began: float) -> None:
    now = sharing.now()
    until = now + ASK_EVERY_S if answer.at is None else answer.at
    lacks_lock = any(isinstance(missing, LockTaken) for missing in answer.because)
    while now < until and (lacks_lock or sharing.freed() == answer.freed):
        sleep(min(until - now, look_after_s(now - began)))
        if lacks_lock:
            return
        now = sharing.now()
