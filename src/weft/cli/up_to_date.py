"""`weft run` where nothing is left to do: says what it would say, and does nothing.

Loads as little as it can, no event loop, no parser of plans or command lines. What it does not know, and
all that is not as it was, goes the long way, which finds out the same and says why.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping, Sequence

from weft import __version__
from weft.cache.unchanged import Unchanged, blob_of, holds, load, place_of
from weft.cli.standard import let_go, make_sure_of_streams
from weft.live.kinds import DisplayKind, choose
from weft.live.streams import Lost, Streams
from weft.live.wording import group_line, totals
from weft.model.files import PLAN_NAMES, STATE_FOLDER

# What tasks are told, and may call Weft with; each other variable of Weft may be an option.
_NO_OPTIONS = ("WEFT_RUN_ID", "WEFT_TASK_ID", "WEFT_ATTEMPT", "WEFT_WORKSPACE", "WEFT_RESULTS")
BOLD = "\x1b[1m"
PLAIN = "\x1b[0m"


def run_if_up_to_date(args: Sequence[str], environment: Mapping[str, str] = os.environ) -> int | None:
    """Return the exit code of `weft` with ``args`` if there is nothing to do, else None.

    Args:
        args: what stands after `weft`.
        environment: the variables of this process.
    """
    began = time.perf_counter()
    wanted = _wanted(args, environment)
    if wanted is None:
        return None
    path, is_quiet = wanted
    root, name = os.path.split(path)
    try:
        with open(path, "rb") as file:
            known = load(root or ".", name, file.read(), __version__)
        if known is None or not holds(known, root, environment, time.time()) or _is_half_done(root):
            return None
        logs = _logs(known, root or ".")
        os.utime(place_of(root or ".", name))  # it was used, and so was each of the results
    except OSError:
        return None
    make_sure_of_streams()
    lost: list[OSError] = []
    _say(known, logs, lost.append, is_quiet=is_quiet, environment=environment, began=began)
    try:
        let_go()
    except OSError as error:
        lost.append(error)
    return _refused(lost[0]) if lost else 0


def _refused(error: OSError) -> int:
    """Tell that the output could not be written; what that takes is loaded here, since it is seldom."""
    from weft.cli import codes, faults  # noqa: PLC0415

    faults.tell(error)
    return codes.ExitCode.INTERNAL


def _wanted(args: Sequence[str], environment: Mapping[str, str]) -> tuple[str, bool] | None:
    """Return the plan that is to be run, and whether it is quiet; None for all that is not so simple."""
    if args[:1] != ["run"] or environment.get("GITHUB_ACTIONS"):
        return None
    if any(name.startswith("WEFT_") and name not in _NO_OPTIONS for name in environment):
        return None
    plans = [arg for arg in args[1:] if arg not in ("-q", "--quiet")]
    if len(plans) > 1 or any(plan.startswith("-") for plan in plans):
        return None
    found = plans or [name for name in PLAN_NAMES if os.path.lexists(name)]
    return (found[0], len(args) - 1 > len(plans)) if len(found) == 1 else None


def _is_half_done(root: str) -> bool:
    """Tell whether a run that was cut off may have left something that the next one completes."""
    try:
        return bool(set(os.listdir(os.path.join(root, STATE_FOLDER, "publish"))) - {"lock"})
    except FileNotFoundError:
        return False


def _logs(known: Unchanged, root: str) -> list[tuple[str, bytes, bytes]]:
    return [
        (task, _content(root, stdout) if stdout else b"", _content(root, stderr) if stderr else b"")
        for task, stdout, stderr in known.logs
    ]


def _content(root: str, digest: str) -> bytes:
    with open(blob_of(root, digest), "rb") as file:
        return file.read()


def _say(
    known: Unchanged,
    logs: Sequence[tuple[str, bytes, bytes]],
    lost: Lost,
    *,
    is_quiet: bool,
    environment: Mapping[str, str],
    began: float,
) -> None:
    kind = choose(json=False, quiet=is_quiet, is_terminal=sys.stderr.isatty(), environment=environment)
    if kind is DisplayKind.QUIET:
        return
    streams = Streams(sys.stdout, sys.stderr, lost)
    for task, stdout, stderr in logs:
        streams.err.line(group_line(task))
        for sink, content in ((streams.out, stdout), (streams.err, stderr)):
            if content:
                sink.end_line()
                sink.data(content)
    seconds = time.perf_counter() - began
    line = totals(known.n_tasks, seconds, {"succeeded": known.n_tasks}, known.n_tasks)
    streams.err.line(f"{BOLD}{line}{PLAIN}" if kind is DisplayKind.TTY else line)
    streams.flush()
