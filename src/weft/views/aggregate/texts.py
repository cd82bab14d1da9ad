"""Texts one after the other in one text: what comes first, what stands between, what is left out.

Knows texts and names of files. The files are read and written by `runtime.aggregates`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from weft.model.aggregate import HEADER
from weft.views.aggregate.attendance import Attendance, Made, Results, Supporter, counted
from weft.views.aggregate.identity import text_of
from weft.views.aggregate.lists import found_in
from weft.views.aggregate.markdown import cell, page


class Part(msgspec.Struct, frozen=True):
    """A piece of the merged text: whose it is, and the file that it comes from, if it was one."""

    supporter: Supporter
    file: str | None = None


class MergedFiles(Made, frozen=True, kw_only=True, tag="merge-files"):
    """What went into the file ``to``, and how large it became."""

    to: str
    rows: tuple[Part, ...]
    size_bytes: int

    def to_markdown(self) -> str:
        """Return a sentence and a table."""
        sentence = f"{counted(len(self.rows), 'text')} in {cell(self.to)}, {self.size_bytes:,} bytes."
        rows = ((cell(row.supporter), cell(row.file or "standard output")) for row in self.rows)
        return page(sentence + self.rest(), ("task", "text"), rows)


class MergedText(Made, frozen=True, kw_only=True, tag="merge-texts"):
    """The texts of all results one after the other."""

    text: str

    def to_markdown(self) -> str:
        """Return the text itself."""
        return self.text


def merge_texts(
    results: Results, *, header: str = HEADER, field: str | None = None, min_required: float | None = None
) -> MergedText:
    """Return the texts of all ``results`` one after the other, as `merge-files` of a plan does with files.

    Args:
        results: outcomes or values, by task or in a row; see `frequency`. What is no string is told as JSON.
        header: a line before each text, in which ``{task}`` stands for whose it is; empty for none.
        field: see `ordered`.
        min_required: see `ordered`.

    Raises:
        UsageError: ``field`` is no JMESPath or does not fit a result.
        TooFewResults: there are fewer results than are required.

    >>> print(merge_texts({"a": "one", "b": "two"}).text, end="")
    ## a
    one
    ## b
    two
    """
    attendance = Attendance(min_required)
    pieces = []
    for entry in found_in(results, field, attendance):
        text = entry.value if isinstance(entry.value, str) else text_of(entry.value)
        pieces += [heading(header, Part(entry.supporter)), text, missing_end(text[-1:].encode()).decode()]
    return MergedText(text="".join(pieces), **attendance.told())


def parts_of(found: Iterable[tuple[str, Iterable[str]]], to: str) -> Iterator[Part]:
    """Yield the files to merge, in order: each once, and not the one that they are written ``to``.

    Args:
        found: tasks in plan order, and the files of each in order.
        to: where the merged text goes.
    """
    seen = {to}
    for task, files in found:
        for file in files:
            if file not in seen:
                seen.add(file)
                yield Part(task, file)


def heading(header: str, part: Part) -> str:
    """Return the line that stands before a text.

    >>> heading("# {task}: {file}", Part("a", "a.md"))
    '# a: a.md\\n'
    """
    if not header:
        return ""
    line = header.replace("{file}", part.file or "").replace("{task}", str(part.supporter))
    return line if line.endswith("\n") else line + "\n"


def missing_end(last: bytes) -> bytes:
    """Return what a text lacks, that ends in ``last``, so that the next one begins on a new line."""
    return b"" if last in (b"", b"\n") else b"\n"
