from __future__ import annotations

import gc
import json
import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.errors import PlanError
from weft.model.plan import Plan
from weft.planfile import Format, loads
from weft.planfile.json_tree import json_tree
from weft.planfile.notes import Notes
from weft.planfile.toml_tree import toml_tree
from weft.planfile.tree import Items, Node, Scalar, Table, spot_at
from weft.planfile.yaml_tree import yaml_tree

YAML = """
max_concurrent: 4
limits: {gpu: 1, cpu: {pool: 3}}
env: {LEVEL: 1.50, QUIET: true}
tasks:
  fetch: ./fetch.sh
  build:
    run: [make, "-j", 2]
    needs: fetch
    each: {os: [linux, 3.10], mode: {list: [true]}}
    env: {OS: "{os}"}
    cwd: out/{os}
    limits: {cpu: 2, max_concurrent: 2}
    priority: High
    duration: 1m30s
  test:
    run: "run-tests\\n"
    needs: [build, "build[linux,true]"]
    result: lines
    duration: 5
aggregates:
  common: {from: [test], strategy: frequency, field: "[].name", threshold: 50%}
"""
JSON = r"""
{"max_concurrent": 4,
 "limits": {"gpu": 1, "cpu": {"pool": 3}},
 "env": {"LEVEL": 1.50, "QUIET": true},
 "tasks": {
   "fetch": ".\/fetch.sh",
   "build": {"run": ["make", "-j", 2], "needs": "fetch",
     "each": {"os": ["linux", 3.10], "mode": {"list": [true]}},
     "env": {"OS": "{os}"}, "cwd": "out/{os}", "limits": {"cpu": 2, "max_concurrent": 2},
     "priority": "HIGH", "duration": "1m30s"},
   "test": {"run": "run-tests\n", "needs": ["build", "build[linux,true]"], "result": "lines", "duration": 5}},
 "aggregates": {"common": {"from": "test", "strategy": "frequency", "field": "[].name", "threshold": 0.5}}}
"""
TOML = """
max_concurrent = 4
limits.gpu = 1
limits.cpu.pool = 3
env = { LEVEL = 1.50, QUIET = true }

[tasks]
fetch = "./fetch.sh"

[tasks.build]
run = ["make", "-j", 2]
needs = "fetch"
each = { os = ["linux", 3.10], mode = { list = [true] } }
env.OS = "{os}"
cwd = "out/{os}"
limits = { cpu = 2, max_concurrent = 2 }
priority = "high"
duration = "1m30s"

[tasks.test]
run = '''
run-tests
'''
needs = ["build", "build[linux,true]"]
result = "lines"
duration = 5

[aggregates.common]
from = ["test"]
strategy = "frequency"
field = "[].name"
threshold = "50%"
"""


def refused(text: str, format: Format = "yaml") -> str:
    with pytest.raises(PlanError) as caught:
        loads(text, name="plan", format=format)
    return str(caught.value)


def test_the_three_formats_say_the_same() -> None:
    from_yaml, from_json, from_toml = loads(YAML), loads(JSON, format="json"), loads(TOML, format="toml")
    assert from_yaml == from_json == from_toml
    assert [task.id for task in from_yaml.tasks] == [
        "fetch",
        "build[linux,true]",
        "build[3.10,true]",
        "test",
    ]


def test_a_text_of_unknown_format_is_json_if_it_starts_with_a_brace_and_else_yaml() -> None:
    assert loads(JSON, format=None) == loads(YAML, format=None)


def test_tasks_stand_in_the_order_written() -> None:
    names = ["z", "a", "m", "10", "9", "B"]
    text = json.dumps({"tasks": dict.fromkeys(names, "true")})
    toml = "[tasks]\n" + "".join(f"{name} = 'true'\n" for name in names)
    plans: list[Plan] = [loads(text), loads(text, format="json"), loads(toml, format="toml")]
    assert [[task.id for task in plan.tasks] for plan in plans] == [names] * 3


def test_words_that_older_yaml_took_for_something_else_are_strings() -> None:
    plan = loads("tasks: {on: echo, off: {run: [no, yes, 2024-01-01, 1:30, 0o17, 1_000]}}")
    assert [task.id for task in plan.tasks] == ["on", "off"]
    assert getattr(plan.tasks[1].work, "run", None) == ("no", "yes", "2024-01-01", "1:30", "0o17", "1_000")


def test_anchors_aliases_and_merge_keys_work() -> None:
    text = """
tasks:
  a: &a {run: make a, env: &env {A: 1}, priority: high}
  b: {<<: *a, run: make b}
  c: {<<: [{priority: low}, *a], env: {<<: *env, B: 2}}
"""
    a, b, c = loads(text).tasks
    assert (b.priority, getattr(b.work, "run", None)) == (a.priority, "make b")
    assert c.priority < a.priority
    assert getattr(c.work, "env", None) == {"A": "1", "B": "2"}


def test_a_bomb_of_aliases_is_refused() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    assert "aliases repeat more than" in refused("\n".join(lines))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("tasks: &a {b: *a}", "contains itself"),
        ("tasks: *a", "no anchor"),
        ("tasks: {<<: 5}", "`<<` takes in mappings"),
        ("tasks: !!python/object:os.system x", "has no place in a plan"),
        ("tasks: {[a]: b}", "a key must be a name"),
        ("tasks: {}\n---\ntasks: {}", "plan:2: a second document"),
        ("tasks:\n  a: b\n a: c", "plan:3: not YAML"),
        ("a: 'b", "not YAML"),
        ("tasks: {a: \x07}", "a character that YAML does not allow"),
        ("tasks: {a: {run: x, duration: " + "9" * 5000 + "}}", "too many digits"),
        ("tasks:\n  a: x\n  b: y\n  a: z", "plan:4: the key `a` stands here and in line 2"),
    ],
)
def test_broken_yaml_is_told_with_its_line(text: str, said: str) -> None:
    assert said in refused(text)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("tasks:\n\ta: x", "indent with spaces"),
        ("tasks:\n  a: @x", "put the value into quotes"),
        ("tasks:\n  a: echo x: y", "a value with `: ` in it"),
        ("tasks:\n  a: x\n b: y", "begin in one column"),
        ("tasks: {a: echo {x}}", "put a value with one of `{}[],` in it into quotes"),
        ("tasks: {a: {needs: [b}}", "close what is open"),
        ("tasks:\n  a: 'x", "close the quotes"),
        ("tasks:\n  a: |\n  x\n", "indent the line as those above"),
        ('tasks:\n  a: "\\d"', "take single quotes"),
        ("tasks: {a: {run: x, reads: *.txt}}", "a pattern that begins with `*`"),
    ],
)
def test_what_is_often_wrong_in_yaml_is_told_with_what_to_do(text: str, hint: str) -> None:
    assert hint in refused(text).partition("hint: ")[2]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"tasks": {"a": "x",\n"a": "y"}}', "plan:2: the key `a` stands here and in line 1"),
        ('{"tasks": {"a": "x",}}', "not JSON"),
        ('{"tasks":\n\n tru}', "plan:3: not JSON: expected a value"),
        ('{"tasks": {}} x', "text after the end"),
        ('{"tasks": {"a": "x\ty"}}', "Invalid control character"),
        ('{"max_concurrent": ' + "9" * 5000 + "}", "too many digits"),
        ('{"tasks": {"a": "\\ud800"}}', "no program can be given"),
    ],
)
def test_broken_json_is_told_with_its_line(text: str, said: str) -> None:
    assert said in refused(text, "json")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[tasks]\na = 'x'\na = 'y'", "plan:3: not TOML: Cannot overwrite a value"),
        ("[tasks]\n[tasks]", "plan:2: not TOML: Cannot declare"),
        ("[tasks]\na = ", "plan:2: not TOML"),
        ("a = " + "9" * 5000, "not TOML"),
    ],
)
def test_broken_toml_is_told_with_its_line(text: str, said: str) -> None:
    assert said in refused(text, "toml")


DEEP: list[tuple[str, Format]] = [
    ("[" * 100_000, "yaml"),
    ("- " * 100_000, "yaml"),
    ("[" * 100_000, "json"),
    ('{"a":' * 100_000, "json"),
    ("a = " + "[" * 100_000, "toml"),
    ("a = " + "[" * 100 + "]" * 100, "toml"),
    (".".join("a" * 100) + " = 1", "toml"),
]


@pytest.mark.parametrize(("text", "format"), DEEP)
def test_absurd_nesting_is_refused(text: str, format: Format) -> None:
    gc.collect()  # or what others have left may be taken away where the stack is nearly full
    assert "levels deep" in refused(text, format)


SPOTTED = """# a comment
"max_concurrent"= 4
limits.gpu = 1
[tasks.a]   # [not.a.table]
run = ""\"
[tasks.b]
x = 1 ""\""
needs = [ # why
  "b",
  'c', ]
env = {A = 1, "B.C" = {D = "}"}}
[tasks."b c".env]
X = 1979-05-27 07:32:00
[[extra]]
n = 1
[[extra]]
n = 2
[extra.sub]
m = [[1], [2,
  {k = 3}]]
"""


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("max_concurrent",), 2),
        (("limits", "gpu"), 3),
        (("tasks",), 4),
        (("tasks", "a", "run"), 5),
        (("tasks", "a", "needs", 0), 9),
        (("tasks", "a", "needs", 1), 10),
        (("tasks", "a", "env", "B.C", "D"), 11),
        (("tasks", "b c"), 12),
        (("tasks", "b c", "env", "X"), 13),
        (("extra", 0, "n"), 15),
        (("extra", 1, "n"), 17),
        (("extra", 1, "sub", "m", 1, 1, "k"), 20),
        (("extra", 1, "sub", "m", 7), 19),
    ],
)
def test_toml_knows_the_line_of_each_key(path: tuple[str | int, ...], line: int) -> None:
    assert spot_at(toml_tree(SPOTTED, Notes("plan")), path).line == line


def values_in(node: Node) -> Any:
    match node:
        case Scalar(value):
            return value
        case Items(nodes):
            return [values_in(inner) for inner in nodes]
        case Table(nodes):
            return {name: values_in(inner) for name, inner in nodes.items()}


def test_every_value_of_a_toml_text_keeps_its_place() -> None:
    loaded = tomllib.loads(SPOTTED)
    loaded["tasks"]["b c"]["env"]["X"] = "1979-05-27 07:32:00"
    assert values_in(toml_tree(SPOTTED, Notes("plan"))) == loaded


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=15,
)


@given(json_values, st.booleans(), st.sampled_from([None, 1, "\t"]))
def test_json_values_are_those_of_the_json_module(value: Any, ascii_only: bool, indent: int | str) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent)
    assert values_in(json_tree(text, Notes("plan"))) == json.loads(text)


@given(st.text(st.sampled_from('{}[]",:0123.eE+- \\/untrflsai\n\t\x00é')))
def test_a_text_is_json_exactly_if_the_json_module_says_so(text: str) -> None:
    try:
        expected = repr(json.loads(text))
    except ValueError:
        with pytest.raises(PlanError):
            json_tree(text, Notes("plan"))
    else:
        notes = Notes("plan")
        tree = json_tree(text, notes)
        try:
            notes.raise_if_any()
        except PlanError as error:
            assert "stands here and in line" in str(error)  # noqa: PT017  # a key twice, which json lets pass
        else:
            assert repr(values_in(tree)) == expected


@given(json_values.filter(lambda value: "Infinity" not in json.dumps(value)))
def test_yaml_reads_what_json_writes(value: Any) -> None:
    text = json.dumps(value)
    try:
        assert values_in(yaml_tree(text, Notes("plan"))) == json.loads(text)
    except PlanError as error:
        # Long keys and half a surrogate pair are JSON but not YAML.
        assert "not YAML" in str(error) or "does not allow" in str(error)  # noqa: PT017
