"""`import weft`: what it gives, what it loads, and that its page tells of all of it."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import weft

ROOT = Path(__file__).parent.parent
SOURCE = str(Path(weft.__path__[0]).parent)
PAGE = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")

# Slow to load: whoever only imports the names pays for none of them.
HEAVY = ["asyncio", "click", "jmespath", "msgspec", "multiprocessing", "rich", "ruamel", "subprocess"]


def in_a_new_interpreter(program: str) -> str:
    """Run ``program`` after the path to this Weft was set; return what it prints."""
    head = f"import sys; sys.path.insert(0, {SOURCE!r})\n"
    ran = subprocess.run(
        [sys.executable, "-I", "-W", "error", "-c", head + program],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_importing_weft_loads_nothing_heavy() -> None:
    loaded = f"print([name for name in {HEAVY} if name in sys.modules])"
    before = in_a_new_interpreter(loaded)  # an editable install may bring something along
    assert in_a_new_interpreter(f"import weft\n{loaded}") == before


def test_what_is_used_brings_along_no_more_than_it_needs() -> None:
    program = "import weft\nweft.Engine, weft.map, weft.Plan\nprint({'click', 'rich'} & {*sys.modules})"
    assert in_a_new_interpreter(program) == "set()\n"


def test_there_are_at_most_twenty_seven_names() -> None:
    # A workspace and its merge are said by words, as long as that is all; what is more needs a value each.
    assert len(weft.__all__) == len(set(weft.__all__)) <= 27


@pytest.mark.parametrize("name", weft.__all__)
def test_each_name_can_be_imported(name: str) -> None:
    in_a_new_interpreter(f"from weft import {name}")
    assert getattr(weft, name) is getattr(weft, name)


def test_a_star_gives_them_all() -> None:
    program = "from weft import *\nimport weft\nprint({*weft.__all__} <= {*globals()})"
    assert in_a_new_interpreter(program) == "True\n"


def test_aggregate_is_a_module_that_can_be_imported_from() -> None:
    program = "from weft import aggregate\nimport weft\nprint(aggregate is weft.aggregate)"
    assert in_a_new_interpreter(program) == "True\n"


def test_dir_tells_all_names_before_they_are_used() -> None:
    assert in_a_new_interpreter("import weft\nprint(set(weft.__all__) <= set(dir(weft)))") == "True\n"
    assert dir(weft) == sorted(dir(weft))


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'weft' has no attribute 'Ratee'"):
        weft.Ratee  # noqa: B018
    with pytest.raises(ImportError, match="cannot import name 'Ratee'"):
        from weft import Ratee  # noqa: F401, PLC0415


def test_the_version_is_the_one_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert weft.__version__ == project["version"]


def test_the_page_about_python_tells_of_each_name_and_of_no_other() -> None:
    headings = re.findall(r"^##+ (.*)$", PAGE, re.MULTILINE)
    named = [name for heading in headings for name in re.findall(r"`weft\.(\w+)`", heading)]
    assert sorted(named) == sorted(weft.__all__)


@pytest.mark.parametrize("name", weft.__all__)
def test_the_page_has_an_example_of_each_name(name: str) -> None:
    examples = "".join(re.findall(r"^(?:>>>|\.\.\.) .*\n", PAGE, re.MULTILINE))
    assert re.search(rf"\bweft\.{name}\b", examples)
