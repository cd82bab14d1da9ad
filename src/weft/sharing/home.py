"""Where the processes of one user meet: a folder that is theirs alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from weft.sharing.base import CannotShare


def sharing_folder(environment: Mapping[str, str]) -> Path:
    """Return the folder for what is shared, made if need be.

    It is ``WEFT_STATE_HOME`` if that is set, else ``weft`` in ``XDG_STATE_HOME``, else in `~/.local/state`.

    Raises:
        CannotShare: it can't be made.
    """
    try:
        folder = _state_home(environment) / "sharing"
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
    except (OSError, RuntimeError) as error:  # the latter when nobody knows where the user lives
        raise CannotShare(f"can't make the folder for limits that processes share: {error}") from error
    return folder


def _state_home(environment: Mapping[str, str]) -> Path:
    if own := environment.get("WEFT_STATE_HOME"):
        return Path(own).absolute()
    # A relative path in XDG_STATE_HOME is to be ignored, says the XDG base directory specification.
    if (xdg := Path(environment.get("XDG_STATE_HOME", ""))).is_absolute():
        return xdg / "weft"
    return Path.home() / ".local" / "state" / "weft"
