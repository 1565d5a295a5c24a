"""Compares one value with what a search asks for."""

from __future__ import annotations

import datetime
import operator
import re
from collections.abc import Callable
from typing import Any, Final

from gateway.documents.read import to_scalar
from gateway.search.keys import Key
from protocol.errors import BadInput

_orders: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "<": operator.lt, ">": operator.gt, "<=": operator.le, ">=": operator.ge, "=": operator.eq, "!=": operator.ne,
}  # fmt: skip

_older_words: Final = {
    "migratingfrom": "migrating",
    "migratingto": "migrating",
    "powereddown": "down",
    "poweroff": "down",
}


def comparison(key: Key, sign: str, text: str, case_sensitive: bool) -> Callable[[Any], bool]:
    """A test of one value. Raises `BadInput` when the text is none of the key's type."""
    if key.choices:
        text = _older_words.get(_squeezed(text), text)
        inner = _of_text(sign, _squeezed(text), True)
        return lambda value: inner(_squeezed(str(value)))
    if key.type is str:
        return _of_text(sign, text, case_sensitive)
    order = _orders[sign]
    if key.type is datetime.datetime:
        first, after = _span(text)
        if sign in ("=", "!="):
            return lambda value: (first <= value < after) == (sign == "=")
        return lambda value: order(value, first)
    wanted = to_scalar(text, key.type, "search")
    return lambda value: order(value, wanted)


def _squeezed(word: str) -> str:
    """`Powering_Up` and `poweringup` are the same word: the older search language had no underscores."""
    return word.lower().replace("_", "").replace("-", "")


def _of_text(sign: str, text: str, case_sensitive: bool) -> Callable[[Any], bool]:
    if sign in ("=", "!="):
        parts = [re.escape(part) for part in text.split("*")]
        if len(parts) > 10:
            raise BadInput("The search has too many wildcards.", remedy="Use at most nine.", field="search")
        pattern = re.compile(".*".join(parts), re.DOTALL if case_sensitive else re.DOTALL | re.IGNORECASE)
        return lambda value: (pattern.fullmatch(str(value)) is not None) == (sign == "=")
    order = _orders[sign]
    if case_sensitive:
        return lambda value: order(str(value), text)
    folded = text.casefold()
    return lambda value: order(str(value).casefold(), folded)


def _span(text: str) -> tuple[datetime.datetime, datetime.datetime]:
    """From when to when a time given by a day or a moment lasts."""
    try:
        if len(text) <= 10:
            day = datetime.datetime.combine(datetime.date.fromisoformat(text), datetime.time(), datetime.UTC)
            return day, day + datetime.timedelta(days=1)
        moment = datetime.datetime.fromisoformat(text)
        moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=datetime.UTC)
        return moment, moment + datetime.timedelta(seconds=1)
    except (ValueError, OverflowError) as error:
        raise BadInput(
            f"{text!r:.80} is not a time.", remedy="Write 2030-01-31 or 2030-01-31T12:00:00Z.", field="search"
        ) from error
