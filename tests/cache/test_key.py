"""What a task consists of, told in digests that are the same everywhere and differ where it matters."""

from __future__ import annotations

import dataclasses
import enum
import os
import random
import socket
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from datetime import datetime
from decimal import Decimal
from functools import lru_cache, partial
from pathlib import Path, PurePosixPath
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.cache.key import CannotFingerprint, Fingerprint, Fingerprints
from weft.model.cache import Cache
from weft.model.work import Call, Command


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


@dataclasses.dataclass
class Point:
    x: int
    y: Any = None


def generated() -> Iterator[int]:
    yield 1


class Plain:
    def __init__(self, value: Any) -> None:
        self.value = value


def nothing(*args: Any, **kwargs: Any) -> None:
    """Take anything."""


def of(*args: Any, **kwargs: Any) -> Fingerprint:
    return Fingerprints({}).of(Call(nothing, args, kwargs), Cache())


def of_function(function: Callable[..., Any], version: str = "") -> str:
    return Fingerprints({}).of(Call(function), Cache(version=version)).key


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    """Return a function that makes a module `job` of a source, anew each time."""

    def load(source: str) -> ModuleType:
        module = ModuleType("job")
        module.__file__ = str(tmp_path / "job.py")
        monkeypatch.setitem(sys.modules, "job", module)
        exec(compile(source, module.__file__, "exec"), vars(module))
        return module

    return load


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(max_size=3), inner, max_size=3)
        | st.builds(Point, st.integers(), inner)
        | st.sets(st.text(max_size=2) | st.integers(), max_size=4)
    ),
    max_leaves=12,
)


def copied(value: Any) -> Any:
    """Return an equal value that shares nothing with it and has its mappings and sets the other way round."""
    match value:
        case dict():
            return {key: copied(item) for key, item in reversed(value.items())}
        case list() | tuple():
            return type(value)(map(copied, value))
        case set():
            return {*sorted(value, key=repr, reverse=True)}
        case Point(x, y):
            return Point(x, copied(y))
        case _:
            return value


@given(JSON)
def test_equal_arguments_have_equal_keys(value: Any) -> None:
    assert of(value, again=value) == of(copied(value), again=copied(value))


@given(JSON, JSON)
def test_arguments_that_differ_have_different_keys(one: Any, other: Any) -> None:
    if repr(one) != repr(copied(other)) and one != other:
        assert of(one).key != of(other).key


@pytest.mark.parametrize(
    "values",
    [
        (1, 1.0, True, "1", b"1", 1 + 0j),
        ([1, 2], (1, 2), {1, 2}, [2, 1], [[1], 2], {1: 2}),
        ("ab", ["a", "b"], ["ab", ""], {"a": "b"}),
        (0.0, -0.0, float("nan"), float("inf")),
        (Colour.RED, Colour.BLUE, 1),
        (Point(1), Point(2), Point(1, [])),
        (Path("a"), PurePosixPath("a"), "a"),
        (datetime(2020, 1, 1), datetime(2020, 1, 2)),
        (Decimal("1.0"), Decimal("1.00")),
        (Plain(1), Plain(2)),
        (partial(nothing, 1), partial(nothing, 2), nothing),
        (frozenset({1}), {1}),
    ],
)
def test_different_things_have_different_keys(values: tuple[Any, ...]) -> None:
    assert len({of(value).key for value in values}) == len(values)


def test_what_holds_itself_is_told() -> None:
    def circle(size: int) -> Any:
        first: list[Any] = [size]
        first.append({"back": first})
        return first

    assert of(circle(1)) == of(circle(1))
    assert of(circle(1)).key != of(circle(2)).key


def test_what_is_shared_many_times_is_told_quickly() -> None:
    value: Any = 1
    for _ in range(60):
        value = [value, value]
    assert of(value) == of(value)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda s: ([1], {"x": s}), r"argument 2, key `x`: a socket.socket"),
        (
            lambda s: ([0, Point(1, s)],),
            r"argument 1, item 1 \(a .*Point\), its attributes, key `y`: a socket",
        ),
        (lambda s: (threading.Lock(),), r"argument 1: a _thread.lock"),
        (lambda s: (iter(generated()),), r"argument 1: a generator"),
    ],
)
def test_what_can_not_be_fingerprinted_is_named(make: Callable[[Any], Any], message: str) -> None:
    with socket.socket() as made, pytest.raises(CannotFingerprint, match=message):
        of(*make(made))


def test_what_goes_on_for_ever_is_refused() -> None:
    value: Any = []
    for _ in range(5_000):
        value = [value]
    with pytest.raises(CannotFingerprint, match="nested too deeply"):
        of(value)


SOURCE = textwrap.dedent("""
    import json
    LIMIT = 5
    NAMES = {"a", "b", "c"}

    def help(x):
        return x + LIMIT

    class Tool:
        size = 3
        def turn(self, x):
            return help(x) * self.size

    def work(x, y=2):
        return json.dumps([Tool().turn(x), y, x in {"p", "q", "r"}, sorted(NAMES)])
""")


def test_lines_and_comments_do_not_count(load: Callable[[str], ModuleType]) -> None:
    one = of_function(load(SOURCE).work)
    assert of_function(load("\n\n# a comment" + SOURCE).work) == one


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("x + LIMIT", "x - LIMIT"),
        ("LIMIT = 5", "LIMIT = 6"),
        ("size = 3", "size = 4"),
        ("help(x) *", "help(x) +"),
        ("y=2", "y=3"),
        ('{"p", "q", "r"}', '{"p", "q"}'),
        ('"a", "b", "c"', '"a", "b"'),
        ("json.dumps", "json.dump"),
    ],
)
def test_what_a_function_leads_to_counts(load: Callable[[str], ModuleType], old: str, new: str) -> None:
    one = of_function(load(SOURCE).work)
    assert old in SOURCE
    assert of_function(load(SOURCE.replace(old, new)).work) != one


def test_what_it_does_not_use_does_not_count(load: Callable[[str], ModuleType]) -> None:
    assert of_function(load(SOURCE + "\nOTHER = 1\n").work) == of_function(load(SOURCE).work)


@pytest.mark.parametrize(
    ("source", "old", "new"),
    [
        ("def make(n):\n    def work(): return n\n    return work\nwork = make(1)", "make(1)", "make(2)"),
        ("from functools import partial\ndef f(a): return a + 1\nwork = partial(f, 2)", "a + 1", "a + 2"),
        ("from functools import cache\n@cache\ndef work(): return 1", "return 1", "return 2"),
        ("class A:\n    def f(self): return 1\nwork = A().f", "return 1", "return 2"),
        ("class A:\n    def f(self): return 1\nf = A().f\ndef work(): return f()", "return 1", "return 2"),
        ("class A:\n    @staticmethod\n    def f(): return 1\nwork = A.f", "return 1", "return 2"),
        (
            "class A:\n    @property\n    def f(self): return 1\ndef work(): return A().f",
            "return 1",
            "return 2",
        ),
        ("class B:\n    def f(self): return 1\nclass A(B): ...\ndef work(): return A().f", "return 1", "2"),
        ("class A:\n    def __call__(self): return 1\nwork = A()", "return 1", "return 2"),
        ("def a(n): return b(n - 1)\ndef b(n): return n and a(n) + 1\nwork = a", "+ 1", "+ 2"),
        ("work = lambda: (lambda: 1)()", "1", "2"),
        ("from contextlib import contextmanager\n@contextmanager\ndef work(): yield 1", "yield 1", "yield 2"),
        ("import enum\nclass E(enum.Enum):\n    A = 1\ndef work(): return E.A", "A = 1", "A = 2"),
        (
            "import dataclasses as d\n@d.dataclass\nclass E:\n    a: int = 1\ndef work(): return E()",
            "= 1",
            "= 2",
        ),
        ("def f(): return 1\nTABLE = {'a': [f]}\ndef work(): return TABLE['a'][0]()", "return 1", "return 2"),
        ("async def work(): return 1", "return 1", "return 2"),
    ],
)
def test_code_counts_wherever_it_is(
    load: Callable[[str], ModuleType], source: str, old: str, new: str
) -> None:
    one = of_function(load(source).work)
    assert of_function(load(source).work) == one
    assert of_function(load(source.replace(old, new)).work) != one


def test_many_functions_that_call_each_other_are_told_quickly(load: Callable[[str], ModuleType]) -> None:
    calls = " + ".join(f"f{n}(x)" for n in range(40))
    source = "\n".join(f"def f{n}(x): return {n} + {calls}" for n in range(40))
    assert of_function(load(source).f0) == of_function(load(source).f0)


def test_modules_beside_it_count_and_installed_ones_do_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = []
    for n in (1, 2):
        for name in ("beside_it", "its_script"):
            sys.modules.pop(name, None)
        (tmp_path / "beside_it.py").write_text(f"def f(): return {n}\n")
        (tmp_path / "its_script.py").write_text(
            "import beside_it, hypothesis\ndef a(): return beside_it.f(), hypothesis.given\n"
            "def b():\n    from beside_it import f\n    return f()\n"
        )
        monkeypatch.syspath_prepend(str(tmp_path))
        monkeypatch.setattr(sys, "dont_write_bytecode", True)
        script = __import__("its_script")
        keys.append((of_function(script.a), of_function(script.b)))
    for name in ("beside_it", "its_script"):
        sys.modules.pop(name)
    assert keys[0][0] != keys[1][0]
    assert keys[0][1] != keys[1][1]


def test_a_lock_among_the_globals_is_named_unless_a_version_stands_for_it(
    load: Callable[[str], ModuleType],
) -> None:
    job = load("import threading\nLOCK = threading.Lock()\ndef work():\n    with LOCK: return 1\n")
    with pytest.raises(CannotFingerprint, match=r"function `job.work`, global `LOCK`: a _thread.lock"):
        of_function(job.work)
    assert of_function(job.work, version="1") != of_function(job.work, version="2")


def test_what_others_have_made_is_told_by_name(load: Callable[[str], ModuleType]) -> None:
    job = load(
        "import os, random\nfrom random import choice\nimport logging\nlog = logging.getLogger('x')\n"
        "def work():\n    log.info(os.environ)\n    return random.random(), choice([1]), len(os.sep)\n"
    )
    one = of_function(job.work)
    random.random()
    assert of_function(job.work) == one


@lru_cache
def cached_function() -> int:
    return 1


def test_a_function_of_others_can_be_a_task() -> None:
    assert of_function(os.path.getsize) != of_function(os.path.getmtime)
    assert of_function(len) != of_function(abs)
    assert of_function(str.upper) != of_function(str.lower)
    assert of_function(cached_function) == of_function(cached_function)


def test_keys_are_the_same_in_every_process(tmp_path: Path) -> None:
    (tmp_path / "job.py").write_text(SOURCE)
    program = """if True:
        import job
        from weft.cache.key import Fingerprints
        from weft.model.cache import Cache
        from weft.model.work import Call
        value = {"set": {"x", "y", "z", "w"}, "frozen": frozenset("abcdef"), "list": [{"k": {"m", "n"}}]}
        print(Fingerprints({}).of(Call(job.work, (value,)), Cache()).key)
    """
    keys = {
        subprocess.run(
            [sys.executable, "-c", program],
            cwd=tmp_path,
            env=os.environ | {"PYTHONHASHSEED": seed, "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "2")
    }
    assert len(keys) == 1


def test_the_fields_of_a_command_are_told_apart() -> None:
    def fields(command: Command, cache: Cache, results: dict[str, Any] | None = None) -> set[str]:
        one = Fingerprints({"A": "1"}).of(Command("make"), Cache())
        other = Fingerprints({"A": "1"}).of(command, cache, results)
        names = {*one.fields, *other.fields}
        assert one.key != other.key
        return {name for name in names if one.fields.get(name) != other.fields.get(name)}

    assert fields(Command(("make",)), Cache()) == {"command"}
    assert fields(Command("make", cwd="x"), Cache()) == {"directory"}
    assert fields(Command("make"), Cache(env=("A",))) == {"variable `A`"}
    assert fields(Command("make"), Cache(inputs=("a",))) == {"declared inputs"}
    assert fields(Command("make"), Cache(version="2")) == {"version"}
    assert fields(Command("make"), Cache(), {"up": [1]}) == {"result of `up`"}


def test_how_long_a_result_is_good_is_no_part_of_the_task() -> None:
    assert Fingerprints({}).of(Command("make"), Cache(ttl_s=5, restore=True)) == Fingerprints({}).of(
        Command("make"), Cache()
    )
