"""A back-end for those who don't want to wait for others: who finds something taken is told so instead.

A rate that is spent is waited for nevertheless: nobody holds it, and it is known when it is due.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from weft.sharing.base import Ask, CannotShare, Lease, LockTaken, Missing, NotYet, PoolTaken, Sharing
from weft.sharing.owner import Owner, this_process


class Impatient:
    """Asks ``sharing``. It is what `base.Sharing` describes, but that `acquire` does not let anybody wait."""

    def __init__(self, sharing: Sharing) -> None:
        self._sharing = sharing

    def acquire(self, ask: Ask) -> Lease | NotYet:
        """Take all of ``ask``.

        Raises:
            CannotShare: another process has something of it, or comes first.
        """
        answer = self._sharing.acquire(ask)
        if isinstance(answer, NotYet) and (taken := list(_taken_by_others(answer.because))):
            self._sharing.withdraw(ask.id)
            raise CannotShare(f"{'; '.join(taken)}; and it was not to be waited for")
        return answer

    def now(self) -> float:
        """Return the present moment."""
        return self._sharing.now()

    def withdraw(self, ask_id: str) -> None:
        """Leave the queue."""
        self._sharing.withdraw(ask_id)

    def settle(self, lease: Lease, actual: Mapping[str, tuple[int, ...]]) -> None:
        """Tell what the start has cost in truth."""
        self._sharing.settle(lease, actual)

    def refused(self, lease: Lease, rate: str, retry_after_s: float = 0.0) -> None:
        """Tell that the other side has refused the start."""
        self._sharing.refused(lease, rate, retry_after_s)

    def renew(self) -> None:
        """Tell those who can't see this process that it is alive."""
        self._sharing.renew()

    def release(self, lease: Lease) -> None:
        """Give back pools and locks."""
        self._sharing.release(lease)

    def freed(self) -> int:
        """Return a number that moves when something is given back."""
        return self._sharing.freed()

    def close(self) -> None:
        """Release all leases, leave all queues."""
        self._sharing.close()


def _taken_by_others(because: Iterable[Missing]) -> Iterable[str]:
    for missing in because:
        if isinstance(missing, PoolTaken) and (others := _others(missing.holders)):
            yield f"{others} has all but {missing.free} of `{missing.pool}`"
        elif isinstance(missing, LockTaken) and (others := _others(missing.holders)):
            yield f"lock `{missing.lock}` is held by {others}"


def _others(holders: Iterable[Owner | None]) -> str:
    us = this_process()
    others = dict.fromkeys(holder for holder in holders if holder != us)
    return ", ".join(str(other or "a process whose name can't be read") for other in others)
