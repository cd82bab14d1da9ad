"""What can be seen of a command: the programs that it calls, the files that it writes and names.

Reads as much of the language of /bin/sh as shows these, and no more. Where it can't be sure it sees nothing:
words with variables or globs are no file names, and a script that changes its directory writes to nobody
knows where.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from posixpath import basename, join, normpath

import msgspec

from weft.model.work import Command

_HERE = re.compile(r"<<-?[ \t]*(['\"]?)(\w+)\1([^\n]*\n).*?^[ \t]*\2[ \t]*$", re.MULTILINE | re.DOTALL)
_TOKEN = re.compile(
    r"""(?P<space>[ \t\r]+|\\\n)
    | (?P<comment>\#[^\n]*)
    | (?P<operator>[0-9]*(?:>>|>\||>&|<<<|<&|<>|>|<)|&>>?|&&|\|\||;;|[;&|()\n])
    | (?P<word>(?:\\.|'[^']*'|"(?:\\.|[^"\\])*"|[^\s;&|()<>'"\\])+)
    """,
    re.VERBOSE | re.DOTALL,
)
_QUOTED = re.compile(r"""\\(.)|'([^']*)'|"((?:\\.|[^"\\])*)\"""", re.DOTALL)
_INSIDE = re.compile(r"\$\(([^()]*)\)|`([^`]*)`")
_OPEN = re.compile(r"[$`*?\[{~]")
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*\+?=")

# Words after which a command stands, or which begin no command at all.
_BEFORE_COMMANDS = frozenset({"if", "then", "else", "elif", "do", "while", "until", "!", "{", "time"})
_NO_COMMANDS = frozenset({"for", "case", "select", "esac", "done", "fi", "}", "in", "function"})
_WRAPPERS = frozenset(
    {"sudo", "env", "nice", "nohup", "exec", "command", "timeout", "xargs", "stdbuf", "setsid", "ionice"}
)
_SHELLS = frozenset({"sh", "bash", "dash", "zsh", "ksh"})
_WRITE_LINES = frozenset({"echo", "date", "seq", "wc", "ls", "hostname", "uname"})
_COMPILERS = frozenset({"cc", "gcc", "g++", "c++", "clang", "clang++"})
_OUTPUT_OPTIONS = {
    "curl": ("-o", "--output"),
    "wget": ("-O", "--output-document"),
    "sort": ("-o", "--output"),
    **dict.fromkeys(_COMPILERS, ("-o",)),
}


class Call(msgspec.Struct, frozen=True):
    """A program that is called, without its folder, and its arguments without quotes."""

    program: str
    args: tuple[str, ...] = ()
    folder: str = ""


class Output(msgspec.Struct, frozen=True):
    """A file that is written anew, or that something is added to: whole ``lines``, as far as can be seen."""

    path: str
    adds: bool
    lines: bool = False


class Script(msgspec.Struct, frozen=True):
    """What can be seen of a command. Paths are relative to the plan; ``named`` are perhaps read."""

    calls: tuple[Call, ...] = ()
    outputs: tuple[Output, ...] = ()
    named: tuple[str, ...] = ()


def script_of(command: Command) -> Script:
    """Return what can be seen of a command.

    >>> seen = script_of(Command("curl -s https://api.test/a | jq . >out/a.json"))
    >>> [call.program for call in seen.calls], seen.outputs
    (['curl', 'jq'], (Output(path='out/a.json', adds=False, lines=False),))
    >>> script_of(Command(("wc", "-l", "out/a.json"))).named
    ('out/a.json',)
    """
    reader = _Reader()
    if isinstance(command.run, str):
        reader.read(command.run)
    else:
        reader.take(list(command.run))
    if any(call.program in ("cd", "pushd") for call in reader.calls):
        return Script(tuple(reader.calls))

    def placed(path: str) -> str:
        return normpath(join(command.cwd, path))

    outputs = [Output(placed(output.path), output.adds, output.lines) for output in reader.outputs]
    named = [placed(word) for word in reader.named]
    return Script(tuple(reader.calls), tuple(dict.fromkeys(outputs)), tuple(dict.fromkeys(named)))


class _Reader:
    """Gathers what is seen."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.outputs: list[Output] = []
        self._redirected: list[Output] = []  # by the command that is being read
        self._open: set[str] = set()  # words of which the shell makes something else
        self.named: list[str] = []

    def read(self, script: str) -> None:
        """Read a script; where it can't be read, nothing after that is seen."""
        words: list[str] = []
        redirected: str | None = None
        for kind, text in _tokens(_HERE.sub(r"\3", script)):
            if kind == "operator" and (">" in text or "<" in text):
                redirected = text
            elif kind == "operator":
                self.take(words)
                words, redirected = [], None
            elif redirected is not None:
                self._redirect(redirected, text)
                redirected = None
            else:
                words.append(self._plain(text))
                for inner in _INSIDE.findall(text if text.startswith('"') else ""):
                    self.read(inner[0] or inner[1])
        self.take(words)

    def take(self, words: Sequence[str]) -> None:
        """Take in one simple command."""
        program, args = _called(words)
        lines = _writes_lines(basename(program), args)
        self.outputs += [msgspec.structs.replace(output, lines=lines) for output in self._redirected]
        self._redirected = []
        if not program:
            return
        name = basename(program)
        if name in _SHELLS and "-c" in args[:-1]:
            self.read(args[args.index("-c") + 1])
            return
        self.calls.append(Call(name, tuple(args), program[: -len(name)]))
        written = list(_written_by(name, args))
        self.outputs += [output for output in written if self._is_file(output.path)]
        paths = {output.path for output in written}
        mentioned = (program, *args) if "/" in program else args
        self.named += [word for word in mentioned if self._is_file(word) and word not in paths]

    def _redirect(self, operator: str, target: str) -> None:
        path = self._plain(target)
        if not self._is_file(path) or operator.endswith(">&"):
            return
        if ">" in operator:
            self._redirected.append(Output(path, ">>" in operator))
        elif operator.endswith("<"):
            self.named.append(path)

    def _plain(self, word: str) -> str:
        """Return ``word`` without quotes; take down if that is not yet what the program gets."""
        plain = _QUOTED.sub(lambda part: part[1] or part[2] or part[3] or "", word)
        if _OPEN.search(_QUOTED.sub(lambda part: part[3] or "", word)):
            self._open.add(plain)
        return plain

    def _is_file(self, word: str) -> bool:
        """Tell whether ``word`` may be the name of a file that others could mean too."""
        is_other = word.startswith(("-", "/dev/")) or "://" in word or "\n" in word
        return bool(word) and not is_other and word not in self._open


def _tokens(script: str) -> Iterator[tuple[str, str]]:
    offset = 0
    while offset < len(script) and (token := _TOKEN.match(script, offset)):
        offset = token.end()
        kind = token.lastgroup
        if kind in ("operator", "word"):
            yield kind, token[0]


def _called(words: Sequence[str]) -> tuple[str, list[str]]:
    """Return the program that a simple command calls in the end, and its arguments."""
    rest = list(words)
    while rest:
        first = rest.pop(0)
        if first in _NO_COMMANDS:
            return "", []
        if basename(first) in _WRAPPERS:
            while rest and (rest[0].startswith("-") or _ASSIGNMENT.match(rest[0])):
                rest.pop(0)
            if basename(first) == "timeout" and rest:
                rest.pop(0)
        elif first not in _BEFORE_COMMANDS and not _ASSIGNMENT.match(first):
            return first, rest
    return "", []


def _writes_lines(program: str, args: Sequence[str]) -> bool:
    """Tell whether what the program writes surely ends with a line break."""
    if program == "printf":
        return args[:1] != [] and args[0].endswith("\\n")
    return program in _WRITE_LINES and not any(arg.startswith("-") for arg in args[:1])


def _written_by(program: str, args: Sequence[str]) -> Iterator[Output]:
    """Yield what the arguments of well-known programs say that they write."""
    plain = [arg for arg in args if not arg.startswith("-")]
    if program == "tee":
        yield from (Output(arg, "-a" in args or "--append" in args) for arg in plain)
    elif program in ("cp", "mv") and len(plain) == 2:
        yield Output(plain[1], adds=False)
    for option in _OUTPUT_OPTIONS.get(program, ()):
        for number, arg in enumerate(args):
            if arg == option and number + 1 < len(args):
                yield Output(args[number + 1], adds=False)
            elif option.startswith("--") and arg.startswith(f"{option}="):
                yield Output(arg.removeprefix(f"{option}="), adds=False)
