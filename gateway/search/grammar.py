"""Parses the search language into a tree.

    Vms: name = my* and (status = up or cluster.name = "Default 2") sortby name desc page 2

Words side by side mean *and*. `and` binds tighter than `or`.
"""

from __future__ import annotations

import functools
import re
from typing import Any, Final

import attrs
import lark

from protocol.errors import BadInput

_characters_max: Final = 4_096
_depth_max: Final = 50
_terms_max: Final = 30

_prefix: Final = re.compile(r"\s*([A-Za-z_]+)\s*:(?=\s|[A-Za-z*(\"']|$)")
_grammar: Final = r"""
    start: [any] [sort] [page]
    any: all (_OR all)*
    all: _part (_AND? _part)*
    _part: "(" any ")" | term | text
    term: WORD OPERATOR (WORD | QUOTED)
    text: WORD | QUOTED
    sort: _SORTBY WORD [ORDER]
    page: _PAGE WORD
    _AND.3: /and(?=[\s(]|$)/i
    _OR.3: /or(?=[\s(]|$)/i
    _SORTBY.3: /sortby(?=\s)/i
    _PAGE.3: /page(?=\s+[0-9]+\s*$)/i
    ORDER.3: /(asc|desc)(?=\s|$)/i
    OPERATOR: "!=" | "<=" | ">=" | "=" | "<" | ">"
    QUOTED: /"[^"]*"/ | /'[^']*'/
    WORD: /[^\s()=!<>"',;]+/
    %ignore /[\s,;]+/
"""


@attrs.frozen
class Term:
    """`key operator value`; `key` is split at the dots."""

    key: tuple[str, ...]
    operator: str
    value: str


@attrs.frozen
class Text:
    """A bare word: looked for in every text that is searched."""

    value: str


@attrs.frozen
class All:
    parts: tuple[Any, ...]


@attrs.frozen
class AnyOf:
    parts: tuple[Any, ...]


@attrs.frozen
class Query:
    """A whole search. `page` counts from 1, 0 means all."""

    prefix: str = ""
    condition: Any = None
    sort: tuple[str, ...] = ()
    descending: bool = False
    page: int = 0


class _Build(lark.Transformer[lark.Token, Query]):
    def start(self, items: list[Any]) -> Query:
        condition, sort, page = items
        by, descending = sort or ((), False)
        return Query(condition=condition, sort=by, descending=descending, page=page or 0)

    def any(self, items: list[Any]) -> Any:
        return items[0] if len(items) == 1 else AnyOf(tuple(items))

    def all(self, items: list[Any]) -> Any:
        return items[0] if len(items) == 1 else All(tuple(items))

    def term(self, items: list[Any]) -> Term:
        key, operator, value = items
        return Term(_key(str(key)), str(operator), _unquoted(value))

    def text(self, items: list[Any]) -> Text:
        return Text(_unquoted(items[0]))

    def sort(self, items: list[Any]) -> tuple[tuple[str, ...], bool]:
        return _key(str(items[0])), items[1] is not None and str(items[1]).lower() == "desc"

    def page(self, items: list[Any]) -> int:
        return max(1, int(items[0]))


def _key(text: str) -> tuple[str, ...]:
    return tuple(text.lower().split("."))


def _unquoted(token: Any) -> str:
    return str(token)[1:-1] if token.type == "QUOTED" else str(token)


_parser: Final = lark.Lark(_grammar, parser="lalr", maybe_placeholders=True)


@functools.lru_cache(1_024)
def parse_search(text: str) -> Query:
    """Raises `BadInput` that points to the place."""
    if len(text) > _characters_max:
        raise BadInput(f"The search has {len(text)} characters.", remedy=f"At most {_characters_max} are allowed.")
    if text.count("(") > _depth_max:
        raise BadInput("The search has too many parentheses.", remedy=f"At most {_depth_max} are allowed.")
    prefix = _prefix.match(text)
    rest = text[prefix.end() :] if prefix else text
    try:
        query = _Build().transform(_parser.parse(rest))
    except lark.exceptions.UnexpectedInput as error:
        where = getattr(error, "column", 0)
        raise BadInput(
            f"The search {text!r:.200} cannot be read at character {where if where and where > 0 else len(rest)}.",
            remedy='Example: name = "my vm" and status != up sortby name desc page 2.',
            field="search",
        ) from error
    if (terms := _terms_of(query.condition)) > _terms_max:
        raise BadInput(
            f"The search has {terms} words and conditions.",
            remedy=f"At most {_terms_max} are allowed: use a wildcard, or search more than once.",
            field="search",
        )
    return attrs.evolve(query, prefix=prefix.group(1).lower() if prefix else "")


def _terms_of(condition: Any) -> int:
    """Each is asked of each object: a thousand would keep everybody else waiting."""
    return sum(map(_terms_of, condition.parts)) if isinstance(condition, All | AnyOf) else 1
