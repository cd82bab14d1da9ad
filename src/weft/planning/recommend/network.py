"""Which calls of a command go over the network, to whom, and whether once more does any harm.

Knows names of programs and their options. What is not in these tables is not known to go anywhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import msgspec

from weft.planning.recommend.script import Call, Script

_INSTALL = frozenset({"install", "add", "ci", "i", "update", "upgrade", "download", "sync", "fetch"})
# Programs and what they are asked for when they fetch something; None: whatever they are asked for.
_FETCHES: dict[str, frozenset[str] | None] = {
    "curl": None,
    "wget": None,
    "http": None,
    "https": None,
    "git": frozenset({"clone", "fetch", "pull", "ls-remote", "submodule"}),
    "docker": frozenset({"pull"}),
    "podman": frozenset({"pull"}),
    "go": frozenset({"get"}),
    "helm": frozenset({"pull", "repo"}),
    "brew": _INSTALL,
    "dig": None,
    **dict.fromkeys(("pip", "pip3", "pipx", "uv", "poetry", "conda", "gem", "bundle", "cargo"), _INSTALL),
    **dict.fromkeys(("npm", "pnpm", "yarn", "apt", "apt-get", "apk", "dnf", "yum"), _INSTALL),
}
# And when they do something on the other side, or may do so.
_SENDS: dict[str, frozenset[str] | None] = {
    "git": frozenset({"push"}),
    "docker": frozenset({"push"}),
    "podman": frozenset({"push"}),
    **dict.fromkeys(("npm", "pnpm", "yarn", "poetry", "uv", "cargo"), frozenset({"publish"})),
    **dict.fromkeys(("ssh", "scp", "sftp", "ftp", "twine", "kubectl"), None),
    **dict.fromkeys(("gh", "aws", "gcloud", "gsutil", "az", "openai", "llm"), None),
}
_API_OF_PROGRAM = {
    "gh": "github",
    "aws": "aws",
    "gcloud": "google",
    "gsutil": "google",
    "az": "azure",
    "openai": "openai",
    "llm": "llm",
}
_HTTP = frozenset({"curl", "wget", "http", "https"})
# Programs that change nothing but what they are told to write.
_HARMLESS = """
    echo printf true false test [ cat head tail tr cut sort uniq wc grep sed awk jq seq date sleep base64 gzip
    gunzip tar unzip mkdir tee cp rm touch set sha256sum md5sum diff
"""
HARMLESS = frozenset(_HARMLESS.split())
_URL = re.compile(r"(https?|file)://([^/\s:?#]*)([^\s]*)")
_HERE = re.compile(r"localhost|127\.|\[|::1|0\.0\.0\.0")
_KEY_OF_API = re.compile(r"\b([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*?)_API_(?:KEY|TOKEN)\b")
_WRITES_TO_OTHERS = re.compile(r"-[A-Za-z]*[dFT]$|--data|--form|--upload-file|--json|--post-")
_METHODS = re.compile(r"-X|--request|--method")
_SAFE_METHODS = ("GET", "HEAD")


class Way(msgspec.Struct, frozen=True):
    """One call that goes over the network.

    ``name`` is what it is called, ``api`` the other side, if that can be seen: its limits hold there.
    It ``sends`` if once more may be once too often, and ``has_retry`` if it tries again by itself.
    """

    name: str
    api: str | None = None
    sends: bool = False
    has_retry: bool = False


def ways_of(script: Script) -> list[Way]:
    """Return the calls of ``script`` that go over the network.

    >>> from weft.model.work import Command
    >>> from weft.planning.recommend.script import script_of
    >>> [(way.name, way.sends) for way in ways_of(script_of(Command("git fetch && curl -d x http://a.test")))]
    [('git fetch', False), ('curl', True)]
    """
    return [way for call in script.calls if (way := _way(call))]


def others_of(script: Script) -> tuple[str, ...]:
    """Return what a script calls besides, and of which nobody knows what doing it twice would do."""
    others = [call for call in script.calls if _way(call) is None and call.program not in HARMLESS]
    return tuple(dict.fromkeys(f"{call.folder}{call.program}" for call in others))


def apis_by_key(texts: Sequence[str]) -> Iterator[str]:
    """Yield the APIs whose keys are named in ``texts``.

    >>> list(apis_by_key(["ask --key $OPENAI_API_KEY"]))
    ['openai']
    """
    for text in texts:
        yield from (name.lower() for name in _KEY_OF_API.findall(text))


def _way(call: Call) -> Way | None:
    program, args = call.program, list(call.args)
    if program.startswith("python") and args[:2] == ["-m", "pip"]:
        program, args = "pip", args[2:]
    if program in _HTTP:
        return _http(program, args)
    if program == "rsync":
        there = any(re.match(r"[^/]+:|rsync://", arg) for arg in args if not arg.startswith("-"))
        return Way("rsync", sends=False) if there else None
    asked = next((arg for arg in args if not arg.startswith("-")), "")
    for table, sends in ((_FETCHES, False), (_SENDS, True)):
        if program in table:
            words = table[program]
            if words is None or asked in words:
                name = program if words is None else f"{program} {asked}"
                return Way(name, _API_OF_PROGRAM.get(program), sends)
    return None


def _http(program: str, args: Sequence[str]) -> Way | None:
    urls = [match for arg in args if (match := _URL.search(arg))]
    if urls and all(url[1] == "file" or _HERE.match(url[2]) for url in urls):
        return None
    hosts = [url for url in urls if url[1] != "file" and url[2] and "$" not in url[2]]
    api = hosts[0][2].lower() if hosts else None
    has_retry = any(arg.startswith(("--retry", "--tries")) for arg in args)
    return Way(program, api, _sends(program, args), has_retry)


def _sends(program: str, args: Sequence[str]) -> bool:
    for number, arg in enumerate(args):
        if _METHODS.match(arg):
            told = re.split(r"^-X|=", arg)[-1] or "".join(args[number + 1 : number + 2])
            told = "".join(args[number + 1 : number + 2]) if told in ("--request", "--method") else told
            if told.upper() not in _SAFE_METHODS:
                return True
        elif program in ("curl", "wget") and _WRITES_TO_OTHERS.match(arg):
            return True
    return program in ("http", "https") and any(
        re.match(r"(POST|PUT|PATCH|DELETE)$|\w+:?=", arg) for arg in args
    )
