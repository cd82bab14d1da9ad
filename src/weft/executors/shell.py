"""Commands, each in its own session and process group, with its output in files.

Knows attempts, outcomes and the helper processes that start commands (`spawner`). What a result
looks like is left to `result`; when a command runs, and whether again, is decided by others.

No thread waits for a child, in this process or in a helper.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Collection, Mapping
from typing import Any

import msgspec

from weft.executors import family, wire
from weft.executors.base import Ended, Spawn
from weft.executors.current import Witness
from weft.executors.result import read_result
from weft.executors.retry_after import asked_in
from weft.executors.told_cost import costs_in
from weft.model.attempt import Attempt
from weft.model.outcome import Cancelled, Failed, Outcome, Succeeded
from weft.model.reason import BadResult, CancelAsked, CouldNotStart, Exited, Killed

# A helper needs up to twice its grace to end what does not want to; then it is ended itself.
CLOSE_WITHIN_S = 2 * wire.GRACE_S + 3.0

# A helper is ready in half the time if it leaves out `weft/__init__.py`, with all that this imports.
HELPER = """
import sys
weft = type(sys)("weft")
weft.__path__ = sys.argv[2:]
sys.modules["weft"] = weft
from weft.executors.spawner import main
main()
"""


class _Running(msgspec.Struct):
    """A command that a helper was asked to start; ``pid`` once the helper has told."""

    attempt: Attempt
    job: Spawn
    pid: int | None = None


class _Helper:
    """One spawn helper and the line to it; remembers what it was asked to run, by key."""

    def __init__(
        self,
        setup: wire.Message,
        answered: Callable[[_Helper, list[Any]], None],
        lost: Callable[[_Helper], None],
    ) -> None:
        self.running: dict[int, _Running] = {}
        self._loop = asyncio.get_running_loop()
        self._answered = answered
        self._lost = lost
        self._gone = self._loop.create_future()
        self._unframer = wire.Unframer()
        self._unsent = bytearray()
        self._process, self._socket = _launch()
        self._loop.add_reader(self._socket, self._receive)
        self.tell(setup)

    def tell(self, message: wire.Message) -> None:
        """Send a message, at once if there is room for it."""
        waits = bool(self._unsent)
        self._unsent += wire.frame([message])
        if not waits:
            self._send()
            if self._unsent:
                self._loop.add_writer(self._socket, self._go_on_sending)

    def _go_on_sending(self) -> None:
        self._send()
        if not self._unsent:
            self._loop.remove_writer(self._socket)

    def _send(self) -> None:
        try:
            while self._unsent:
                del self._unsent[: self._socket.send(self._unsent)]
        except BlockingIOError:
            pass
        except OSError:  # it died: the reader finds out, after its last answers
            self._unsent.clear()

    def _receive(self) -> None:
        try:
            data = self._socket.recv(wire.READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            self._answered(self, self._unframer.feed(data))
        else:
            self._bury()

    def _bury(self) -> None:
        """Give back everything of a helper that has ended, or has to end now."""
        if self._gone.done():
            return
        self._gone.set_result(None)
        self._loop.remove_writer(self._socket)
        self._loop.remove_reader(self._socket)
        self._socket.close()
        self._process.kill()  # it has closed its end, and so is dead or as good as dead
        self._process.wait()
        self._lost(self)

    async def close(self) -> None:
        """Let the helper end, with whatever it still runs, and wait for that."""
        try:
            self._socket.shutdown(socket.SHUT_WR)
            await asyncio.wait([self._gone], timeout=CLOSE_WITHIN_S)
        except OSError:
            pass  # it died just now
        finally:
            self._bury()


def _launch() -> tuple[subprocess.Popen[bytes], socket.socket]:
    """Start a helper process; answer it and our end of the line to it."""
    # It must turn names into bytes as this process does.
    utf8 = sys.getfilesystemencoding() == "utf-8"
    options = ["-I", "-S", "-X", f"utf8={utf8:d}", *(["-B"] if sys.dont_write_bytecode else [])]
    weft = os.path.dirname(os.path.dirname(__file__))
    command = [sys.executable, *options, "-c", HELPER, str(os.getpid()), weft]
    ours, theirs = socket.socketpair()
    with theirs:
        try:
            process = subprocess.Popen(
                command, stdin=theirs.fileno(), stdout=subprocess.DEVNULL, cwd="/", start_new_session=True
            )
        except OSError:
            ours.close()
            raise
    ours.setblocking(False)
    return process, ours


class ShellExecutor:
    """Runs commands through at most ``helpers`` spawn helpers, which are started when needed.

    To be made inside a running event loop. Commands inherit the environment of this moment.

    Args:
        ended: called with the outcome of every attempt.
        witness: told what commands have cost.
        helpers: as many commands as this are started at the same time.
        spool: a folder for output of which it is not known yet whether there is any; made when
            needed. It must be on the file system on which the outputs have their places.
        additions: to the environment of this process.
        opened: files that each command has open by these numbers, opened anew for it.
    """

    def __init__(
        self,
        ended: Ended,
        witness: Witness | None = None,
        *,
        helpers: int,
        spool: str,
        additions: Mapping[str, str] = {},
        opened: Mapping[int, str] = {},
    ) -> None:
        assert helpers >= 1, helpers
        self._loop = asyncio.get_running_loop()
        self._ended = ended
        self._witness = witness
        self._n_helpers = helpers
        self._helpers: list[_Helper] = []
        self._setup = (wire.SETUP, {**os.environ, **additions}, spool, dict(opened))
        self._where: dict[Attempt, tuple[_Helper, int]] = {}
        self._last_key = 0

    def start(self, attempt: Attempt, job: Spawn) -> None:
        """Start a command; its program is looked up in the ``PATH`` that it is given."""
        try:
            helper = self._choose()
        except OSError as error:
            outcome = Failed(CouldNotStart(f"can't start a process that starts commands: {error}"))
            self._loop.call_soon(self._ended, attempt, outcome)
            return
        self._last_key = key = self._last_key + 1
        helper.running[key] = _Running(attempt, job)
        self._where[attempt] = (helper, key)
        command = (job.stdout, job.stderr, job.earlier, job.argv, job.cwd, job.env)
        try:
            helper.tell((wire.START, key, *command))
        except ValueError:  # a string that is an enum's member, say
            helper.tell((wire.START, key, *_plain(job)))

    def stop(self, attempt: Attempt, *, force: bool) -> None:
        """Send TERM to the session of the command, or with ``force`` KILL to all that it has started."""
        if attempt not in self._where:
            return
        helper, key = self._where[attempt]
        # A process that is suspended sees TERM only when it goes on.
        for number in (signal.SIGKILL,) if force else (signal.SIGTERM, signal.SIGCONT):
            helper.tell((wire.SIGNAL, key, int(number)))

    async def close(self) -> None:
        """End the helpers, and what still runs, without holding up the loop."""
        await asyncio.gather(*[helper.close() for helper in self._helpers])

    def _choose(self) -> _Helper:
        """The helper with least to do; a new one if all are busy and one more may be started."""
        least = min(self._helpers, key=lambda helper: len(helper.running), default=None)
        if least is not None and (not least.running or len(self._helpers) >= self._n_helpers):
            return least
        try:
            self._helpers.append(_Helper(self._setup, self._answered, self._lost))
        except OSError:
            if least is None:
                raise
            return least
        return self._helpers[-1]

    def _answered(self, helper: _Helper, answers: list[Any]) -> None:
        for kind, key, value in answers:
            if kind == wire.STARTED:
                helper.running[key].pid = value
                continue
            running = helper.running.pop(key)
            del self._where[running.attempt]
            if running.job.tells_costs:
                self._tell_costs(running)
            self._ended(running.attempt, _outcome(kind, value, running.job))

    def _tell_costs(self, running: _Running) -> None:
        costs = costs_in(running.job.stderr, running.job.stdout)
        if costs and self._witness is not None:
            self._witness.tell(running.attempt, costs)

    def _lost(self, helper: _Helper) -> None:
        """End the commands of a helper that has gone: nobody waits for them any more."""
        self._helpers.remove(helper)
        if helper.running:
            _end_abandoned(helper.running.values())
        for running in helper.running.values():
            del self._where[running.attempt]
            self._ended(running.attempt, _abandoned(running))


def _plain(job: Spawn) -> wire.Message:
    """What is told of a command, made of what can be sent: the very types, none derived from them."""
    plain = str.__str__
    argv = [plain(argument) for argument in job.argv]
    env = {plain(name): plain(value) for name, value in job.env.items()}
    return (plain(job.stdout), plain(job.stderr), job.earlier, argv, plain(job.cwd), env)


def _outcome(kind: int, value: Any, job: Spawn) -> Outcome:
    if kind == wire.NOT_STARTED:
        return Failed(CouldNotStart(value))
    if kind == wire.STOPPED:
        return Cancelled(CancelAsked())
    if kind == wire.NOT_KEPT:
        return Failed(BadResult(value))
    outcome = read_result(job.stdout, job.result) if value == 0 else None
    if isinstance(outcome, Succeeded):
        return outcome
    because = outcome.because if outcome else Exited(value) if value > 0 else Killed(-value)
    return Failed(because, retry_after_s=asked_in(job.stderr, job.stdout))


def _end_abandoned(commands: Collection[_Running]) -> None:
    """Kill commands whose helper has gone, also those whose start it has not told of."""
    started = [running.pid for running in commands if running.pid is not None]
    marks = [mark for running in commands for mark in family.mark_of(running.job.env)]
    family.kill([*started, *family.marked(family.everybody(), marks)])
    for pid in started:
        try:
            os.killpg(pid, signal.SIGKILL)
        except OSError:
            pass  # it has just ended


def _abandoned(running: _Running) -> Outcome:
    if running.pid is None:
        return Failed(CouldNotStart("the process that starts commands died before it told of this one"))
    return Failed(Killed(signal.SIGKILL))
