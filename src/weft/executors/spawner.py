"""The spawn helper: a small process of its own that starts commands and waits for them.

It is run by `shell`, with a socket to Weft as its standard input, and imports nothing that is slow
to load. It knows commands, process groups and when their output gets its place; attempts, outcomes
and results are left to `shell`.

Starting a program from Python holds the interpreter lock until the program runs, and takes longer
the more memory the process has. So a few small processes do it, and Weft's own one only talks.

Their life hangs on the socket: when Weft closes it, or dies in whatever way, they end what they
have started, and then themselves.
"""

from __future__ import annotations

# `signal` would load `enum` and half of the start-up time with it.
import _signal as signal  # type: ignore[import-not-found]  # typeshed has no stub for it
import gc
import os
import select
import sys
import time

from weft.executors import family
from weft.executors.spool import Spool, SpoolFile
from weft.executors.starter import CannotStart, Starter, why_not
from weft.executors.wire import (
    EXITED,
    GRACE_S,
    NOT_KEPT,
    NOT_STARTED,
    READ_BYTES,
    SIGNAL,
    START,
    STARTED,
    STOPPED,
    Message,
    Unframer,
    frame,
)

TYPE_CHECKING = False  # `typing` is slow to load, too
if TYPE_CHECKING:
    from typing import Any

SETTLED_AFTER_S = 0.05  # most commands end sooner, and their start needs no message of its own
TICK_S = 0.02  # how often processes that are to end are looked at

HAS_WAITID = hasattr(os, "waitid")  # not on macOS before Python 3.13


class Command:
    """A command that runs. ``outputs`` are its files that have no place yet, each with that place."""

    __slots__ = ("additions", "key", "outputs", "pid", "problem", "settles_at", "was_signalled")

    def __init__(
        self, key: int, pid: int, outputs: list[tuple[SpoolFile, str]], additions: dict[str, str]
    ) -> None:
        self.key = key
        self.pid = pid
        self.outputs = outputs
        self.additions = additions  # to its environment
        self.problem: str | None = None  # why an output is not in its place
        self.settles_at = time.monotonic() + SETTLED_AFTER_S
        self.was_signalled = False

    def put(self, output: tuple[SpoolFile, str]) -> None:
        """Put one of the outputs in its place."""
        file, place = output
        self.outputs.remove(output)
        try:
            file.put(place)
        except OSError as error:
            self.problem = f"can't move the output from {file.path} to {place}: {error.strerror}"


class Spawner:
    """Carries out what Weft asks, tells how it ended, and leaves nothing behind.

    Args:
        channel: the socket to Weft.
        wake: becomes readable when a child ends.
        weft: becomes readable when Weft dies, where the system has such.
    """

    def __init__(self, channel: int, wake: int, weft: int | None) -> None:
        self._channel = channel
        self._wake = wake
        self._starter = Starter({}, {})
        self._spool = Spool("")
        self._unframer = Unframer()
        self._by_key: dict[int, Command] = {}
        self._by_pid: dict[int, Command] = {}
        self._young: dict[int, Command] = {}  # by key, in the order in which they were started
        self._answers: list[Message] = []
        self._unsent = b""
        self._connected = True
        self._poll = select.poll()
        for readable in (channel, wake) if weft is None else (channel, wake, weft):
            self._poll.register(readable, select.POLLIN)

    def serve(self) -> None:
        """Work until Weft has gone."""
        while self._connected:
            patience_ms = self._settle()
            self._send()
            for fd, _ in self._poll.poll(patience_ms):
                if fd == self._channel:
                    self._receive()
                elif fd == self._wake:
                    self._reap()
                else:
                    self._connected = False
        self._end_everything()

    def _receive(self) -> None:
        try:
            data = os.read(self._channel, READ_BYTES)
        except BlockingIOError:  # awake because there is room to send
            return
        except OSError:
            data = b""
        if not data:
            self._connected = False
        for message in self._unframer.feed(data):
            if message[0] == START:
                self._start(message)
            elif message[0] == SIGNAL:
                self._signal(*message[1:])
            else:
                _, environment, folder, opened = message
                self._starter, self._spool = Starter(environment, opened), Spool(folder)

    def _start(self, message: Any) -> None:
        _, key, stdout, stderr, earlier, *command = message
        places = (stdout,) if stderr == stdout else (stdout, stderr)
        try:
            if earlier is not None:
                _put_away(places, earlier)
            pid, outputs = self._begin(places, *command)
        except CannotStart as error:
            self._answers.append((NOT_STARTED, key, _sentence(error)))
            return
        self._by_key[key] = self._by_pid[pid] = self._young[key] = Command(key, pid, outputs, command[-1])

    def _begin(
        self, places: tuple[str, ...], *command: Any, again: bool = False
    ) -> tuple[int, list[tuple[SpoolFile, str]]]:
        """Start a command that writes to files from the spool; they will be put in ``places``."""
        outputs: list[tuple[SpoolFile, str]] = []
        try:
            for place in places:
                outputs.append((self._take(), place))  # noqa: PERF401  # each is known if the next one fails
            return self._starter.start(outputs[0][0].path, outputs[-1][0].path, *command), outputs
        except (CannotStart, OSError) as error:
            for file, _ in outputs:
                file.remove()
            if isinstance(error, CannotStart):
                raise
            if again:
                raise CannotStart(why_not(command[0][0], error)) from error
        # A command before this one may have removed the files. If it was not that, it is the program.
        self._spool.clear()
        self._starter.let_go_of_lost_files()
        return self._begin(places, *command, again=True)

    def _take(self) -> SpoolFile:
        try:
            return self._spool.take()
        except OSError as error:
            raise CannotStart(f"can't write the output to {self._spool.folder}: {error.strerror}") from error

    def _signal(self, key: int, number: int) -> None:
        self._reap()  # a command that has ended by itself was not stopped
        if key in self._by_key:
            command = self._by_key[key]
            command.was_signalled = True
            if number == signal.SIGKILL:
                family.kill([command.pid, *self._orphans_of(command)])
            _signal_group(command.pid, number)
            for pid in (*family.strays(command.pid), *self._orphans_of(command)):
                family.send(pid, number)

    def _orphans_of(self, command: Command) -> list[int]:
        """What a command has started and nobody else but this process is the parent of."""
        orphans = [pid for pid in family.children(os.getpid()) if pid not in self._by_pid]
        return family.marked(orphans, family.mark_of(command.additions)) if orphans else []

    def _settle(self) -> float | None:
        """Tell of the commands that have run for a while, and let their outputs be seen.

        Returns:
            In how many milliseconds there is more to do; None for never.
        """
        while self._young:
            oldest = next(iter(self._young.values()))
            wait_s = oldest.settles_at - time.monotonic()
            if wait_s > 0.0:
                return wait_s * 1000
            del self._young[oldest.key]
            for output in tuple(oldest.outputs):
                oldest.put(output)
            self._answers.append((STARTED, oldest.key, oldest.pid))
        return None

    def _reap(self) -> bool:
        """Take in every process that has ended; False when there is none left to wait for."""
        _drain(self._wake)
        try:
            while ended := _next_ended():
                pid, code = ended
                if pid in self._by_pid:
                    self._take_in(self._by_pid.pop(pid), code)
                else:  # an adopted orphan
                    _bury(pid)
        except ChildProcessError:
            return False
        return True

    def _take_in(self, command: Command, code: int) -> None:
        # Before the burial, for after it the number of the group can be given to others.
        _signal_group(command.pid, signal.SIGKILL)
        if command.was_signalled:
            family.kill(self._orphans_of(command))
        del self._by_key[command.key]
        self._young.pop(command.key, None)
        for output in tuple(command.outputs):
            if not output[0].is_empty():
                command.put(output)
        if command.was_signalled:
            self._answers.append((STOPPED, command.key, code))
        elif command.problem is not None and code == 0:
            self._answers.append((NOT_KEPT, command.key, _sentence(command.problem)))
        else:
            self._answers.append((EXITED, command.key, code))
        if not code:
            self._send()  # at once: Weft decides what comes next while this process tidies up
        _bury(command.pid)
        for output in tuple(command.outputs):
            # Where another attempt may follow, this is done before that is told of.
            if not self._spool.give_back(output[0]):
                command.put(output)

    def _send(self) -> None:
        if not self._answers and not self._unsent:
            return
        unsent = self._unsent + (frame(self._answers) if self._answers else b"")
        self._answers = []
        try:
            while unsent:
                unsent = unsent[os.write(self._channel, unsent) :]
        except BlockingIOError:
            pass
        except OSError:  # nobody listens
            unsent = b""
        if bool(unsent) != bool(self._unsent):
            self._poll.modify(self._channel, select.POLLIN | select.POLLOUT if unsent else select.POLLIN)
        self._unsent = unsent

    def _end_everything(self) -> None:
        """TERM, and KILL to what is still there after the grace, adopted processes too."""
        for command in self._by_key.values():
            command.was_signalled = True
        self._signal_everything(signal.SIGTERM)
        self._signal_everything(signal.SIGCONT)
        kill_at = time.monotonic() + GRACE_S
        while self._reap() and time.monotonic() < kill_at + GRACE_S:
            if time.monotonic() >= kill_at:
                family.kill(family.children(os.getpid()))
            select.select([self._wake], [], [], TICK_S)
        self._send()
        self._spool.clear()

    def _signal_everything(self, number: int) -> None:
        for pid in self._by_pid:
            _signal_group(pid, number)
        for pid in family.children(os.getpid()):
            if pid not in self._by_pid:
                family.send(pid, number)


def _sentence(problem: object) -> str:
    """In words that can be shown and stored, whatever the names in it look like."""
    return str(problem).encode("utf-8", "backslashreplace").decode()


def _put_away(places: tuple[str, ...], earlier: tuple[str, str]) -> None:
    """Make room for what an attempt writes: what the one before has written goes to ``earlier``."""
    for place, kept in zip(places, earlier, strict=False):  # the same place twice is one place
        try:
            os.rename(place, kept)
        except (FileNotFoundError, NotADirectoryError):
            pass
        except OSError as error:
            raise CannotStart(f"can't move the output from {place} to {kept}: {error.strerror}") from error


def _signal_group(pid: int, number: int) -> None:
    try:
        os.killpg(pid, number)
    except OSError:
        pass  # gone already, or run as another user


def _next_ended() -> tuple[int, int] | None:
    """Pid and exit code of a child that has ended, and is yet to be buried."""
    if not HAS_WAITID:
        pid, status = os.waitpid(-1, os.WNOHANG)
        return (pid, os.waitstatus_to_exitcode(status)) if pid else None
    found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    if found is None:
        return None
    return found.si_pid, found.si_status if found.si_code == os.CLD_EXITED else -found.si_status


def _bury(pid: int) -> None:
    """Let the number of a process that has ended be given to others."""
    if HAS_WAITID:
        os.waitpid(pid, 0)


def _drain(wake: int) -> None:
    try:
        os.read(wake, READ_BYTES)
    except BlockingIOError:
        pass


def _catch_signals() -> int:
    """Answer a file that becomes readable when a child ends; be deaf to what asks for an end."""
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    # IO is for whoever holds a lease on a file that somebody opens.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGIO):
        signal.signal(number, signal.SIG_IGN)
    wake, woken_by = os.pipe()
    os.set_blocking(wake, False)
    os.set_blocking(woken_by, False)
    signal.set_wakeup_fd(woken_by, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda number, interrupted: None)
    return wake


def _watch(weft: int) -> int | None:
    """A file that becomes readable when Weft dies, where the system has such.

    The end of the socket is not enough: a forked child of Weft may hold it open.
    """
    try:
        return os.pidfd_open(weft)
    except (AttributeError, OSError):
        return None


def _take_channel() -> int:
    """Move the socket away from standard input, which from then on is empty, for commands too."""
    channel = os.dup(0)
    os.set_blocking(channel, False)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return channel


def main() -> None:
    """Serve the Weft process whose pid is the first argument."""
    gc.disable()  # nothing here refers to itself
    wake = _catch_signals()
    family.adopt_orphans()  # before the first command: who is orphaned earlier is lost for good
    weft = int(sys.argv[1])
    watched = _watch(weft)
    channel = _take_channel()
    if os.getppid() == weft:
        Spawner(channel, wake, watched).serve()
