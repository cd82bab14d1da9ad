from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from weft.api.results import results
from weft.errors import UsageError


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a task that needs two others."""
    monkeypatch.setenv("WEFT_RESULTS", str(tmp_path))
    given: list[tuple[str, str, Any]] = [
        ("survey[z.md]", "0.json", {"patterns": ["with"]}),
        ("survey[a.md]", "1.json", None),
    ]
    index = [{"task": task, "file": file} for task, file, _ in given]
    (tmp_path / "index.json").write_text(json.dumps(index), encoding="utf-8")
    for _, file, value in given:
        (tmp_path / file).write_text(json.dumps(value), encoding="utf-8")
    return tmp_path


def test_results_stand_in_the_order_of_the_index(folder: Path) -> None:
    assert list(results().items()) == [("survey[z.md]", {"patterns": ["with"]}), ("survey[a.md]", None)]


def test_a_task_that_needs_nothing_has_no_results(folder: Path) -> None:
    (folder / "index.json").write_text("[]", encoding="utf-8")
    assert results() == {}


@pytest.mark.parametrize("value", [None, ""])
def test_outside_of_a_task_the_error_says_where_it_belongs(
    value: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WEFT_RESULTS", raising=False)
    if value is not None:
        monkeypatch.setenv("WEFT_RESULTS", value)
    with pytest.raises(UsageError, match=r"WEFT_RESULTS is not set(?s:.)*under `weft run`"):
        results()


@pytest.mark.parametrize("name", ["index.json", "1.json"])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(UsageError, match=rf"{name}: can't be read: No such file"):
        results()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("index.json", ""),
        ("index.json", "{}"),
        ("index.json", '[{"task": "a"}]'),
        ("index.json", '[{"task": 1, "file": "0.json"}]'),
        ("0.json", '{"patterns": ['),
        ("0.json", "[" * 100_000),
    ],
)
def test_a_broken_file_is_named(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=f"{name}: is not what Weft wrote there: "):
        results()
