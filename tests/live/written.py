"""What has been written to a stream that stands in for standard output or standard error."""

from __future__ import annotations

from io import BytesIO, TextIOWrapper


def written(stream: TextIOWrapper) -> bytes:
    stream.flush()
    assert isinstance(stream.buffer, BytesIO)
    return stream.buffer.getvalue()
