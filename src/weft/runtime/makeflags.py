"""`MAKEFLAGS`: how make, and whoever keeps to its ways, tells its children where the job tokens are.

Text only. The protocol is that of GNU make's manual, "Sharing Job Slots with GNU make": a server names a fifo
(``--jobserver-auth=fifo:PATH``, since make 4.4) or two descriptors that it lets its children inherit
(``--jobserver-auth=R,W`` since 4.2, ``--jobserver-fds=R,W`` before).
"""

from __future__ import annotations

import re

import msgspec

# Under these numbers the commands of a run find the fifo opened, for makes that know no fifos by name.
# Scripts use single digits, and 100 and more (as `flock` does), for files of their own.
READ_FD, WRITE_FD = 97, 98

# A backslash takes away the meaning of what follows; at the end it would do so to what we add.
_WORD = re.compile(r"(?:\\.|[^\s\\])+", re.DOTALL)
_JOBS = re.compile(r"-j\d*|--jobs(=\d+)?")
_AUTH = re.compile(r"--jobserver-(a|f)[a-z]*(=.*)?", re.DOTALL)  # make takes shortened names, too
_END_OF_OPTIONS = "--"


class Fifo(msgspec.Struct, frozen=True):
    """The tokens are in the fifo at this path."""

    path: str


class Pipe(msgspec.Struct, frozen=True):
    """The tokens are in a pipe, whose ends are open under these numbers."""

    read: int
    write: int


def jobserver_in(makeflags: str) -> Fifo | Pipe | None:
    """Return where the job tokens are, None if there is no server that we could ask.

    >>> jobserver_in("k -j4 --jobserver-auth=3,4 -- CC=gcc")
    Pipe(read=3, write=4)
    >>> jobserver_in(" -j4 --jobserver-auth=fifo:/tmp/GMfifo7")
    Fifo(path='/tmp/GMfifo7')
    >>> jobserver_in(" -j4 --jobserver-auth=-2,-2")  # make's way to say: not for you
    """
    found = None
    for word in _options(_WORD.findall(makeflags)):
        name, _, value = word.partition("=")
        if name in ("--jobserver-auth", "--jobserver-fds"):
            found = _server(re.sub(r"\\(.)", r"\1", value, flags=re.DOTALL))  # the last one counts
    return found


def with_jobserver(makeflags: str, n_jobs: int, path: str) -> str:
    """Return ``makeflags`` with all that it says, but the tokens are in the fifo at ``path``.

    The fifo's name is for make 4.4, ninja and cargo. Older makes refuse it; the last word is for them, and
    shortened so that only make itself, which takes the last of several words, knows what it means.

    Args:
        makeflags: what was inherited.
        n_jobs: how many jobs there may be at once.
        path: a fifo, open for the commands as `READ_FD` and `WRITE_FD`, too. See `can_be_told`.

    >>> with_jobserver("k -j8 -- CC=gcc", 4, "/run/jobs")
    'k -j4 --jobserver-auth=fifo:/run/jobs --jobserver-f=97,98 -- CC=gcc'
    """
    assert can_be_told(path), path
    words = _WORD.findall(makeflags)
    options = _options(words)
    rest = words[len(options) :]
    letters = ""
    if options and not options[0].startswith("-") and "=" not in options[0]:
        letters = options.pop(0)  # of flags without a dash, which must remain the first word
    ours = [f"-j{n_jobs}", f"--jobserver-auth=fifo:{path}", f"--jobserver-f={READ_FD},{WRITE_FD}"]
    return " ".join([letters, *ours, *_without_jobs(options), *rest])


def can_be_told(path: str) -> bool:
    """Tell whether a path can stand in ``MAKEFLAGS``, where not all readers undo what would protect blanks.

    >>> can_be_told("/tmp/jobs"), can_be_told("/srv/My Files/jobs")
    (True, False)
    """
    return path != "" and re.search(r"[\s\\$]", path) is None


def _options(words: list[str]) -> list[str]:
    """Return the words before the variables that were given to make on its command line."""
    return words[: words.index(_END_OF_OPTIONS)] if _END_OF_OPTIONS in words else words[:]


def _without_jobs(options: list[str]) -> list[str]:
    kept: list[str] = []
    before = ""
    for word in options:
        is_number_of_jobs = before in ("-j", "--jobs") and word.isdecimal()
        if not (is_number_of_jobs or _JOBS.fullmatch(word) or _AUTH.fullmatch(word)):
            kept.append(word)
        before = word
    return kept


def _server(value: str) -> Fifo | Pipe | None:
    if value.startswith("fifo:"):
        return Fifo(value.removeprefix("fifo:")) if value != "fifo:" else None
    ends = re.fullmatch(r"([0-9]{1,9}),([0-9]{1,9})", value)
    return Pipe(int(ends[1]), int(ends[2])) if ends is not None else None
