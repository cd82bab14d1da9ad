"""Which display a run gets: by what its user wants, and where standard error goes.

Loads nothing: also a run in which there is nothing to do asks this.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum


class DisplayKind(Enum):
    """The displays that there are."""

    JSON = "json"
    QUIET = "quiet"
    TTY = "tty"
    PLAIN = "plain"


def choose(*, json: bool, quiet: bool, is_terminal: bool, environment: Mapping[str, str]) -> DisplayKind:
    """Return the display for these wishes and this surrounding.

    Args:
        json: the user asked for events as JSON.
        quiet: the user asked for failures only.
        is_terminal: standard error is a terminal.
        environment: the variables of the process; ``CI``, ``NO_COLOR`` and ``TERM`` are looked at.

    >>> choose(json=False, quiet=False, is_terminal=True, environment={"NO_COLOR": "1"})
    <DisplayKind.PLAIN: 'plain'>
    """
    if json:
        return DisplayKind.JSON
    if quiet:
        return DisplayKind.QUIET
    no_color = environment.get("NO_COLOR", "") != ""
    in_ci = environment.get("CI", "").lower() not in ("", "0", "false")
    dumb = environment.get("TERM", "") == "dumb"
    return DisplayKind.TTY if is_terminal and not (no_color or in_ci or dumb) else DisplayKind.PLAIN
