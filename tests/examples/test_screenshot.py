"""The picture of the README is one of a real run, and tells nothing of the machine it was made on."""

from __future__ import annotations

import getpass
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from tests.cli.process import environment

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "examples" / "screenshot" / "screenshot.py"
PICTURE = ROOT / "docs" / "images" / "run.svg"
PARTS = ("$ weft run", "sample[3] failed: exit code 1", "spin[fine]", "waiting: pool `dryer`", "/18")


def shown(picture: Path) -> str:
    """Return the text of a picture; that it is well-formed is seen by that."""
    texts = ET.parse(picture).getroot().iter("{http://www.w3.org/2000/svg}text")
    return "".join(text.text or "" for text in texts).replace("\N{NO-BREAK SPACE}", " ")


def test_a_run_is_drawn_as_it_stands(tmp_path: Path) -> None:
    picture = tmp_path / "run.svg"
    subprocess.run([sys.executable, SCRIPT, picture, "3.4"], check=True, env=environment(), timeout=60)
    assert [part for part in PARTS if part not in shown(picture)] == []


def test_the_picture_is_one_of_this_run() -> None:
    assert [part for part in PARTS if part not in shown(PICTURE)] == []


@pytest.mark.parametrize("private", [r"/\w+/\w", r"\b" + re.escape(getpass.getuser()) + r"\b", r"\w+@\w+"])
def test_the_picture_names_no_place_and_nobody(private: str) -> None:
    assert not re.search(private, shown(PICTURE))


def test_the_picture_loads_nothing() -> None:
    assert re.findall(r"url\((?!#)|@import|@font-face|href=", PICTURE.read_text(encoding="utf-8")) == []
