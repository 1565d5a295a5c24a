"""Words for the length of one test. It must not leave one behind: tags are the whole process's."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from protocol import words
from protocol.words import Upcast, Word


@contextlib.contextmanager
def registered(
    tag: str, cls: type[Any], *, version: int = 1, upcasts: dict[int, Upcast] | None = None
) -> Iterator[Word]:
    """Registers a class as a word with its upcasters; at the end of the block the tag is free again."""
    words.word(tag, version=version)(cls)
    for from_version, step in (upcasts or {}).items():
        words.upcast(tag, from_version)(step)
    try:
        yield words.word_of_class(cls)
    finally:
        del words._by_tag[tag], words._by_class[cls]
        for from_version in upcasts or {}:
            del words._upcasts[tag, from_version]
