from __future__ import annotations

import os
from pathlib import Path

import pytest

from weft.disk.held import held, hold, is_held, let_go


def test_one_at_a_time_holds_a_lock_until_it_lets_go(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    assert not is_held(path)
    fd = hold(path)
    assert is_held(path)
    with pytest.raises(BlockingIOError):
        hold(path)
    let_go(fd)
    assert not is_held(path)
    with held(path):
        assert is_held(path)
    let_go(hold(path))


def test_a_child_that_was_forked_meanwhile_does_not_keep_it(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with held(path):
        inherited = os.dup(_descriptor_of(path))  # the same open file, as a fork has it
    assert not is_held(path)
    os.close(inherited)


def test_a_lock_is_never_put_on_what_a_link_leads_to(tmp_path: Path) -> None:
    (tmp_path / "lock").symlink_to("elsewhere")
    with pytest.raises(OSError, match="symbolic links"):
        hold(tmp_path / "lock")
    assert not (tmp_path / "elsewhere").exists()


def _descriptor_of(path: Path) -> int:
    for name in os.listdir("/proc/self/fd"):
        if os.path.islink(f"/proc/self/fd/{name}") and os.path.samefile(f"/proc/self/fd/{name}", path):
            return int(name)
    raise AssertionError(f"nobody has {path} open")
