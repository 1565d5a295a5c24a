"""Commands that give an object of one kind to an object of another: a tag to a VM.

`relation` and `id` are kind and id of what is given, `holder` and `parent_id` of who gets it.
"""

from __future__ import annotations

import attrs

from protocol.command import Command
from protocol.message import message


@attrs.frozen(kw_only=True)
class OfAssignment(Command):
    relation: str
    holder: str


@message("command.assign")
@attrs.frozen(kw_only=True)
class Assign(OfAssignment):
    """Legal when both objects exist. Assigning twice changes nothing."""


@message("command.unassign")
@attrs.frozen(kw_only=True)
class Unassign(OfAssignment):
    """Legal when it is assigned."""
