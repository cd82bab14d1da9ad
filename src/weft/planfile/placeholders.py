"""Placeholders: `{doc}` in the texts of a fan-out, and what is put in their place.

Only the names that the fan-out's `each` declares are placeholders. `${doc}` belongs to the shell and stays;
`{{doc}}` stands for the text `{doc}`. Every other brace stays as it is.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping

from weft.planfile.quotes import quoted_offsets


class Placeholders:
    """The placeholders with these names.

    >>> Placeholders(["doc"]).fill("cat {doc} ${doc} {{doc}} {1..3}", {"doc": "a b"})
    'cat a b ${doc} {doc} {1..3}'
    """

    def __init__(self, names: Iterable[str]) -> None:
        any_name = "|".join(names)
        self._pattern = re.compile(rf"\$\{{(?:{any_name})\}}|\{{\{{({any_name})\}}\}}|\{{({any_name})\}}")

    def fill(self, text: str, values: Mapping[str, str]) -> str:
        """Return ``text`` with ``values`` in it, as they are."""
        if "{" not in text:
            return text
        return self._pattern.sub(lambda match: _filled(match, values), text)

    def fill_script(self, script: str, values: Mapping[str, str]) -> str:
        """Return ``script`` with ``values`` in it, each quoted so that the shell takes it as one word."""
        return self.fill(script, {name: shlex.quote(value) for name, value in values.items()})

    def in_quotes(self, script: str) -> list[str]:
        """Return the names of the placeholders that stand inside quotes, where a quoted value breaks."""
        quoted = quoted_offsets(script)
        matches = self._pattern.finditer(script)
        return list(dict.fromkeys(match[2] for match in matches if match[2] and match.start() in quoted))


def needs_quotes(value: str) -> bool:
    """Tell whether the shell would not take ``value`` as it is."""
    return shlex.quote(value) != value


def _filled(match: re.Match[str], values: Mapping[str, str]) -> str:
    literal, name = match.groups()
    if name is not None:
        return values[name]
    return match[0] if literal is None else f"{{{literal}}}"
