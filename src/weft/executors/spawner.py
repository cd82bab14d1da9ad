"""The spawn helper: a small process of its own that starts commands and waits for them.

It is run by `shell` as a script, with a socket to Weft as its standard input, and imports nothing
that is slow to load. It knows commands, process groups and messages; attempts, outcomes and
results are left to `shell`.

Starting a program from Python holds the interpreter lock until the program runs, and takes longer
the more memory the process has. So a few small processes do it, and Weft's own one only talks.

Their life hangs on the socket: when Weft closes it, or dies in whatever way, they end what they
have started, and then themselves.
"""

from __future__ import annotations

# `signal` would load `enum` and half of the start-up time with it.
import _signal as signal  # type: ignore[import-not-found]  # typeshed has no stub for it
import errno
import marshal
import os
import select
import sys
import time

TYPE_CHECKING = False  # `typing` is slow to load, too
if TYPE_CHECKING:
    from typing import Any

# What Weft asks.
ENVIRONMENT = 0  # (ENVIRONMENT, {name: value}): what commands inherit; comes first
START = 1  # (START, key, argv, cwd, additions to the environment, stdout, stderr)
SIGNAL = 2  # (SIGNAL, key, signal): to the command and its process group

# What the helper answers.
STARTED = 3  # (STARTED, key, pid): told when convenient, at the latest with the end
NOT_STARTED = 4  # (NOT_STARTED, key, sentence)
EXITED = 5  # (EXITED, key, wait status)
STOPPED = 6  # (STOPPED, key, wait status): ended after it was sent a signal

Message = tuple[object, ...]  # read by its first element, as above

CHANNEL = 0  # standard input is the socket to Weft
READ_BYTES = 1 << 14  # larger buffers are mapped and unmapped for every read
STARTED_DELAY_MS = 50  # most commands end sooner, and their start needs no message of its own
GRACE_S = 1.0  # between TERM and KILL when Weft has gone
TICK_S = 0.02  # how often processes that are to end are looked at

NO_INPUT = (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0)
OUTPUT_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
HAS_WAITID = hasattr(os, "waitid")  # not on macOS before Python 3.13
PR_SET_CHILD_SUBREAPER = 36  # from <linux/prctl.h>


def frame(messages: list[Message]) -> bytes:
    """Messages as they go over the socket: a length in four bytes, then the list."""
    body = marshal.dumps(messages)
    return len(body).to_bytes(4, "big") + body


class Unframer:
    """Puts messages together again from the pieces that arrive.

    >>> unframer, sent = Unframer(), frame([(EXITED, 7, 0)])
    >>> unframer.feed(sent[:5]), unframer.feed(sent[5:])
    ([], [(5, 7, 0)])
    """

    def __init__(self) -> None:
        self._pending = bytearray()

    def feed(self, data: bytes) -> list[Any]:
        pending = self._pending
        pending += data
        messages: list[Any] = []
        while len(pending) >= 4 and len(pending) >= (end := 4 + int.from_bytes(pending[:4], "big")):
            messages += marshal.loads(pending[4:end])
            del pending[:end]
        return messages


class CannotStart(Exception):
    """A command that did not begin; the text says why."""


class Starter:
    """Starts one command after the other. Remembers the environment that they share."""

    def __init__(self) -> None:
        self._inherited: dict[str, str] = {}
        self._path: str | None = ""
        # Whatever this process ignores (Python itself ignores PIPE), commands must not.
        self._ignored = [n for n in signal.valid_signals() if signal.getsignal(n) == signal.SIG_IGN]

    def inherit(self, environment: dict[str, str]) -> None:
        self._inherited = environment

    def start(self, argv: list[str], cwd: str, additions: dict[str, str], stdout: str, stderr: str) -> int:
        """Start a command as leader of its own session and answer its pid."""
        environment = {**self._inherited, **additions}
        try:
            self._search_in(environment.get("PATH"))
            _enter(cwd)
            try:
                return self._spawn(argv, environment, stdout, stderr)
            except OSError:
                # Mostly a folder that is yet to be made. If not, this tells the output's faults
                # from the program's.
                _make(stdout)
                _make(stderr)
                return self._spawn(argv, environment, stdout, stderr)
        except OSError as error:
            raise CannotStart(_why_not(argv[0], error)) from error
        except (ValueError, TypeError) as error:  # NUL or lone surrogates, no argv at all
            raise CannotStart(f"not to be passed to a program: {error}") from error

    def _search_in(self, path: str | None) -> None:
        """Have programs looked up in ``path``: the C library asks this process's environment."""
        if path == self._path:
            return
        if path is None:
            os.unsetenv("PATH")
        else:
            os.putenv("PATH", path)
        self._path = path

    def _spawn(self, argv: list[str], environment: dict[str, str], stdout: str, stderr: str) -> int:
        return os.posix_spawnp(
            argv[0] if argv else "",
            argv,
            environment,
            file_actions=(
                NO_INPUT,
                (os.POSIX_SPAWN_OPEN, 1, stdout, OUTPUT_FLAGS, 0o666),
                (os.POSIX_SPAWN_DUP2, 1, 2)
                if stderr == stdout
                else (os.POSIX_SPAWN_OPEN, 2, stderr, OUTPUT_FLAGS, 0o666),
            ),
            setsid=True,
            setsigmask=(),
            setsigdef=self._ignored,
        )


def _enter(cwd: str) -> None:
    # Not skipped where the path is the current one: the directory may have been made anew.
    try:
        os.chdir(cwd)
    except FileNotFoundError as error:
        raise CannotStart(f"no such directory: {cwd}") from error
    except OSError as error:
        raise CannotStart(f"can't enter the directory {cwd}: {error.strerror}") from error


def _make(output: str) -> None:
    try:
        os.makedirs(os.path.dirname(output), exist_ok=True)
        os.close(os.open(output, OUTPUT_FLAGS, 0o666))
    except OSError as error:
        raise CannotStart(f"can't write the output to {output}: {error.strerror}") from error


def _why_not(program: str, error: OSError) -> str:
    if error.errno == errno.ENOENT and "/" in program and os.path.exists(program):
        return f"the interpreter in the first line of {program} does not exist"
    if error.errno == errno.ENOENT:
        return f"no such program: {program}"
    if error.errno == errno.ENOEXEC:
        return f"{program} is no program of this machine, and no script with a first line like #!/bin/sh"
    return f"can't run {program}: {error.strerror}"


class Spawner:
    """Carries out what Weft asks, tells how it ended, and leaves nothing behind."""

    def __init__(self, wake: int, weft: int | None) -> None:
        self._wake = wake
        self._starter = Starter()
        self._unframer = Unframer()
        self._pids: dict[int, int] = {}
        self._keys: dict[int, int] = {}
        self._signalled: set[int] = set()
        self._answers: list[Message] = []
        self._urgent = False
        self._unsent = b""
        self._connected = True
        self._poll = select.poll()
        for readable in (CHANNEL, wake) if weft is None else (CHANNEL, wake, weft):
            self._poll.register(readable, select.POLLIN)

    def serve(self) -> None:
        """Work until Weft has gone."""
        while self._connected:
            ready = self._poll.poll(STARTED_DELAY_MS if self._answers else None)
            for fd, _ in ready:
                if fd == CHANNEL:
                    self._receive()
                elif fd == self._wake:
                    self._reap()
                else:
                    self._connected = False
            if self._urgent or self._unsent or not ready:
                self._send()
        self._end_everything()

    def _receive(self) -> None:
        try:
            data = os.read(CHANNEL, READ_BYTES)
        except BlockingIOError:  # awake because there is room to send
            return
        except OSError:
            data = b""
        if not data:
            self._connected = False
        for message in self._unframer.feed(data):
            if message[0] == START:
                self._start(*message[1:])
            elif message[0] == SIGNAL:
                self._signal(*message[1:])
            else:
                self._starter.inherit(message[1])

    def _start(self, key: int, *command: object) -> None:
        try:
            pid = self._starter.start(*command)  # type: ignore[arg-type]  # as START tells
        except CannotStart as error:
            # Told in words that can be shown and stored, whatever the name looks like.
            sentence = str(error).encode("utf-8", "backslashreplace").decode()
            self._answers.append((NOT_STARTED, key, sentence))
            self._urgent = True
            return
        self._pids[key] = pid
        self._keys[pid] = key
        self._answers.append((STARTED, key, pid))

    def _signal(self, key: int, number: int) -> None:
        self._reap()  # a command that has ended by itself was not stopped
        if key in self._pids:
            self._signalled.add(key)
            _signal_group(self._pids[key], number)

    def _reap(self) -> bool:
        """Take in every process that has ended; False when there is none left to wait for."""
        _drain(self._wake)
        try:
            while ended := _next_ended(self._keys):
                self._take_in(*ended)
        except ChildProcessError:
            return False
        return True

    def _take_in(self, pid: int, status: int) -> None:
        key = self._keys.pop(pid, None)
        if key is None:  # an adopted orphan
            return
        del self._pids[key]
        stopped = key in self._signalled
        self._signalled.discard(key)
        self._answers.append((STOPPED if stopped else EXITED, key, status))
        self._urgent = True

    def _send(self) -> None:
        unsent = self._unsent + (frame(self._answers) if self._answers else b"")
        self._answers = []
        self._urgent = False
        try:
            while unsent:
                unsent = unsent[os.write(CHANNEL, unsent) :]
        except BlockingIOError:
            pass
        except OSError:  # nobody listens
            unsent = b""
        if bool(unsent) != bool(self._unsent):
            self._poll.modify(CHANNEL, select.POLLIN | select.POLLOUT if unsent else select.POLLIN)
        self._unsent = unsent

    def _end_everything(self) -> None:
        """TERM, and KILL to what is still there after the grace, adopted processes too."""
        self._signalled.update(self._pids)
        self._signal_everything(signal.SIGTERM)
        self._signal_everything(signal.SIGCONT)
        kill_at = time.monotonic() + GRACE_S
        while self._reap() and time.monotonic() < kill_at + GRACE_S:
            if time.monotonic() >= kill_at:
                self._signal_everything(signal.SIGKILL)
            select.select([self._wake], [], [], TICK_S)
        self._send()

    def _signal_everything(self, number: int) -> None:
        for pid in self._keys:
            _signal_group(pid, number)
        for pid in _children():
            if pid not in self._keys:
                _signal_process(pid, number)


def _signal_group(pid: int, number: int) -> None:
    try:
        os.killpg(pid, number)
    except OSError:
        pass  # gone already, or run as another user


def _signal_process(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except OSError:
        pass  # run as another user


def _next_ended(commands: dict[int, int]) -> tuple[int, int] | None:
    """Pid and wait status of a child that has ended. What a command leaves behind goes with it."""
    if not HAS_WAITID:
        pid, status, _ = os.wait4(-1, os.WNOHANG)
        if pid in commands:
            _signal_group(pid, signal.SIGKILL)
        return (pid, status) if pid else None
    found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    if found is None:
        return None
    if found.si_pid in commands:
        # Before the wait, for after it the number of the group can be given to others.
        _signal_group(found.si_pid, signal.SIGKILL)
    _, status, _ = os.wait4(found.si_pid, 0)
    return found.si_pid, status


def _children() -> list[int]:
    """The children of this process, where the system lists them."""
    try:
        with open(f"/proc/self/task/{os.getpid()}/children") as listed:
            return [int(pid) for pid in listed.read().split()]
    except OSError:
        return []


def _adopt_orphans() -> None:
    """Become the parent of processes that lose theirs, so that they can be ended. Linux only."""
    try:
        import ctypes  # noqa: PLC0415  # an interpreter may be built without it

        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    except (ImportError, OSError, AttributeError):
        pass


def _drain(wake: int) -> None:
    try:
        os.read(wake, READ_BYTES)
    except BlockingIOError:
        pass


def _catch_signals() -> int:
    """Answer a file that becomes readable when a child ends; be deaf to what asks for an end."""
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
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


def main() -> None:
    """Serve the Weft process whose pid is the argument."""
    wake = _catch_signals()
    _adopt_orphans()  # before the first command: who is orphaned earlier is lost for good
    weft = int(sys.argv[1])
    watched = _watch(weft)
    os.set_blocking(CHANNEL, False)
    if os.getppid() == weft:
        Spawner(wake, watched).serve()


if __name__ == "__main__":
    main()
