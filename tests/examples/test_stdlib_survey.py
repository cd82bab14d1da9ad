from __future__ import annotations

import ast
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "stdlib_survey"


def load(name: str) -> ModuleType:
    """Import a file of the example, which is a folder of scripts and no package."""
    spec = importlib.util.spec_from_file_location(f"stdlib_survey_{name}", EXAMPLE / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(script: str, *args: str, cwd: Path = EXAMPLE, **env: str) -> str:
    command = [sys.executable, str(EXAMPLE / script), *args]
    ran = subprocess.run(
        command, cwd=cwd, env=os.environ | env, capture_output=True, text=True, encoding="utf-8", check=False
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def give_results(folder: Path, results: dict[str, Any]) -> None:
    """Write what a task finds under WEFT_RESULTS."""
    index = [{"task": task, "file": f"{number}.json"} for number, task in enumerate(results)]
    (folder / "index.json").write_text(json.dumps(index), encoding="utf-8")
    for entry in index:
        (folder / entry["file"]).write_text(json.dumps(results[entry["task"]]), encoding="utf-8")


# The table of patterns

PATTERNS = load("patterns")

# A source that uses the pattern, and one that comes near.
SNIPPETS = {
    "module docstring": ('"""Text."""', "'a' + 'b'"),
    "__all__": ("__all__ = ['f']", "def f():\n    __all__ = []"),
    'if __name__ == "__main__"': (
        "if __name__ == '__main__':\n    f()",
        "if __name__ != '__main__':\n    f()",
    ),
    "optional import": (
        "try:\n    import a\nexcept (ImportError, OSError):\n    a = None",
        "try:\n    import a\nexcept OSError:\n    a = None",
    ),
    "relative import": ("from . import a", "from a import b"),
    "global": ("def f():\n    global a", "a = 1"),
    "nested function": (
        "def f():\n    if a:\n        async def g(): pass",
        "class A:\n    def f(self): pass",
    ),
    "nonlocal": ("def f():\n    a = 1\n    def g():\n        nonlocal a", "def f():\n    global a"),
    "lambda": ("f = lambda: 1", "def f(): return 1"),
    "generator": ("def f():\n    yield 1", "f = (a for a in b)"),
    "yield from": ("def f():\n    yield from a", "def f():\n    yield a"),
    "*args or **kwargs": ("def f(*args): pass", "f(*args, **kwargs)"),
    "keyword-only parameter": ("def f(*, a): pass", "def f(a=1, *args): pass"),
    "positional-only parameter": ("def f(a, /): pass", "def f(a): pass"),
    "decorator": ("@a.b(1)\nclass A: pass", "class A: pass"),
    "parameter annotation": ("def f(a: int): pass", "def f(a) -> int: pass"),
    "return annotation": ("async def f() -> int: pass", "def f(a: int): pass"),
    "variable annotation": ("a: int", "a = int"),
    "async function": ("async def f(): pass", "def f(): pass"),
    "await": ("async def f(): await a", "async def f(): pass"),
    "class": ("class A: pass", "A = type('A', (), {})"),
    "inheritance": ("class A(b.B): pass", "class A(object): pass"),
    "metaclass": ("class A(metaclass=B): pass", "class A(b=B): pass"),
    "dataclass": ("@dataclasses.dataclass(frozen=True)\nclass A: pass", "@frozen\nclass A: pass"),
    "__slots__": ("class A:\n    __slots__: tuple = ()", "__slots__ = ()"),
    "property": (
        "class A:\n    @property\n    def a(self): pass",
        "class A:\n    @a.setter\n    def a(self, b): pass",
    ),
    "class or static method": (
        "class A:\n    @classmethod\n    def f(cls): pass",
        "class A:\n    def f(self): pass",
    ),
    "super()": ("super().f()", "a.super()"),
    "__repr__": ("class A:\n    def __repr__(self): pass", "class A:\n    def __str__(self): pass"),
    "context manager class": ("class A:\n    async def __aenter__(self): pass", "with a: pass"),
    "context manager function": (
        "@contextlib.contextmanager\ndef f():\n    yield",
        "import contextlib\ndef f():\n    yield",
    ),
    "with": ("async def f():\n    async with a: pass", "a.__enter__()"),
    "try/except": ("try: a\nexcept B: pass", "try: a\nfinally: b"),
    "try/finally": ("try: a\nfinally: b", "try: a\nexcept B: pass"),
    "bare except": ("try: a\nexcept: pass", "try: a\nexcept BaseException: pass"),
    "raise from": ("raise A from None", "raise A"),
    "assert": ("assert a", "self.assertTrue(a)"),
    "match": ("match a:\n    case 1: pass", "match = re.match(a, b)"),
    "loop with else": ("for a in b: pass\nelse: c", "for a in b:\n    if a: pass\n    else: c"),
    "del": ("del a", "a.__del__()"),
    "comprehension": ("a = {b: c for b, c in d}", "a = {b: c}"),
    "conditional expression": ("a = b if c else d", "if c: a = b"),
    "walrus": ("if (a := b): pass", "a = b"),
    "f-string": ("a = f'{b}'", "a = '{b}'"),
    "%-formatting": ("a = '%s' % b", "a = b % 2"),
    "str.format": ("a = '{}'.format(b)", "a = format(b)\nb.format(a)\nc()()\nb.format().d(a)"),
    "isinstance": ("isinstance(a, b)", "a.isinstance(b)"),
} | {
    f"imports {module}": (
        f"def f():\n    import a, {module}.b as c",
        f"from . import {module}\nfrom .{module} import a\nimport {module}x\nfrom a import {module}",
    )
    for module in PATTERNS.IMPORTS
}


def test_each_pattern_has_its_snippets() -> None:
    assert list(SNIPPETS) == [pattern.name for pattern in PATTERNS.PATTERNS]


@pytest.mark.parametrize("name", SNIPPETS)
def test_a_pattern_is_seen_where_it_is_used_and_only_there(name: str) -> None:
    used, near = SNIPPETS[name]
    assert name in PATTERNS.patterns_in(ast.parse(used))
    assert name not in PATTERNS.patterns_in(ast.parse(near))


def test_an_import_is_seen_in_both_its_forms() -> None:
    tree = ast.parse("import os.path\nfrom collections.abc import Mapping")
    assert PATTERNS.patterns_in(tree) == {"imports os", "imports collections"}


# One survey


def survey(folder: Path, name: str, files: list[str]) -> dict[str, Any]:
    give_results(folder, {"list": {name: files}})
    found: dict[str, Any] = json.loads(run("survey.py", name, WEFT_RESULTS=str(folder)))
    return found


def test_a_survey_tells_what_all_files_of_a_module_use_in_the_order_of_the_table(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("import re\nlambda: 1", encoding="utf-8")
    (tmp_path / "b.py").write_bytes(b"# coding: latin-1\n'''\xe9'''\nlambda: 2")
    files = [str(tmp_path / "a.py"), str(tmp_path / "b.py")]
    assert survey(tmp_path, "a", files) == {
        "module": "a",
        "n_files": 2,
        "patterns": ["module docstring", "lambda", "imports re"],
        "unreadable": [],
    }


@pytest.mark.parametrize(
    "source",
    [
        b"print 'a'",
        b"# coding: nonsense",
        b"'\xff'",
        b"a\0",
        b"(" * 10_000,
        b"-" * 100_000 + b"1",
    ],
)
def test_a_file_that_can_not_be_parsed_is_told_and_does_not_hide_the_others(
    source: bytes, tmp_path: Path
) -> None:
    broken, sound = tmp_path / "broken.py", tmp_path / "sound.py"
    broken.write_bytes(source)
    sound.write_text("assert a", encoding="utf-8")
    found = survey(tmp_path, "a", [str(broken), str(sound)])
    assert (found["patterns"], found["unreadable"]) == (["assert"], [str(broken)])


def test_a_survey_starts_without_weft() -> None:
    seen = run_python("import survey, sys; print('weft' in sys.modules)")
    assert seen == "False"


def run_python(program: str) -> str:
    command = [sys.executable, "-S", "-c", program]
    return subprocess.run(command, cwd=EXAMPLE, capture_output=True, text=True, check=True).stdout.strip()


# The plan


@pytest.fixture(scope="module")
def sources() -> dict[str, list[str]]:
    found: dict[str, list[str]] = json.loads(run("sources.py"))
    return found


@pytest.fixture(scope="module")
def tasks() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run("plan.py"))["tasks"]
    return found


def test_the_plan_has_a_task_for_each_package_and_module_with_source(
    sources: dict[str, list[str]], tasks: dict[str, Any]
) -> None:
    surveyed = tasks["package"]["each"]["module"] + tasks["module"]["each"]["module"]
    assert sorted(surveyed) == [name for name, files in sources.items() if files]
    assert len(surveyed) > 100


def test_the_plan_starts_the_packages_first(tasks: dict[str, Any]) -> None:
    assert tasks["package"]["duration"] > tasks["module"]["duration"] > 0


def test_sources_are_those_of_this_python_without_its_tests(sources: dict[str, list[str]]) -> None:
    assert list(sources) == sorted(sys.stdlib_module_names)
    assert sources["sys"] == []
    assert sources["ast"] == ["ast.py"]
    assert {"json/__init__.py", "json/decoder.py"} <= set(sources["json"])
    assert "unittest/case.py" in sources["unittest"]
    files = [Path(file) for files in sources.values() for file in files]
    assert {"test", "tests", "idle_test"}.isdisjoint(part for file in files for part in file.parts)
    assert not any(file.is_absolute() for file in files)


# The findings


def surveyed(*patterns: str) -> dict[str, Any]:
    return {"module": "", "n_files": 1, "patterns": list(patterns), "unreadable": []}


RESULTS = {
    "list": {"zlib": [], "json": ["json/__init__.py"], "abc": ["abc.py"], "sys": []},
    "package[json]": surveyed("class", "with") | {"module": "json", "n_files": 5},
    "module[abc]": surveyed("class", "__slots__") | {"module": "abc", "unreadable": ["abc.py"]},
    "module[ast]": surveyed("class") | {"module": "ast"},
}


def find(folder: Path, **env: str) -> tuple[str, str]:
    folder.mkdir()
    give_results(folder, RESULTS)
    run("findings.py", cwd=folder, WEFT_RESULTS=str(folder), **env)
    return (folder / "findings.json").read_text("utf-8"), (folder / "findings.md").read_text("utf-8")


def test_the_findings_are_the_same_bytes_wherever_they_are_made(tmp_path: Path) -> None:
    one = find(tmp_path / "one", PYTHONHASHSEED="1")
    assert one == find(tmp_path / "two", PYTHONHASHSEED="2")
    assert str(tmp_path) not in "".join(one)


def test_the_findings_hold_what_is_common_and_the_surveys_in_plan_order(tmp_path: Path) -> None:
    findings = json.loads(find(tmp_path / "run")[0])
    assert findings["patterns"]["rows"] == [
        {"element": "class", "count": 3, "frequency": 1.0, "supporters": ["json", "abc", "ast"]}
    ]
    assert [survey["module"] for survey in findings["modules"]] == ["json", "abc", "ast"]
    assert findings["without_source"] == ["zlib", "sys"]


def test_the_findings_can_be_read(tmp_path: Path) -> None:
    page = find(tmp_path / "run")[1]
    assert "1 of 3 elements stand in at least 40% of 3 results." in page
    assert "| class | 3 | 100.0 | json, abc, ast |" in page
    assert "Without Python source here: `zlib`, `sys`." in page
    assert "Files that Python can't parse: `abc.py`." in page
    assert "| `json` | 5 | 2 |" in page
