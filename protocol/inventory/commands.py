"""Commands on entities without behaviour: data centers, clusters, networks, vNIC profiles, users, events, jobs.

One add, update and remove serve them all; `kind` is the resource's name in the registry.
"""

from __future__ import annotations

import attrs

from protocol.command import Add, Remove, Update
from protocol.message import message


@message("command.inventory.add")
@attrs.frozen(kw_only=True)
class AddEntity(Add):
    """Add an object. Legal while its parent exists and its name is free."""

    kind: str


@message("command.inventory.update")
@attrs.frozen(kw_only=True)
class UpdateEntity(Update):
    """Change an object. A new name must be free."""

    kind: str


@message("command.inventory.remove")
@attrs.frozen(kw_only=True)
class RemoveEntity(Remove):
    """Remove an object, with all that lies below it in a tree and its assignments. Legal while nothing else refers to it."""

    kind: str


@message("command.event.add")
@attrs.frozen(kw_only=True)
class AddEvent(Add):
    """Add an event of an external system to the audit trail."""
