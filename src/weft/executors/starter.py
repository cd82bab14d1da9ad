"""Starts a command: its program is found, its directory entered, its output led into files.

Knows programs and the system's words for why one can't run. What becomes of a command is followed
in `spawner`. Used by the spawn helper: nothing here is slow to load.
"""

from __future__ import annotations

# `signal` would load `enum` and half of the start-up time with it.
import _signal as signal  # type: ignore[import-not-found]  # typeshed has no stub for it
import errno
import os


class CannotStart(Exception):
    """A command that did not begin; the text says why."""


class Starter:
    """Starts one command after the other.

    Args:
        inherited: the environment of all of them.
        opened: files that each of them has open for reading and writing, by number. Each opens them anew:
            whether to wait, for one, is a property of an open file, which commands must not set for others.
    """

    def __init__(self, inherited: dict[str, str], opened: dict[int, str]) -> None:
        self._inherited = inherited
        self._opened = opened
        self._opening = _opening(opened)
        self._folders = _folders(inherited.get("PATH"))
        # Whatever this process ignores (Python itself ignores PIPE), commands must not.
        self._ignored = [n for n in signal.valid_signals() if signal.getsignal(n) == signal.SIG_IGN]

    def start(
        self, stdout: str, stderr: str, argv: tuple[str, ...], cwd: str, additions: dict[str, str]
    ) -> int:
        """Start a command as leader of its own session and return its pid.

        Args:
            stdout: a file that is there.
            stderr: another, or the same.
            argv: the program and its arguments.
            cwd: the directory to run in.
            additions: what is added to the inherited environment.

        Raises:
            CannotStart: the command is at fault.
            OSError: the program can't be run, or the files can't be opened: the system doesn't say.
        """
        environment = {**self._inherited, **additions}
        folders = _folders(additions["PATH"]) if "PATH" in additions else self._folders
        _enter(cwd)
        try:
            return os.posix_spawn(
                _found(argv, folders),
                argv,
                environment,
                file_actions=(
                    (os.POSIX_SPAWN_OPEN, 1, stdout, os.O_WRONLY, 0),
                    (os.POSIX_SPAWN_OPEN, 2, stderr, os.O_WRONLY, 0)
                    if stderr != stdout
                    else (os.POSIX_SPAWN_DUP2, 1, 2),
                    *self._opening,
                ),
                setsid=True,
                setsigmask=(),
                setsigdef=self._ignored,
            )
        except (ValueError, TypeError) as error:  # NUL or lone surrogates, no argv at all
            raise CannotStart(f"not to be passed to a program: {error}") from error
        finally:
            os.chdir("/")  # or the directory would be in use for as long as no other command starts

    def let_go_of_lost_files(self) -> None:
        """Do without those of the open files that are not there any more."""
        self._opened = {fd: path for fd, path in self._opened.items() if os.path.exists(path)}
        self._opening = _opening(self._opened)


def why_not(program: str, error: OSError) -> str:
    """Return a sentence that says why ``program`` can't be run."""
    if error.errno == errno.ENOENT and "/" in program and os.path.exists(program):
        return f"the interpreter in the first line of {program} does not exist"
    if error.errno == errno.ENOENT:
        return f"no such program: {program}"
    if error.errno == errno.ENOEXEC:
        return f"{program} is no program of this machine, and no script with a first line like #!/bin/sh"
    return f"can't run {program}: {error.strerror}"


def _opening(files: dict[int, str]) -> list[tuple[int, int, str, int, int]]:
    return [(os.POSIX_SPAWN_OPEN, fd, path, os.O_RDWR, 0) for fd, path in files.items()]


def _enter(cwd: str) -> None:
    # Not skipped where the path is the current one: the directory may have been made anew.
    try:
        os.chdir(cwd)
    except FileNotFoundError as error:
        raise CannotStart(f"no such directory: {cwd}") from error
    except OSError as error:
        raise CannotStart(f"can't enter the directory {cwd}: {error.strerror}") from error


def _folders(path: str | None) -> list[str]:
    """The folders that ``PATH`` names, each as what is put before a program's name.

    >>> _folders("/usr/bin::tools")
    ['/usr/bin/', '', 'tools/']
    """
    names = (os.defpath if path is None else path).split(":")
    return [folder and f"{folder}/" for folder in dict.fromkeys(names)]


def _found(argv: tuple[str, ...], folders: list[str]) -> str:
    """Look the program up, each time anew: a command before this one may have made it.

    A look is cheap; the C library tries to run the program in every folder, which is not.
    """
    if not argv or "/" in argv[0]:
        return argv[0] if argv else ""
    for folder in folders:
        program = folder + argv[0]
        if os.access(program, os.X_OK) and not os.path.isdir(program):
            return program
    hidden = any(os.path.isfile(folder + argv[0]) for folder in folders)
    code = errno.EACCES if hidden else errno.ENOENT
    raise OSError(code, os.strerror(code))
