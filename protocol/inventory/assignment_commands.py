"""Commands that give an object of one kind to an object of another: a tag to a VM.

`relation` and `id` are kind and id of what is given, `holder` and `parent_id` of who gets it.
"""

from __future__ import annotations

import attrs

from protocol.command import Command
from protocol.message import Message, message


@attrs.frozen(kw_only=True)
class OfAssignment(Command):
    relation: str
    holder: str


@message("command.assign")
@attrs.frozen(kw_only=True)
class Assign(OfAssignment):
    """Give an object to another. Legal when both exist; given already, what `document` says of the relation changes."""

    document: Message | None = None


@message("command.unassign")
@attrs.frozen(kw_only=True)
class Unassign(OfAssignment):
    """Take it back. Legal when it is assigned."""
