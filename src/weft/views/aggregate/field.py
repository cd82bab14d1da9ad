"""Where in a result something stands: a JMESPath, made into a function.

Knows JMESPath and its mistakes. What is done with what is found is the matter of those who ask.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from warnings import catch_warnings

import jmespath
import msgspec
from jmespath.exceptions import EmptyExpressionError, IncompleteExpressionError, LexerError, ParseError
from jmespath.functions import Functions

from weft.errors import UsageError
from weft.planning.nearest import nearest
from weft.views.aggregate.identity import canonical


def field_reader(field: str | None, called: str = "field") -> Callable[[Any], Any]:
    """Return a function from a result to what stands under ``field``, a JMESPath, or to the result itself.

    Messages say that ``field`` is so ``called``.

    Raises:
        UsageError: ``field`` is no JMESPath. Raised here, before any result is there; what the
            function that is returned raises is a UsageError as well.
    """
    if field is None:
        return lambda result: result
    try:
        with catch_warnings(action="ignore", category=PendingDeprecationWarning):
            expression = jmespath.compile(field)  # which warns of an old way to write literals
    except (ValueError, RecursionError) as error:  # jmespath's own errors are ValueErrors
        raise UsageError(f"{called} {_what_is_wrong(field, error)}") from error
    _check_functions(field, expression.parsed, called)

    def find(result: Any) -> Any:
        document = msgspec.json.decode(canonical(result))
        try:
            return expression.search(document)
        except (ValueError, TypeError) as error:
            raise UsageError(f"{called} `{field}`: {error}") from error

    return find


def _what_is_wrong(field: str, error: Exception) -> str:
    match error:
        case RecursionError():
            return f"`{field[:60]}…` is no JMESPath that can be read: it is nested too deeply"
        case EmptyExpressionError():
            return "is empty; expected a JMESPath, or None for the whole result"
        case IncompleteExpressionError():
            why, position = "it ends too early", len(field)
        case LexerError():
            why, position = error.message, error.lexer_position
        case ParseError():
            why, position = error.msg, error.lex_position
        case _:
            return f"`{field}` is no JMESPath: {error}"
    return f"`{field}` is no JMESPath: {why}, at character {position + 1}\n  {field}\n  {' ' * position}^"


def _check_functions(field: str, node: Mapping[str, Any], called: str) -> None:
    """Refuse functions that JMESPath doesn't have: the library itself notices when it calls them."""
    known = Functions.FUNCTION_TABLE
    if node["type"] == "function_expression" and node["value"] not in known:
        near = nearest(node["value"], known)
        hint = f"\n  hint: did you mean `{near}`?" if near else ""
        at = field.find(node["value"]) + 1
        raise UsageError(
            f"{called} `{field}` calls `{node['value']}`, which JMESPath does not have,"
            f" at character {at}{hint}"
        )
    for child in node["children"]:
        if isinstance(child, dict):
            _check_functions(field, child, called)
