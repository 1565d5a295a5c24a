"""Commands that assign an object of one kind to an object of another, such as a tag to a VM.

`relation` and `id` are the kind and id of what is assigned; `holder` and `parent_id` those of the object it is assigned
to.
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
    """Assign an object, or change the attributes that it has there. Assigning it again as it is changes nothing."""

    document: Message | None = None


@message("command.unassign")
@attrs.frozen(kw_only=True)
class Unassign(OfAssignment):
    """Unassign an object. Legal while it is assigned."""
