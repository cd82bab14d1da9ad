from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.runtime.makeflags import Fifo, Pipe, can_be_told, jobserver_in, with_jobserver

FIFO = "/run/jobs"
OURS = "-j4 --jobserver-auth=fifo:/run/jobs --jobserver-f=97,98"

WORDS = st.sampled_from(
    (
        *(
            "k",
            "ks",
            "n",
            "kj8",
            "-k",
            "-kj8",
            "-j",
            "-j8",
            "8",
            "--jobs=3",
            "--jobs",
            "-l",
            "2.5",
            "--",
            "X=1",
        ),
        *(
            "--jobserver-auth=3,4",
            "--jobserver-fds=5,6",
            "--jobserver-auth=fifo:/tmp/other",
            "--jobserver-f=1,2",
        ),
        *("--jobserver-auth=", "--jobserver-style=pipe", "CC=gcc\\ -O2", "\\", "--output-sync=target"),
    )
)
FLAGS = st.lists(WORDS, max_size=8).map(" ".join) | st.text()


@pytest.mark.parametrize(
    ("makeflags", "server"),
    [
        ("", None),
        ("k", None),
        (" -j4", None),
        (" -j4 --jobserver-auth=3,4", Pipe(3, 4)),
        (" --jobserver-fds=3,4 -j", Pipe(3, 4)),
        ("ks -j4 --jobserver-auth=fifo:/tmp/GMfifo1", Fifo("/tmp/GMfifo1")),
        (" --jobserver-auth=fifo:/tmp/my\\ fifo", Fifo("/tmp/my fifo")),
        ("--jobserver-fds=3,4 --jobserver-auth=5,6", Pipe(5, 6)),  # as cargo has it
        (" --jobserver-auth=fifo:/a --jobserver-auth=fifo:/b", Fifo("/b")),
        (" --jobserver-auth=-2,-2", None),
        (" --jobserver-auth=3", None),
        (" --jobserver-auth=fifo:", None),
        (" --jobserver-auth=gmake_semaphore_1234", None),  # of Windows
        (" -j4 -- X=--jobserver-auth=3,4", None),
        (" -- --jobserver-auth=3,4", None),
    ],
)
def test_the_last_jobserver_among_the_options_counts(makeflags: str, server: Fifo | Pipe | None) -> None:
    assert jobserver_in(makeflags) == server


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", f" {OURS}"),
        ("ks", f"ks {OURS}"),
        (" -k", f" {OURS} -k"),
        (" -j8 --jobserver-auth=3,4 --no-print-directory", f" {OURS} --no-print-directory"),
        ("k -j 8 -- CC=gcc\\ -O2 -j9", f"k {OURS} -- CC=gcc\\ -O2 -j9"),
        ("--jobs 8 -l 2", f" {OURS} -l 2"),
        ("VERBOSE=n", f" {OURS} VERBOSE=n"),  # not the first word, where an `n` would be a flag
    ],
)
def test_what_else_stands_in_the_flags_is_kept(before: str, after: str) -> None:
    assert with_jobserver(before, 4, FIFO) == after


@given(FLAGS)
def test_our_jobserver_is_the_one_that_is_found(makeflags: str) -> None:
    assert jobserver_in(with_jobserver(makeflags, 4, FIFO)) == Fifo(FIFO)


@given(FLAGS)
def test_being_told_twice_is_being_told_once(makeflags: str) -> None:
    once = with_jobserver(makeflags, 4, FIFO)
    assert with_jobserver(once, 4, FIFO) == once


@given(st.lists(st.sampled_from(["-k", "-s", "X=1", "--trace", "--output-sync=line"])))
def test_all_other_words_stay_in_their_order(words: list[str]) -> None:
    found = with_jobserver(" ".join(words), 4, FIFO).split()
    assert found == [*OURS.split(), *words]


@given(st.text().filter(can_be_told))
def test_a_path_that_can_be_told_is_read_back(path: str) -> None:
    assert jobserver_in(with_jobserver("", 1, path)) == Fifo(path)


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
def test_make_understands_the_flags_that_it_is_given(tmp_path: Path) -> None:
    (tmp_path / "Makefile").write_text("all:\n\t@echo '$(X)' '$(findstring k,$(firstword $(MAKEFLAGS)))'\n")
    flags = with_jobserver("k -j8 -- X=a\\ b", 4, FIFO)
    # The tests themselves may be run by a make.
    environment = {name: value for name, value in os.environ.items() if "MAKE" not in name}
    environment["MAKEFLAGS"] = flags
    made = subprocess.run(["make"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    assert made.stdout == "a b k\n"
