from __future__ import annotations

from pathlib import Path

import pytest

from weft.sharing.base import CannotShare
from weft.sharing.home import sharing_folder


def test_weft_has_a_variable_of_its_own(tmp_path: Path) -> None:
    environment = {"WEFT_STATE_HOME": str(tmp_path / "weft"), "XDG_STATE_HOME": str(tmp_path / "xdg")}
    assert sharing_folder(environment) == tmp_path / "weft" / "sharing"


def test_else_it_is_where_the_desktop_keeps_states(tmp_path: Path) -> None:
    assert sharing_folder({"XDG_STATE_HOME": str(tmp_path)}) == tmp_path / "weft" / "sharing"


def test_nobody_else_may_look_inside(tmp_path: Path) -> None:
    folder = sharing_folder({"WEFT_STATE_HOME": str(tmp_path)})
    assert folder.stat().st_mode & 0o777 == 0o700
    assert sharing_folder({"WEFT_STATE_HOME": str(tmp_path)}) == folder


def test_a_folder_that_can_not_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CannotShare, match="can't make the folder"):
        sharing_folder({"WEFT_STATE_HOME": str(tmp_path / "file")})
