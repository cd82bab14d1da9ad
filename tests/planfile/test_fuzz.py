"""Whatever stands in a file, the answer is a plan or a PlanError."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from weft.errors import PlanError
from weft.planfile import Format, loads
from weft.planfile.keys import AGGREGATE, EACH, GROUP, LIMIT, PLAN, TASK

VALID: dict[Format, str] = {
    "yaml": """\
max_concurrent: 4
limits: {gpu: 1, cpu: {pool: 3}}
env: &env {LEVEL: 1.50}
tasks:
  fetch: |
    curl "$URL"
  build: {run: [make, 2], needs: fetch, each: {os: [a, 3.10]}, env: {<<: *env, OS: "{os}"}, cwd: "o/{os}"}
  test: {run: 't {n}', each: {n: ['1', " "]}, needs: [build, "build[a]"], limits: {cpu: 2}, duration: 1m,
    result: json}
aggregates: {c: {from: [test], strategy: frequency, field: "[].name", threshold: 50%}}
""",
    "json": r"""
{"limits": {"gpu": {"pool": 2}}, "tasks": {"a": "x\u00e9", "b": {"run": ["y", 1], "needs": ["a"],
 "each": {"n": [1, 2.5e3, true]}, "priority": "low", "result": "json", "limits": {"gpu": 1}}}}""",
    "toml": """\
max_concurrent = 4
limits.gpu = 1
[tasks]
a = 'x'
[tasks.b]
run = \"\"\"
echo {n}\"\"\"
needs = ["a", ]
result = "lines"
each = { n = [1, 0x1F, 2.5, 1979-05-27] }
[aggregates.c]
from = "b"
strategy = "frequency"
""",
}

formats = st.sampled_from(("yaml", "json", "toml"))
texts = st.text(st.characters(codec="utf-8")) | st.text(
    st.sampled_from("{}[]:,-?&*!|>'\"%@`#<=. \n\tab01\\~")
)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | texts
keys = st.text() | st.sampled_from(
    [key.name for record in (PLAN, TASK, AGGREGATE, EACH, LIMIT, GROUP) for key in record.keys] + ["a", "b"]
)
values = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(keys, inner), max_leaves=25)
tasks = st.dictionaries(
    keys,
    scalars
    | st.fixed_dictionaries(
        {"run": values}, optional=dict.fromkeys([key.name for key in TASK.keys if key.name != "run"], values)
    ),
)


def load_safely(text: str, format: Format) -> None:
    try:
        loads(text, format=format)
    except PlanError as error:
        str(error)


@given(texts, formats)
def test_any_text(text: str, format: Format) -> None:
    load_safely(text, format)


@given(values)
def test_any_value(value: Any) -> None:
    text = json.dumps(value)
    load_safely(text, "json")
    load_safely(text, "yaml")


@given(tasks, values, values, values)
def test_anything_under_the_right_keys(tasks: Any, limits: Any, env: Any, aggregates: Any) -> None:
    plan = {"tasks": tasks, "limits": limits, "env": env, "aggregates": aggregates}
    load_safely(json.dumps(plan), "json")


@given(formats, st.data())
def test_a_valid_plan_with_something_cut_and_something_put_in(format: Format, data: st.DataObject) -> None:
    text = VALID[format]
    for _ in range(data.draw(st.integers(0, 3))):
        start = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(start, min(len(text), start + 8)))
        text = text[:start] + data.draw(texts) + text[end:]
    load_safely(text, format)


def test_the_plans_to_be_mutated_are_valid() -> None:
    for format, text in VALID.items():
        assert loads(text, format=format).tasks
