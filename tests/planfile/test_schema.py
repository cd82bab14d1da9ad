from __future__ import annotations

import json
import re
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from weft.planfile import loads, schema
from weft.planfile.keys import (
    ADAPT,
    AGGREGATE,
    CACHE,
    CACHE_OF_ALL,
    EACH,
    GROUP,
    HEALTH,
    LIMIT,
    LOCK,
    MERGE,
    PLAN,
    RETRY,
    RETRY_BUDGET,
    TASK,
    TIMEOUT,
    WORKSPACE,
)
from weft.planfile.shapes import Record

DOCS = Path(__file__).parents[2] / "docs" / "plan-file.md"


def test_the_shipped_schema_is_that_of_the_code() -> None:
    shipped = (files("weft.planfile") / "schema.json").read_text(encoding="utf-8")
    assert json.loads(shipped) == schema()


def test_every_key_of_the_schema_is_described() -> None:
    def keys(part: Any) -> list[Any]:
        if isinstance(part, dict):
            own = (
                list(part["properties"].values())
                if part.get("type") == "object" and "properties" in part
                else []
            )
            return own + [key for inner in part.values() for key in keys(inner)]
        return [key for inner in part for key in keys(inner)] if isinstance(part, list) else []

    assert len(keys(schema())) >= len(PLAN.keys) + len(TASK.keys) + len(AGGREGATE.keys)
    assert all(key["description"] for key in keys(schema()))


@pytest.mark.parametrize(
    ("title", "record"),
    [
        ("The plan", PLAN),
        ("A task", TASK),
        ("A source of values", EACH),
        ("A limit", LIMIT),
        ("How a rate adapts", ADAPT),
        ("A lock", LOCK),
        ("A group", GROUP),
        ("A retry", RETRY),
        ("A timeout", TIMEOUT),
        ("A workspace", WORKSPACE),
        ("A merge", MERGE),
        ("A cache", CACHE),
        ("The cache", CACHE_OF_ALL),
        ("Health", HEALTH),
        ("A retry budget", RETRY_BUDGET),
        ("An aggregate", AGGREGATE),
    ],
)
def test_the_docs_have_exactly_the_keys_of_the_code(title: str, record: Record[Any]) -> None:
    section = DOCS.read_text(encoding="utf-8").split(f"\n## {title}\n")[1].split("\n## ")[0]
    documented = re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)
    assert documented == [key.name for key in record.keys]


def test_the_plans_in_the_docs_can_be_read(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.md").touch()
    plans = re.findall(r"^```(yaml|toml|json)\n(.*?)^```", DOCS.read_text(encoding="utf-8"), re.M | re.S)
    assert plans
    for format, text in plans:
        assert loads(text, format=format, root=tmp_path).tasks
