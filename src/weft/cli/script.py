"""The command of `weft map`: where the name goes, and that it stays one word there."""

from __future__ import annotations

import re
import shlex

import msgspec

from weft.errors import UsageError
from weft.planfile.placeholders import needs_quotes
from weft.planfile.quotes import quoted_offsets
from weft.planfile.wording import printable

# As in plan files: `${}` is the shell's own, and the doubled braces stand for the text `{}`.
_BRACES = re.compile(r"\$\{\}|\{(\{\})\}|\{\}")

# Behind one of these a name would not be an argument of the command before.
_ENDS_A_COMMAND = (";", "&", "|", "(", "\\")


class Script(msgspec.Struct, frozen=True):
    """A script for the shell: the name goes between its ``parts``, into quotes if ``in_quotes`` says so.

    >>> Script.of("gzip -k {}").with_name("my file")
    "gzip -k 'my file'"
    >>> Script.of("gzip -k").with_name("file")
    'gzip -k file'
    """

    parts: tuple[str, ...]
    in_quotes: bool

    @classmethod
    def of(cls, command: str) -> Script:
        """Return the script of ``command``; without a place for the name it is the last argument.

        Raises:
            UsageError: the command is empty, or a name behind it would be none of its arguments.
        """
        if not command.strip():
            raise UsageError("the command is empty; expected one such as 'gzip -k {}'")
        places = _places(command)
        if not places:
            command = f"{command.strip()} {{}}"
            places = [len(command) - 2]
            _refuse_a_lost_name(command, places[0])
        quoted = quoted_offsets(command)
        ends = [0, *(place + 2 for place in places)]
        parts = tuple(command[begin:end] for begin, end in zip(ends, [*places, len(command)], strict=True))
        return cls(tuple(map(_single, parts)), not quoted.isdisjoint(places))

    def with_name(self, name: str) -> str:
        """Return the script for ``name``.

        Raises:
            UsageError: the name would not stay one word where it stands.
        """
        if self.in_quotes and needs_quotes(name):
            raise UsageError(
                "`{}` stands inside quotes, a comment or a here-document, "
                f"where the name `{printable(name)}` would not stay one word\n"
                "  hint: it is quoted already: take the quotes away"
            )
        return shlex.quote(name).join(self.parts)


def _places(command: str) -> list[int]:
    return [match.start() for match in _BRACES.finditer(command) if match[0] == "{}"]


def _single(part: str) -> str:
    """Return ``part`` with its doubled braces as the text that they stand for."""
    return _BRACES.sub(lambda match: match[1] or match[0], part)


def _refuse_a_lost_name(command: str, place: int) -> None:
    if place in quoted_offsets(command) or command[: place - 1].endswith(_ENDS_A_COMMAND):
        raise UsageError(
            f"a name at the end of `{printable(command[: place - 1])}` would be none of its arguments\n"
            "  hint: write {} where the name belongs"
        )
