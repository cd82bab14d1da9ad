from __future__ import annotations

import errno
import os
from io import BytesIO, StringIO, TextIOWrapper
from pathlib import Path

import pytest
from tests.live.written import written

from weft.live.streams import Streams


def test_a_reader_that_has_gone_stops_nothing() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "w") as stream:
        streams = Streams(stream, TextIOWrapper(BytesIO()))
        for _ in range(3):
            streams.out.data(b"x" * 100_000)
            streams.flush()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_disk_is_told_once_and_stops_nothing() -> None:
    lost: list[OSError] = []
    with open("/dev/full", "w") as full:
        streams = Streams(full, TextIOWrapper(BytesIO()), lost.append)
        for _ in range(3):
            streams.out.data(b"x" * 100_000)
            streams.flush()
    assert [error.errno for error in lost] == [errno.ENOSPC]


def test_two_streams_into_one_file_stay_in_order(tmp_path: Path) -> None:
    path = tmp_path / "both"
    with path.open("w") as one, open(os.dup(one.fileno()), "w") as other:
        streams = Streams(one, other)
        for number in range(3):
            streams.out.data(f"half {number}".encode())
            streams.err.line(f"line {number}")
        streams.flush()
    assert path.read_text().splitlines() == [f"{kind} {n}" for n in range(3) for kind in ("half", "line")]


def test_a_stream_without_bytes_below_takes_text() -> None:
    notebook = StringIO()
    streams = Streams(notebook, notebook)
    streams.out.data(b"caf\xc3\xa9 \xff\n")
    assert notebook.getvalue() == "café \ufffd\n"


def test_a_name_that_the_encoding_lacks_is_escaped() -> None:
    ascii_only = TextIOWrapper(BytesIO(), encoding="ascii")
    streams = Streams(ascii_only, ascii_only)
    streams.err.line("é \udc80")
    streams.flush()
    assert written(ascii_only) == b"\\xe9 \\udc80\n"
