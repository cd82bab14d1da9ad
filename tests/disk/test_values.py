from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from weft.disk.values import load, save


class Value(msgspec.Struct, frozen=True):
    name: str
    paths: dict[str, int] = {}


def test_a_value_comes_back_with_any_name_in_it(tmp_path: Path) -> None:
    value = Value("\udcff\n\0\\u", {"\udc80": 10**19})
    save(tmp_path / "value.json", value)
    assert load(tmp_path / "value.json", Value) == value
    assert (tmp_path / "value.json").read_bytes().isascii()
    assert [path.name for path in tmp_path.iterdir()] == ["value.json"]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"name": 1}', b"\xff"])
def test_what_is_no_such_value_is_told(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "value.json").write_bytes(content)
    with pytest.raises(ValueError):  # noqa: PT011  # whatever it says
        load(tmp_path / "value.json", Value)
