"""The shapes every command has, so that the gateway can build any of them from the registry.

*Add* has `document` and `parent_id`; *update* adds `id` and reads only the attributes that are set; *remove* has
`force`; an action has `id` and parameters of its own.
"""

from __future__ import annotations

from typing import Final

import attrs

from protocol.document import not_yet, parameter
from protocol.message import Message

ADDRESS_FIELDS: Final = frozenset({"id", "parent_id", "member_ids", "document", "kind", "relation", "holder"})
"""Fields of commands that path and body of a request say; its query and the command line's options say the others."""


@attrs.frozen(kw_only=True)
class Command(Message):
    """`id` is the object acted upon ("" when one is added), `parent_id` the one it lives in (a NIC's VM).

    One that acts on a part of a part declares `member_ids: tuple[str, ...]` too: the parts between, the outermost first.
    """

    id: str = ""
    parent_id: str = ""


@attrs.frozen(kw_only=True)
class Add(Command):
    """Adds the object that `document` describes."""

    document: Message


@attrs.frozen(kw_only=True)
class Update(Command):
    """Sets the attributes that are set in `document`; the others stay."""

    document: Message


@attrs.frozen(kw_only=True)
class Remove(Command):
    force: bool = parameter(False, not_yet(False))
