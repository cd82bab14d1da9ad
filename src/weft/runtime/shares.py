"""The desk at which a run asks other processes for what they share, and gives it back.

Asks in a thread of its own, as each question may take milliseconds, and answers with events. What was
refused is watched: when something of it was given back, somebody may ask again. Who asks for what is
decided in `scheduling`, and who gets it in `sharing`.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from time import monotonic
from typing import Any, assert_never

import msgspec

from weft.model.limits import Limit, Pool, units_of
from weft.model.rate import Rate, costs_of, true_costs
from weft.model.reason import TakenElsewhere
from weft.model.task import Task
from weft.scheduling.actions import ReturnShares
from weft.scheduling.events import Event, SharesAnswered, SharesMoved
from weft.scheduling.shared import Shares
from weft.sharing.base import (
    ASK_EVERY_S,
    TTL_S,
    Ask,
    CannotShare,
    Lease,
    LockTaken,
    Missing,
    NotYet,
    PoolAsked,
    PoolTaken,
    RateAsked,
    RateSpent,
    Sharing,
    look_after_s,
)

_log = logging.getLogger("weft.shares")

# A run has other tasks that could start, and minds more than one that has only to wait.
_MOST_LOOK_S = 0.05
# A place in the queue is given up if nobody of the run could come back to it for so long.
_KEEP_S = 1.0


class _Place:
    """The run's place in the queue for some shares: of the best of its tasks, whichever that is."""

    __slots__ = ("ask", "began", "expiry", "is_left", "moved")

    def __init__(self, ask: Ask, began: float) -> None:
        self.ask = ask
        self.began = began  # when it was asked first
        self.expiry: asyncio.TimerHandle | None = None  # runs while nobody of the run asks
        self.is_left = False
        self.moved = asyncio.Event()  # there is no need to wait any longer

    def stay(self) -> None:
        """Somebody asks again."""
        self.moved.clear()
        if self.expiry is not None:
            self.expiry.cancel()


class _Held(msgspec.Struct):
    """A lease, and the moment of `monotonic` after which its start does not keep to the rates."""

    lease: Lease
    late_at: float


class Desk:
    """Asks for the tasks of one run.

    Args:
        run_id: no other run has the same.
        limits: of the run.
        shares: which of them, and which locks, are shared.
        open_sharing: opens what is shared; called in the desk's thread, until it succeeds.
        post: takes the answers, in the event loop.
    """

    def __init__(
        self,
        run_id: str,
        limits: Mapping[str, Limit],
        shares: Shares,
        open_sharing: Callable[[], Sharing],
        post: Callable[[Event], None],
    ) -> None:
        self._run_id = run_id
        self._limits = limits
        self._shares = shares
        self._open_sharing = open_sharing
        self._post = post
        self._loop = asyncio.get_running_loop()
        self._thread = ThreadPoolExecutor(1, "weft-shares")
        self._sharing: Sharing | None = None  # used in the desk's thread only
        self._closed = asyncio.Event()
        self._busy: set[asyncio.Future[Any]] = set()
        self._n_places = 0
        self._places: dict[tuple[str, ...], _Place] = {}
        self._held: dict[int, _Held] = {}  # by position
        self._follow(self._renew())

    def ask(self, position: int, task: Task, shares: tuple[str, ...]) -> None:
        """Ask for ``shares``, as much as ``task`` needs; the answer comes as an event."""
        wanted = self._wanted(task, f"{self._run_id}/{self._n_places}")
        place = self._places.get(shares)
        if place is None or msgspec.structs.replace(wanted, id=place.ask.id) != place.ask:
            self.stop_asking(shares)
            self._n_places += 1
            place = self._places[shares] = _Place(wanted, monotonic())
        place.stay()
        answer = self._in_thread(self._acquire, place.ask)
        self._follow(self._hear(answer, position, shares, place))

    def stop_asking(self, shares: tuple[str, ...]) -> None:
        """Leave the queue for ``shares``, if the run stands in it."""
        place = self._places.pop(shares, None)
        if place is not None:
            place.stay()
            place.is_left = True
            place.moved.set()
            self._follow(self._in_thread(lambda: self._opened().withdraw(place.ask.id)))

    def started(self, position: int) -> None:
        """Take in that an attempt with what was granted has begun just now."""
        held = self._held.get(position)
        if held is not None and monotonic() > held.late_at:
            self._follow(self._in_thread(self._count_from_now, held))

    def tokens(self, position: int) -> Mapping[str, int]:
        """Return the fencing tokens of the locks that a task holds against other processes, by lock."""
        held = self._held.get(position)
        return held.lease.tokens if held is not None else {}

    def give_back(self, action: ReturnShares) -> None:
        """Give back what a task has got, and tell what it has cost."""
        returned = self._in_thread(self._return, self._held.pop(action.task), action)
        returned.add_done_callback(self._look_again)
        self._follow(returned)

    async def close(self) -> None:
        """Give everything back; nothing when that was done before."""
        if self._closed.is_set():
            return
        self._closed.set()
        for place in self._places.values():
            place.stay()
            place.moved.set()
        while self._busy:
            await asyncio.wait(self._busy)
        self._follow(self._in_thread(self._close))
        await asyncio.wait(self._busy)
        self._thread.shutdown()

    # In the event loop

    def _in_thread(self, do: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:
        return self._loop.run_in_executor(self._thread, do, *args)

    def _follow(self, work: Coroutine[Any, Any, None] | asyncio.Future[Any]) -> None:
        future = asyncio.ensure_future(work)
        self._busy.add(future)
        future.add_done_callback(self._done)

    def _done(self, future: asyncio.Future[Any]) -> None:
        self._busy.discard(future)
        if not future.cancelled() and (error := future.exception()) is not None:
            # What was done is done; and what a process holds comes back at its end in any case.
            _log.error("what is shared with other processes can't be given back or renewed: %s", error)

    def _look_again(self, _: asyncio.Future[Any]) -> None:
        """Something was given back, and others of this run need not find out by looking."""
        for place in self._places.values():
            place.moved.set()

    def _wanted(self, task: Task, id: str) -> Ask:
        pools: dict[str, PoolAsked] = {}
        rates: dict[str, RateAsked] = {}
        for name in self._shares.limits_of(task):
            match self._limits[name]:
                case Pool(size=size):
                    pools[name] = PoolAsked(units_of(task.limits[name]), size)
                case Rate() as rate:
                    rates[name] = RateAsked(rate, costs_of(rate, task.limits[name]))
        return Ask(id, pools, rates, {name: task.locks[name] for name in self._shares.locks_of(task)})

    async def _hear(
        self, answering: asyncio.Future[Any], position: int, shares: tuple[str, ...], place: _Place
    ) -> None:
        try:
            answer, until = await answering
        except Exception as error:  # noqa: BLE001  # nobody may wait for an answer that never comes
            self._forget(shares, place)
            self._post(SharesAnswered(position, shares, False, problem=str(error) or repr(error)))
            return
        if isinstance(answer, Lease):
            self._forget(shares, place)
            self._held[position] = _Held(answer, until)
            self._post(SharesAnswered(position, shares, True))
            return
        because = tuple([_reason(missing) for missing in answer.because])
        self._post(SharesAnswered(position, shares, False, because))
        try:
            await self._watch(place, answer, until)
        finally:
            self._post(SharesMoved(shares))
            if not place.is_left and not self._closed.is_set():
                place.expiry = self._loop.call_later(_KEEP_S, self.stop_asking, shares)

    def _forget(self, shares: tuple[str, ...], place: _Place) -> None:
        if self._places.get(shares) is place:
            del self._places[shares]

    async def _watch(self, place: _Place, answer: NotYet, until: float) -> None:
        """Return when it makes sense to ask again, which is at ``until`` if not before."""
        lacks_lock = any(isinstance(missing, LockTaken) for missing in answer.because)
        while not place.moved.is_set():
            now = monotonic()
            look_s = look_after_s(now - place.began, _MOST_LOOK_S)
            await _within(min(look_s, until - now), place.moved)
            if lacks_lock or monotonic() >= until or await self._in_thread(self._freed) != answer.freed:
                return

    async def _renew(self) -> None:
        """Let those who can't see this process know that it is alive."""
        while not self._closed.is_set():
            await _within(TTL_S / 4, self._closed)
            if self._held and not self._closed.is_set():
                try:
                    await self._in_thread(lambda: self._opened().renew())
                except CannotShare as error:
                    _log.error("other processes can't be told that this one is alive: %s", error)

    # In the desk's thread

    def _opened(self) -> Sharing:
        if self._sharing is None:
            self._sharing = self._open_sharing()
        return self._sharing

    def _freed(self) -> int:
        return self._opened().freed()

    def _acquire(self, ask: Ask) -> tuple[Lease | NotYet, float]:
        """Return the answer, and the moment by which to start, or to ask again."""
        sharing = self._opened()
        try:
            answer = sharing.acquire(ask)
        except CannotShare:
            with suppress(CannotShare):
                sharing.withdraw(ask.id)  # from an earlier question there may be a place in the queue
            raise
        here = monotonic()  # looked at before the other clock: so the moment is never later than it is there
        now = sharing.now()
        if isinstance(answer, Lease):
            moment = answer.start_by
        else:
            moment = now + ASK_EVERY_S if answer.at is None else answer.at
        return answer, moment - now + here

    def _count_from_now(self, held: _Held) -> None:
        """Let a start that came late count from now on: first that, so that it always counts."""
        sharing, lease = self._opened(), held.lease
        taken = {name: reserved.costs for name, reserved in lease.reservations.items()}
        nothing = {name: (0,) * len(costs) for name, costs in taken.items()}
        now = sharing.now()
        held.lease = _with(lease, {name: (now, costs) for name, costs in taken.items()})
        sharing.settle(_with(lease, {name: (now, costs) for name, costs in nothing.items()}), taken)
        sharing.settle(lease, nothing)

    def _return(self, held: _Held, action: ReturnShares) -> None:
        sharing, lease = self._opened(), held.lease
        actual = {
            name: (0,) * len(reserved.costs)
            if action.costs is None
            else true_costs(self._rate(name).windows, name, reserved.costs, action.costs)
            for name, reserved in lease.reservations.items()
        }
        if actual:
            sharing.settle(lease, actual)
        for name in action.refused:
            sharing.refused(lease, name, action.retry_after_s)
        sharing.release(lease)

    def _rate(self, name: str) -> Rate:
        rate = self._limits[name]
        assert isinstance(rate, Rate), f"a lease of {name}, which is {rate}"
        return rate

    def _close(self) -> None:
        if self._sharing is not None:
            self._sharing.close()


async def _within(seconds: float, event: asyncio.Event) -> None:
    """Return when ``event`` is set, but no later than in so many seconds."""
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except TimeoutError:
        pass


def _with(lease: Lease, reserved: Mapping[str, tuple[float, tuple[int, ...]]]) -> Lease:
    """Return ``lease`` with moments and costs in place of those that were reserved, by rate."""
    reservations = {
        name: msgspec.structs.replace(lease.reservations[name], moment=moment, costs=costs)
        for name, (moment, costs) in reserved.items()
    }
    return msgspec.structs.replace(lease, reservations=reservations)


def _reason(missing: Missing) -> TakenElsewhere:
    match missing:
        case PoolTaken(share, _, holders):
            return TakenElsewhere(share, tuple(map(str, holders)))
        case LockTaken(share, owners):
            return TakenElsewhere(share, tuple(str(owner) for owner in owners if owner))
        case RateSpent(share):
            return TakenElsewhere(share)
        case _:
            assert_never(missing)


def open_sharing() -> Sharing:
    """Open what all Weft processes of this user share.

    Raises:
        CannotShare: it can't be reached.
    """
    # Most runs share nothing, and need neither SQLite nor file locks.
    from weft.sharing.home import sharing_folder  # noqa: PLC0415
    from weft.sharing.sqlite import SqliteSharing  # noqa: PLC0415

    return SqliteSharing(sharing_folder(os.environ))


def open_impatient() -> Sharing:
    """Open the same for a run that does not wait for others.

    Raises:
        CannotShare: it can't be reached.
    """
    from weft.sharing.impatient import Impatient  # noqa: PLC0415  # as above

    return Impatient(open_sharing())
