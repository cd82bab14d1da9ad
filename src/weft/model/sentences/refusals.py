"""Why a folder is not removed."""

from __future__ import annotations

from typing import assert_never

from weft.model.refusal import ChangedSince, InUse, IsMountPoint, NotMerged, OutsideHome, Refusal, ThroughLink


def refusal_sentence(refusal: Refusal) -> str:
    """Return ``refusal`` in words that stand alone.

    >>> refusal_sentence(InUse("runs/r1/build"))
    '`runs/r1/build` is in use'
    """
    match refusal:
        case NotMerged(folder, state):
            return f"`{folder}` holds work that was not brought back: it is {state}"
        case ChangedSince(folder):
            return f"`{folder}` was changed after its task had ended"
        case InUse(folder, None):
            return f"`{folder}` is in use"
        case InUse(folder, pid):
            return f"`{folder}` is in use: process {pid} stands in it"
        case OutsideHome(folder, home):
            return f"`{folder}` does not lie in `{home}`, and nothing outside of that is removed"
        case ThroughLink(folder, link):
            return f"the way to `{folder}` leads through the link `{link}`"
        case IsMountPoint(folder, mount):
            return f"something is mounted at `{mount}`, so `{folder}` is not removed"
        case _:
            assert_never(refusal)
