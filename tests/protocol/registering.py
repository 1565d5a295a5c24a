"""Messages for the length of one test. It must not leave one behind: tags are the whole process's."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from protocol import message as messages
from protocol.message import MessageType, Upcast


@contextlib.contextmanager
def registered(
    tag: str, cls: type[Any], *, version: int = 1, upcasts: dict[int, Upcast] | None = None
) -> Iterator[MessageType]:
    """Registers a class as a message with its upcasters; at the end of the block the tag is free again."""
    messages.message(tag, version=version)(cls)
    for from_version, step in (upcasts or {}).items():
        messages.upcast(tag, from_version)(step)
    try:
        yield messages.message_type_of(cls)
    finally:
        del messages._by_tag[tag], messages._by_class[cls]
        for from_version in upcasts or {}:
            del messages._upcasts[tag, from_version]
